package main

import "runtime/debug"

// A check is short and makes much that it needs once only. With twice the usual
// room between two collections of garbage a large one takes 5 to 9% less
// processor time and a third more memory. Beyond hurryMemory they come as often
// as it takes to stay there.
const (
	hurryPercent = 200
	hurryMemory  = 640 << 20 // bytes
)

// hurry lets the process take memory for time, where the user has not said how
// much it may take (GOGC, GOMEMLIMIT).
func hurry(getenv func(string) string) {
	if getenv("GOGC") != "" || getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(hurryPercent)
	debug.SetMemoryLimit(hurryMemory)
}
