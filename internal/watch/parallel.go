package watch

import (
	"runtime"
	"sync"
	"sync/atomic"

	"residency/internal/residency"
)

// mostWorkers bounds how many goroutines judge a batch. Looking goes on
// meanwhile, and saving.
const mostWorkers = 4

// stretch is how many endpoints a worker takes at a time. Fewer are not worth a
// goroutine.
const stretch = 50

// workers returns a Keeper for each worker of a pass.
func workers() []residency.Keeper {
	return make([]residency.Keeper, min(runtime.GOMAXPROCS(0), mostWorkers))
}

// each calls do once for every number below n, by several goroutines at a time,
// each with its own Keeper. What do does for one number must not depend on what
// it does for another, so that the results are the same in any order.
func (p *pass) each(n int, do func(k *residency.Keeper, i int)) {
	var next atomic.Int64
	work := func(k *residency.Keeper) {
		for {
			from := int(next.Add(stretch)) - stretch
			if from >= n {
				return
			}
			for i := from; i < min(from+stretch, n); i++ {
				do(k, i)
			}
		}
	}
	var others sync.WaitGroup
	for w := 1; w < len(p.keepers) && w*stretch < n; w++ {
		others.Go(func() { work(&p.keepers[w]) })
	}
	work(&p.keepers[0])
	others.Wait()
}
