package ledger

import (
	"errors"
	"fmt"
)

// TamperError says that evidence is not what was sealed: something was added,
// dropped, edited or put elsewhere. It names the first thing that differs.
type TamperError struct {
	Leaf int64  // index of the leaf that it is about; -1 when it is about none
	What string // what differs, "sight of acme/api/api.example.com in run 12"

	// Want is what the evidence says it must be, Got what is there; "" where
	// there is nothing to show.
	Want, Got string
}

// Error says what differs, on one line.
func (e *TamperError) Error() string {
	s := e.What
	if e.Leaf >= 0 {
		s = fmt.Sprintf("leaf %d: %s", e.Leaf, e.What)
	}
	switch {
	case e.Want != "" && e.Got != "":
		s += fmt.Sprintf(": want %s, got %s", e.Want, e.Got)
	case e.Want != "":
		s += ": want " + e.Want
	case e.Got != "":
		s += ": got " + e.Got
	}
	return "evidence does not match: " + s
}

// tampered makes a TamperError.
func tampered(leaf int64, want, got any, format string, args ...any) *TamperError {
	text := func(v any) string {
		if v == nil {
			return ""
		}
		return fmt.Sprint(v)
	}
	return &TamperError{Leaf: leaf, What: fmt.Sprintf(format, args...), Want: text(want), Got: text(got)}
}

// IsTamper reports whether an error says that evidence does not match, and not
// that it could not be read.
func IsTamper(err error) bool {
	_, ok := errors.AsType[*TamperError](err)
	return ok
}
