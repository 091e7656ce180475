package lab

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"residency/internal/residency"
)

// file is a scenario as its TOML file has it.
type file struct {
	Title    string        `toml:"title"`
	Notice   string        `toml:"notice"`
	Timezone string        `toml:"timezone"`
	Steps    []fileStep    `toml:"step"`
	Servers  []fileServer  `toml:"server"`
	Markets  []fileMarket  `toml:"market"`
	Vendor   fileVendor    `toml:"vendor"`
	Services []fileService `toml:"service"`
	Claims   []fileClaim   `toml:"claim"`
	Answers  []fileAnswer  `toml:"answer"`
	Ranges   []fileRanges  `toml:"provider_ranges"`
}

type fileStep struct {
	On      toml.LocalDate `toml:"on"`
	Caption string         `toml:"caption"`
}

type fileServer struct {
	Name    string            `toml:"name"`
	Kind    string            `toml:"kind"`
	Subnets string            `toml:"subnets"`
	Place   residency.Country `toml:"place"`
	Learns  string            `toml:"learns"`
	NSID    string            `toml:"nsid"`
	Faults  []fileFault       `toml:"fault"`
}

type fileFault struct {
	Kind      FaultKind `toml:"kind"`
	Every     int       `toml:"every"`
	Delay     duration  `toml:"delay"`
	Rcode     string    `toml:"rcode"`
	Host      string    `toml:"host"`
	Transport string    `toml:"transport"`
}

type fileMarket struct {
	Code     residency.Country `toml:"code"`
	Name     string            `toml:"name"`
	Subnets  []netip.Prefix    `toml:"client_subnets"`
	Networks []netip.Prefix    `toml:"networks"`
}

type fileVendor struct {
	ID   string `toml:"id"`
	Name string `toml:"name"`
}

type fileService struct {
	ID        string         `toml:"id"`
	Name      string         `toml:"name"`
	Endpoints []fileEndpoint `toml:"endpoint"`
}

type fileEndpoint struct {
	Host    string         `toml:"host"`
	Role    residency.Role `toml:"role"`
	Retired toml.LocalDate `toml:"retired"`
	Note    string         `toml:"note"`
	Source  string         `toml:"source"`
}

type fileClaim struct {
	ID       string              `toml:"id"`
	Title    string              `toml:"title"`
	Services []string            `toml:"services"`
	Markets  []residency.Country `toml:"markets"`
	Regions  []string            `toml:"regions"`
	Due      toml.LocalDate      `toml:"due"`
	SaidBy   string              `toml:"said_by"`
	SaidOn   toml.LocalDate      `toml:"said_on"`
	Quote    string              `toml:"quote"`
	Source   string              `toml:"source"`
}

type fileAnswer struct {
	Host     string              `toml:"host"`
	Markets  []residency.Country `toml:"markets"`
	From     toml.LocalDate      `toml:"from"`
	A        []netip.Addr        `toml:"a"`
	AAAA     []netip.Addr        `toml:"aaaa"`
	CNAME    string              `toml:"cname"`
	NXDomain bool                `toml:"nxdomain"`
	NoData   bool                `toml:"nodata"`
	Pool     PoolKind            `toml:"pool"`
	Size     int                 `toml:"size"`
	Seed     uint64              `toml:"seed"`
	TTL      uint32              `toml:"ttl"`
	Scope    int                 `toml:"scope"`
	Global   bool                `toml:"global"`
}

type fileRanges struct {
	Provider string `toml:"provider"`
	File     string `toml:"file"`
}

// duration is a time.Duration written as "50ms".
type duration time.Duration

// UnmarshalText reads a Go duration.
func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = duration(v)
	return err
}

// Parse reads a scenario file. The name is the scenario's and stands in error
// messages, which tell all that is wrong with line numbers. A key that a
// scenario does not know is an error. The provider range files that it names
// are not read; see Load.
func Parse(name string, data []byte) (*Scenario, error) {
	var f file
	d := toml.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, decodeError(name, err)
	}
	loc, err := time.LoadLocation(f.Timezone)
	if err != nil {
		return nil, fmt.Errorf("%s: timezone %q is not known", name, f.Timezone)
	}
	s, problems := f.scenario(name, loc)
	at := lineIndex(data)
	for i := range problems {
		problems[i].line = at(problems[i].key)
	}
	if len(problems) > 0 {
		return nil, problemError(name, problems)
	}
	if err := s.check(at); err != nil {
		return nil, err
	}
	return s, nil
}

