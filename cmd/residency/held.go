package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"residency/internal/config"
	"residency/internal/dataset"
	"residency/internal/geo/mmdb"
	"residency/internal/geo/prefix"
	"residency/internal/residency"
)

// Words for the location data to use, besides a directory.
const (
	pickCurrent  = "current"  // newer files in place of the embedded ones
	pickPrevious = "previous" // of each set the file before the one in use
	pickEmbedded = "embedded" // what the program carries, alone
)

// dataDir is where the data that is kept fresh lies: as configured, else in the
// user's cache directory; "" when there is none.
func (e *env) dataDir(cfg config.Geo) string {
	if cfg.DataDir != "" {
		return cfg.DataDir
	}
	base := e.getenv("XDG_CACHE_HOME")
	switch home := e.getenv("HOME"); {
	case runtime.GOOS == "windows":
		base = e.getenv("LocalAppData")
	case runtime.GOOS == "darwin" && home != "":
		base = filepath.Join(home, "Library", "Caches")
	case !filepath.IsAbs(base) && home != "":
		base = filepath.Join(home, ".cache")
	}
	if !filepath.IsAbs(base) {
		return ""
	}
	return filepath.Join(base, "residency")
}

// heldSet is a file of a store that may speak in place of an embedded one.
type heldSet struct {
	set     dataset.Set
	version *dataset.Version
	store   dataset.Store
	shown   string // the path that outputs name; "" for the file's own
	open    source
	err     error
}

// voice is what makes one data set take the place of another: the same origin
// and the same kind of statement. Geofeeds never do: each is about addresses of
// its own, though all are the word of holders.
type voice struct {
	class   residency.Class
	lineage string
	name    string
}

func voiceOf(d residency.Dataset) voice {
	v := voice{class: d.Class, lineage: d.Lineage}
	if d.Class == residency.ClassGeofeed {
		v.name = d.Name
	}
	return v
}

// picked is the choice of data: the files, and whether they speak although
// the embedded ones are newer.
type picked struct {
	sets   []heldSet
	always bool
	note   string // for every output, when it is not the data in use
	err    error  // of sets that could not be read
}

// errNoPrevious is what "previous" means where no set was ever updated twice:
// the embedded data in its place would make every comparison come out the same.
var errNoPrevious = errors.New("there is no previous location data: no data set has been updated more than once\nhint: \"residency data list\" lists what there is")

// pick finds the files that the word or directory means.
func (e *env) pick(ctx context.Context, cfg config.Geo, what string) (picked, error) {
	const instead = ", in place of the data in use"
	store := dataset.Store{Dir: e.dataDir(cfg)}
	switch what {
	case pickEmbedded:
		return picked{note: "located with the data that the program carries alone" + instead}, nil
	case "", pickCurrent:
		if store.Dir == "" {
			return picked{}, nil
		}
		return pickFrom(store, func(s dataset.Set) *dataset.Version { return s.Current }), nil
	case pickPrevious:
		p := pickFrom(store, func(s dataset.Set) *dataset.Version { return s.Previous })
		p.always, p.note = true, "located with the files before the last update"+instead
		if len(p.sets) == 0 && p.err == nil {
			return p, errNoPrevious
		}
		return p, nil
	}
	p, err := e.pickDir(ctx, what)
	p.always, p.note = true, "located with the data of "+what+instead
	return p, err
}

// pickFrom takes one version of each set of a store.
func pickFrom(store dataset.Store, version func(dataset.Set) *dataset.Version) picked {
	sets, err := store.Sets()
	p := picked{err: err}
	for _, s := range sets {
		if v := version(s); v != nil {
			p.sets = append(p.sets, heldSet{set: s, version: v, store: store})
		}
	}
	return p
}

// pickDir takes a directory: a store, or files as their makers name them. Those
// are unpacked and verified as an import would do it, in a place of their own.
func (e *env) pickDir(ctx context.Context, dir string) (picked, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return picked{}, fmt.Errorf("location data %q is neither a directory nor one of %s, %s, %s", dir, pickCurrent, pickPrevious, pickEmbedded)
	}
	p := pickFrom(dataset.Store{Dir: dir}, func(s dataset.Set) *dataset.Version { return s.Current })
	if len(p.sets) > 0 || p.err != nil {
		return p, nil
	}
	temp, err := os.MkdirTemp("", "residency-data-")
	if err != nil {
		return picked{}, err
	}
	defer os.RemoveAll(temp)
	u := e.updater(temp, readable(nil))
	u.Force = true
	for _, r := range u.Import(ctx, dir) {
		if r.Err != nil && !errors.Is(r.Err, dataset.ErrNotThere) {
			p.err = errors.Join(p.err, fmt.Errorf("%s: %w", r.Name, r.Err))
		}
	}
	p2 := pickFrom(dataset.Store{Dir: temp}, func(s dataset.Set) *dataset.Version { return s.Current })
	p.sets = p2.sets
	for i := range p.sets {
		h := &p.sets[i]
		h.shown = filepath.Join(dir, strings.TrimPrefix(h.version.Sources[0].URL, "import "))
		h.openFile() // while it is there
	}
	if len(p.sets) == 0 && p.err == nil {
		return p, fmt.Errorf("--data %s: no data set in it, and no file that this program knows", dir)
	}
	return p, nil
}

