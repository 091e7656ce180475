package main

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress is a bar on standard error, drawn only when a person looks at it.
type progress struct{ bar *progressbar.ProgressBar }

// progress begins a bar.
func (e *env) progress(what string) *progress {
	if !e.errTerminal {
		return &progress{}
	}
	return &progress{progressbar.NewOptions(-1,
		progressbar.OptionSetWriter(e.stderr),
		progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish(),
	)}
}

// set shows that done of total is finished.
func (p *progress) set(done, total int) {
	if p.bar == nil {
		return
	}
	if p.bar.GetMax() != total {
		p.bar.ChangeMax(total)
	}
	_ = p.bar.Set(done) // a bar that cannot be drawn stops nothing
}

// done clears the bar.
func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
