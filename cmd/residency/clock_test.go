package main

import (
	"runtime"
	"testing"
	"time"
)

func TestMachineClock(t *testing.T) {
	t.Parallel()
	c := machineClock()
	if runtime.GOOS == "linux" && c.Source != "adjtimex" {
		t.Errorf("Linux says nothing of its clock: %+v", c)
	}
	if c.Offset.Abs() > time.Second || c.MaxError < 0 || c.Offset%time.Microsecond != 0 {
		t.Errorf("the clock cannot be so: %+v", c)
	}
}
