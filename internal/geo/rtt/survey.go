package rtt

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"residency/internal/residency"
)

// FarHost is a host whose place is known, to check the vantage with. It must
// stand in one place (no anycast, no CDN) and answer on its port.
type FarHost struct {
	Name   string
	Target netip.AddrPort
	At     LatLon
	Within float64 // km: how far the true place may be from At
}

// leastFar is how far, in km, a far host must be to show anything: a host near
// the vantage is never too near.
const leastFar = 1000.0

// Calibration is what must not happen while delays are measured.
type Calibration struct {
	// Silent are addresses that nobody has, so they must not answer. Empty:
	// DocumentationAddresses. They are tried on every port measured, as
	// middleboxes answer by port.
	Silent []netip.Addr

	// Far must not answer faster than light from where the vantage says that
	// it stands. They should be spread over the world: a wrong place of the
	// vantage shows in the host that is near its true place.
	Far []FarHost
}

// DocumentationAddresses returns one address of each block that is set aside
// for documentation and routed nowhere: RFC 5737 and RFC 3849.
func DocumentationAddresses() []netip.Addr {
	return []netip.Addr{
		netip.AddrFrom4([4]byte{192, 0, 2, 1}),
		netip.AddrFrom4([4]byte{198, 51, 100, 1}),
		netip.AddrFrom4([4]byte{203, 0, 113, 1}),
		netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8, 15: 1}),
	}
}

// Survey is everything one vantage measured in one run, and whether it can be
// believed. Its delays are kept when it cannot, to be shown.
type Survey struct {
	Vantage Vantage
	At      time.Time
	Delays  []Delay // of the targets, in their order
	Silent  []Delay // of the addresses that must not answer
	Far     []Delay // of the far hosts, in their order

	// Reason is residency.ReasonRTTUntrusted when no delay can be believed, and
	// Why says in words why. WhyNot4 and WhyNot6 say why those of one address
	// family cannot; they are "" when they can.
	Reason           residency.Reason
	Why              string
	WhyNot4, WhyNot6 string
}

// Survey measures the targets and calibrates the vantage at the same time.
func (p *Prober) Survey(ctx context.Context, v Vantage, cal Calibration, targets []netip.AddrPort) Survey {
	s := Survey{Vantage: v, At: p.Now()}
	if err := v.Check(); err != nil {
		s.distrust(err.Error())
		return s
	}
	silent := cal.silent(targets)
	far := make([]netip.AddrPort, len(cal.Far))
	for i, f := range cal.Far {
		far[i] = f.Target
	}
	s.Silent = p.measure(ctx, silent, 2)
	s.Far = p.Measure(ctx, far)
	s.Delays = p.Measure(ctx, targets)
	s.judge(cal.Far)
	return s
}

// silent returns the silent addresses with every port that is measured.
func (c Calibration) silent(targets []netip.AddrPort) []netip.AddrPort {
	addrs := c.Silent
	if len(addrs) == 0 {
		addrs = DocumentationAddresses()
	}
	var ports []uint16
	for _, t := range targets {
		ports = append(ports, t.Port())
	}
	for _, f := range c.Far {
		ports = append(ports, f.Target.Port())
	}
	slices.Sort(ports)
	var list []netip.AddrPort
	for _, port := range slices.Compact(ports) {
		for _, a := range addrs {
			list = append(list, netip.AddrPortFrom(a, port))
		}
	}
	return list
}

// judge decides what of the survey can be believed.
func (s *Survey) judge(far []FarHost) {
	for _, d := range s.Silent {
		if d.Answered > 0 {
			s.distrust(fmt.Sprintf("%v answers, and nobody has that address: something on the way answers for others", d.Target))
			return
		}
		if d.Failure == residency.FailBudget || d.Failure == residency.FailCancelled {
			s.distrust("the calibration was not finished")
			return
		}
	}
	shown := map[bool]int{} // far hosts that showed something, by Is4
	for i, d := range s.Far {
		if !d.Known() {
			continue
		}
		gap := least(s.Vantage.At.Distance(far[i].At)) - far[i].Within - s.Vantage.Within
		if gap > reach(d.Min, KmPerMsLight) {
			s.distrust(fmt.Sprintf("%s (%v) answers in %v, and light needs %v: the vantage is not where it says, or something on the way answers for others",
				far[i].Name, d.Target, d.Min, time.Duration(gap/KmPerMsLight*float64(time.Millisecond)).Round(10*time.Microsecond)))
			return
		}
		// A refusal can come from anything on the way, so it shows nothing.
		if gap >= leastFar && !d.Refused {
			shown[d.Target.Addr().Unmap().Is4()]++
		}
	}
	const hollow = "no far host answered over %s, so nothing shows that the delays are true"
	if shown[true] == 0 {
		s.WhyNot4 = fmt.Sprintf(hollow, "IPv4")
	}
	if shown[false] == 0 {
		s.WhyNot6 = fmt.Sprintf(hollow, "IPv6")
	}
	if len(shown) == 0 {
		s.distrust("no far host answered, so nothing shows that the delays are true")
	}
}

func (s *Survey) distrust(why string) {
	s.Reason, s.Why = residency.ReasonRTTUntrusted, why
	s.WhyNot4, s.WhyNot6 = why, why
}

// Distrusted says why delays to addresses of addr's family cannot be believed;
// "" when they can.
func (s *Survey) Distrusted(addr netip.Addr) string {
	if addr.Unmap().Is4() {
		return s.WhyNot4
	}
	return s.WhyNot6
}
