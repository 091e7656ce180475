package residency

import "time"

// Told is what a memory keeps of one subject from run to run, so that each
// thing about it is told once: of a claim, a vendor, a waiver, or a part of the
// monitor itself. Findings keep their own (Finding.Told).
type Told struct {
	Subject string `json:"subject"` // "claim/phase-2a", "vendor/xiaomi", "waiver/w-7", "monitor/resolvers/google"

	Vendor string `json:"vendor,omitempty"` // of a claim

	First time.Time `json:"first"`           // the first run that knew of it
	Since time.Time `json:"since,omitzero"`  // when what is so now began; of a waiver, when it last covered something
	Steps []string  `json:"steps,omitempty"` // what was told

	// Days are the shares of a claim's answers that lay outside, oldest first,
	// as far back as a trend looks.
	Days []DayShare `json:"days,omitempty"`

	Gone bool `json:"-"` // nothing of it is to be kept any more
}

// Clearing is what a finding's end rests on.
type Clearing struct {
	From     time.Time     `json:"from,omitzero"`   // the first run from which everything needed was answered without showing anything outside
	Runs     int           `json:"runs,omitempty"`  // runs in the window that ended with this one
	Window   time.Duration `json:"window,omitzero"` // how far back the verdict looks; 0: this run alone
	Coverage Coverage      `json:"coverage"`        // of the last of them
}
