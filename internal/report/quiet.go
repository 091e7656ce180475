package report

import "residency/internal/residency"

// Shows reports whether an output with these options shows something that has
// changed since the run before or not, and is well or not.
func (o Options) Shows(changed, well bool) bool {
	switch {
	case !o.Quiet:
		return true
	case o.News:
		return changed
	}
	return !well
}

// silent reports whether a quiet output has nothing to say. A partial run has:
// it may have missed something.
func (o Options) silent(run *residency.Run) bool {
	if !o.Quiet {
		return false
	}
	if !o.News || run.Partial {
		return ExitCode(*run) == 0
	}
	for _, c := range run.Claims {
		if c.Changed {
			return false
		}
	}
	for _, cell := range cells(run) {
		if cell.Changed {
			return false
		}
	}
	return true
}
