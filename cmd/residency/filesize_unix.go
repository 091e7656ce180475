//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// keepWriting lets a write that a limit on the size of files refuses fail like
// one on a full disk, instead of ending the program.
func keepWriting() { signal.Ignore(syscall.SIGXFSZ) }