// openFile opens the file, once.
func (h *heldSet) openFile() {
	if h.open != nil || h.err != nil {
		return
	}
	data, err := h.store.Read(h.set, h.version)
	if err != nil {
		h.err = err
		return
	}
	id := h.store.Dataset(h.set, h.version)
	if h.shown != "" {
		id.File = h.shown
	}
	h.open, h.err = openData(h.set.Format, h.set.Provider, data, id)
}

// openData opens the bytes of a data set, known to be those that were verified.
func openData(format dataset.Format, provider string, data []byte, id residency.Dataset) (source, error) {
	switch format {
	case dataset.FormatMMDB:
		return mmdb.FromBytes(data, id)
	case dataset.FormatPrefixes:
		return prefix.ReadVetoes(data, id)
	case dataset.FormatRanges:
		return prefix.Read(data, id.File, id.Built, provider)
	case dataset.FormatGeofeed:
		return prefix.ReadGeofeed(data, id.File, id.Built)
	}
	return nil, fmt.Errorf("open %s: this program reads no %q of %s", id.Name, format, provider)
}

// readable returns the sources whose files this program can read, changed by
// the configuration. Sources that are off are left out.
func readable(updates []config.Update) []dataset.Remote {
	var list []dataset.Remote
	for _, r := range dataset.Remotes() {
		switch r.Format {
		case dataset.FormatMMDB, dataset.FormatPrefixes, dataset.FormatGeofeed:
		case dataset.FormatRanges:
			if !slices.Contains(prefix.Providers(), r.Provider) {
				continue
			}
		default:
			continue
		}
		i := slices.IndexFunc(updates, func(u config.Update) bool { return u.Name == r.Name })
		if i < 0 {
			list = append(list, r)
			continue
		}
		u := updates[i]
		if u.Off {
			continue
		}
		if u.URL != "" {
			r.URLs = []string{u.URL}
		}
		if !u.Key.IsZero() {
			r.Key = u.Key.Reveal
		}
		if !u.Account.IsZero() {
			r.Account = u.Account.Reveal
		}
		list = append(list, r)
	}
	return list
}

// merge puts the sources in the place of the embedded ones of the same voice.
// own are the voices of files that the user names: these alone speak for them.
func (p picked) merge(embedded []source, own map[voice]bool) (list []source, unused []unusedData, missing []string) {
	if p.err != nil {
		missing = append(missing, fmt.Sprintf("data directory: %v", p.err))
	}
	built := map[voice]time.Time{}
	for _, s := range embedded {
		built[voiceOf(s.Dataset())] = s.Dataset().Built
	}
	var held []source
	instead := map[voice]string{}
	for i := range p.sets {
		h := &p.sets[i]
		id := h.store.Dataset(h.set, h.version)
		v := voiceOf(id)
		switch {
		case own[v]:
			unused = append(unused, unusedData{id, "a file of the configuration speaks for it"})
			continue
		case !p.always && !built[v].IsZero() && !built[v].Before(id.Built):
			unused = append(unused, unusedData{id, "the one that the program carries is not older"})
			continue
		}
		if h.openFile(); h.err != nil {
			missing = append(missing, fmt.Sprintf("%s: %v", h.set.Name, h.err))
			continue
		}
		held, instead[v] = append(held, h.open), id.Name
	}
	for _, s := range embedded {
		v := voiceOf(s.Dataset())
		switch name, replaced := instead[v]; {
		case own[v]:
			unused = append(unused, unusedData{s.Dataset(), "a file of the configuration speaks for it"})
		case replaced:
			unused = append(unused, unusedData{s.Dataset(), "replaced by " + name})
		default:
			list = append(list, s)
		}
	}
	return append(list, held...), unused, missing
}

// unusedData is a data set that is here and does not speak, and why.
type unusedData struct {
	dataset residency.Dataset
	why     string
}