// decodeError rewrites the decoder's errors as "name:line:column: text".
func decodeError(name string, err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) {
		var all []error
		for i := range unknown.Errors {
			row, column := unknown.Errors[i].Position()
			all = append(all, fmt.Errorf("%s:%d:%d: unknown key %q", name, row, column, dotted(unknown.Errors[i].Key())))
		}
		return errors.Join(all...)
	}
	var wrong *toml.DecodeError
	if errors.As(err, &wrong) {
		row, column := wrong.Position()
		return fmt.Errorf("%s:%d:%d: %s: %s", name, row, column, dotted(wrong.Key()), strings.TrimPrefix(wrong.Error(), "toml: "))
	}
	return fmt.Errorf("%s: %w", name, err)
}

// scenario turns the file's form into the package's. Dates are the first
// instant of that day in the scenario's time zone; a step is at noon of it, so
// that it is the same day in most of the world.
func (f *file) scenario(name string, loc *time.Location) (*Scenario, []problem) {
	s := &Scenario{
		Name: name, Title: f.Title, Notice: f.Notice, Location: loc,
		Vendor: Vendor(f.Vendor),
	}
	var problems []problem
	day := func(d toml.LocalDate) residency.Date {
		return residency.Date{Year: d.Year, Month: time.Month(d.Month), Day: d.Day}
	}
	for i, x := range f.Steps {
		if day(x.On).IsZero() {
			problems = append(problems, problemf("step", i, "on", "no date"))
		}
		s.Steps = append(s.Steps, Step{At: day(x.On).Start(loc).Add(12 * time.Hour), Caption: x.Caption})
	}
	for i, x := range f.Servers {
		srv, p := x.server(i)
		s.Servers, problems = append(s.Servers, srv), append(problems, p...)
	}
	for _, x := range f.Markets {
		s.Markets = append(s.Markets, Market(x))
	}
	for _, x := range f.Services {
		svc := Service{ID: x.ID, Name: x.Name}
		for _, e := range x.Endpoints {
			svc.Endpoints = append(svc.Endpoints, Endpoint{Host: e.Host, Role: e.Role, Retired: day(e.Retired), Note: e.Note, Source: e.Source})
		}
		s.Services = append(s.Services, svc)
	}
	for _, x := range f.Claims {
		s.Claims = append(s.Claims, Claim{
			ID: x.ID, Title: x.Title, Services: x.Services, Markets: x.Markets, Regions: x.Regions,
			Due: day(x.Due), SaidBy: x.SaidBy, SaidOn: day(x.SaidOn), Quote: x.Quote, Source: x.Source,
		})
	}
	for i, x := range f.Answers {
		a, p := x.answer(i)
		if d := day(x.From); !d.IsZero() {
			a.From = d.Start(loc)
		}
		s.Answers, problems = append(s.Answers, a), append(problems, p...)
	}
	for _, x := range f.Ranges {
		s.Ranges = append(s.Ranges, Ranges{Provider: x.Provider, File: x.File})
	}
	return s, problems
}

func (x fileServer) server(i int) (Server, []problem) {
	var problems []problem
	srv := Server{Name: x.Name, Learns: x.Learns, Place: x.Place, NSID: x.NSID}
	switch x.Kind {
	case "", "recursive":
	case "authoritative":
		srv.Authoritative = true
	default:
		problems = append(problems, problemf("server", i, "kind", "%q is not recursive or authoritative", x.Kind))
	}
	switch x.Subnets {
	case "", "honours":
	case "ignores":
		srv.Ignores = true
	default:
		problems = append(problems, problemf("server", i, "subnets", "%q is not honours or ignores", x.Subnets))
	}
	for _, f := range x.Faults {
		srv.Faults = append(srv.Faults, Fault{
			Kind: f.Kind, Every: f.Every, Delay: time.Duration(f.Delay), Rcode: f.Rcode, Host: f.Host, Transport: f.Transport,
		})
	}
	return srv, problems
}

func (x fileAnswer) answer(i int) (Answer, []problem) {
	var problems []problem
	for _, a := range x.A {
		if !a.Is4() {
			problems = append(problems, problemf("answer", i, "a", "%s is no IPv4 address", a))
		}
	}
	for _, a := range x.AAAA {
		if a.Is4() {
			problems = append(problems, problemf("answer", i, "aaaa", "%s is no IPv6 address", a))
		}
	}
	return Answer{
		Host: x.Host, Markets: x.Markets, Addresses: append(append([]netip.Addr(nil), x.A...), x.AAAA...),
		CNAME: x.CNAME, NXDomain: x.NXDomain, NoData: x.NoData, Pool: x.Pool, Size: x.Size, Seed: x.Seed, TTL: x.TTL, Scope: x.Scope, Global: x.Global,
	}, problems
}
