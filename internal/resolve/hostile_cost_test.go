package resolve

import (
	"cmp"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"residency/internal/residency"
)

// TestHostileCost makes every look of the tables of hostile servers by itself
// and prints what each cost: go test -run TestHostileCost -v. The memory is all
// that was allocated meanwhile, by the server too, which is in the process.
func TestHostileCost(t *testing.T) { // not in parallel: memory is counted for the whole process
	const mostMemory = 16 << 20
	var table strings.Builder
	cost := func(what, name string, look func(testing.TB) residency.Observation) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin := time.Now()
		o := look(t)
		took := time.Since(begin)
		runtime.ReadMemStats(&after)
		bytes := after.TotalAlloc - before.TotalAlloc
		fmt.Fprintf(&table, "| %s: %s | %s | %.1f | %d |\n",
			what, name, cmp.Or(string(o.Failure), "answer"), float64(took.Microseconds())/1000, bytes>>10)
		if took > 10*time.Second || bytes > mostMemory {
			t.Errorf("%s: %s: the look took %v and %d bytes, want at most 10 s and %d", what, name, took, bytes, mostMemory)
		}
	}
	for _, c := range hostileOverUDP() {
		cost("UDP", c.name, c.look)
	}
	for _, c := range hostileOverTCP() {
		cost("TCP", c.name, c.look)
	}
	for _, c := range monsters() {
		cost("TCP", c.name, c.look)
	}
	cost("UDP", fmt.Sprintf("%d guessed ids, then the answer", 2*maxStray), spoofed)
	t.Logf("\n| the server's behaviour | ends as | ms | KiB |\n| --- | --- | ---: | ---: |\n%s", table.String())
}
