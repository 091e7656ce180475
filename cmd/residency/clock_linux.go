package main

import (
	"syscall"
	"time"

	"residency/internal/residency"
)

// Bits of the kernel's clock status (adjtimex(2)).
const (
	staUnsync = 0x0040 // nothing keeps the clock right
	staNano   = 0x2000 // the offset is in nanoseconds, else in microseconds
)

// machineClock asks the kernel how right its clock is; it changes nothing.
func machineClock() residency.Clock {
	var t syscall.Timex
	state, err := syscall.Adjtimex(&t)
	if err != nil {
		return residency.Clock{}
	}
	unit := time.Microsecond
	if t.Status&staNano != 0 {
		unit = time.Nanosecond
	}
	const timeError = 5 // TIME_ERROR: the clock is not synchronised
	return residency.Clock{
		Source: "adjtimex", Offset: (time.Duration(t.Offset) * unit).Truncate(time.Microsecond),
		MaxError: time.Duration(t.Maxerror) * time.Microsecond, Synchronised: state != timeError && t.Status&staUnsync == 0,
	}
}
