package residency

import (
	"fmt"
	"net/netip"
	"time"
)

// Survey is what came of measuring delays from one vantage in one run. What
// the delays say of an address is in the assertions of its location.
type Survey struct {
	Vantage  string
	At       time.Time
	Targets  int // addresses, each with a port, that were to be measured
	Answered int // of them, refusals included
	LeftOut  int // of them, not measured: there were too many

	// Reason is ReasonRTTUntrusted when no delay of it can be believed, and Why
	// says in plain words why not. WhyNot4 and WhyNot6 say why those to
	// addresses of one family cannot be; "" when they can.
	Reason           Reason
	Why              string
	WhyNot4, WhyNot6 string
}

// Distrusts reports whether delays to addresses of addr's family cannot be
// believed.
func (s Survey) Distrusts(addr netip.Addr) bool {
	if addr.Unmap().Is4() {
		return s.WhyNot4 != ""
	}
	return s.WhyNot6 != ""
}

// Words says in one plain sentence what came of the survey.
func (s Survey) Words() string {
	if s.Reason != "" {
		return fmt.Sprintf("the delays measured from %s are not used (%s): %s", s.Vantage, s.Reason, s.Why)
	}
	text := fmt.Sprintf("delays were measured from %s, and the calibration held: of %s, %d answered", s.Vantage, Plural(s.Targets, "port"), s.Answered)
	if s.LeftOut > 0 {
		text += fmt.Sprintf(", and %d were left out", s.LeftOut)
	}
	switch {
	case s.WhyNot6 != "":
		text += "; those to IPv6 addresses are not used: " + s.WhyNot6
	case s.WhyNot4 != "":
		text += "; those to IPv4 addresses are not used: " + s.WhyNot4
	}
	return text
}

// Distrusted reports whether delays were measured for addresses of addr's
// family, and none of the surveys can be believed.
func Distrusted(surveys []Survey, addr netip.Addr) bool {
	for _, s := range surveys {
		if !s.Distrusts(addr) {
			return false
		}
	}
	return len(surveys) > 0
}
