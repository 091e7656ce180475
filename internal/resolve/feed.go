package resolve

import (
	"context"
	"iter"
	"sync"

	"residency/internal/residency"
)

// feedAhead is how many questions of a stream are held for the slowest server.
const feedAhead = 1024

// feed holds the questions of one run for its readers, the servers, each of
// which goes through all of them at its own speed. Those of a stream are given
// up once every reader has had them, so a stream of any length takes the same
// memory.
type feed struct {
	mu    sync.Mutex
	moved sync.Cond            // a question came or was given up, or the feed ended
	list  []residency.Question // those from number first on
	first int
	whole bool   // the list is the caller's, and all of it
	ended bool   // no more will come
	next  []int  // by reader: the number of its next question
	dry   bool   // a reader has had all there is
	wake  func() // tells the readers that there is more, or will be no more

	stream func() // fills the feed; nil for a list
}

// newFeed returns the feed of a list of questions.
func newFeed(qs []residency.Question) *feed {
	f := &feed{list: qs, whole: true, ended: true, wake: func() {}}
	f.moved.L = &f.mu
	return f
}

// newStream returns a feed that is filled from a stream, once it has begun,
// until the stream or ctx ends.
func newStream(ctx context.Context, qs iter.Seq[residency.Question]) *feed {
	f := &feed{list: make([]residency.Question, 0, feedAhead), wake: func() {}}
	f.moved.L = &f.mu
	f.stream = func() { f.pour(ctx, qs) }
	return f
}

// begin has the feed filled, and wake called when there is more in it for a
// reader that has had all, and when it ends. The goroutine that fills it is not
// waited for: the stream may be one that waits for a person.
func (f *feed) begin(wake func()) {
	f.mu.Lock()
	f.wake = wake
	f.mu.Unlock()
	if f.stream != nil {
		go f.stream()
	}
}

// join adds a reader and returns its number. All join before the feed begins.
func (f *feed) join() int {
	f.next = append(f.next, 0)
	return len(f.next) - 1
}

// pour puts a stream into the feed.
func (f *feed) pour(ctx context.Context, qs iter.Seq[residency.Question]) {
	defer f.end()
	defer context.AfterFunc(ctx, f.end)()
	for q := range qs {
		if !f.put(&q) || ctx.Err() != nil {
			return
		}
	}
}

// put adds a question, once there is room. It reports false after the end.
func (f *feed) put(q *residency.Question) bool {
	f.mu.Lock()
	for len(f.list) == feedAhead && !f.ended {
		f.moved.Wait()
	}
	if f.ended {
		f.mu.Unlock()
		return false
	}
	f.list = append(f.list, *q)
	dry, wake := f.dry, f.wake
	f.dry = false
	f.moved.Broadcast()
	f.mu.Unlock()
	if dry {
		wake()
	}
	return true
}

// end says that no more questions will come.
func (f *feed) end() {
	f.mu.Lock()
	f.ended = true
	wake := f.wake
	f.moved.Broadcast()
	f.mu.Unlock()
	wake()
}

// take gives a reader its next question, if there is one now.
func (f *feed) take(reader int, into *residency.Question) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.next[reader] - f.first
	if at == len(f.list) {
		f.dry = true
		return false
	}
	*into = f.list[at]
	f.next[reader]++
	if at == feedAhead/2 && !f.whole {
		f.forget()
	}
	return true
}

// over reports whether a reader has had all there will ever be.
func (f *feed) over(reader int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ended && f.next[reader] == f.first+len(f.list)
}

// chunk waits for questions and gives a reader at most n of them, or the whole
// list; none when the feed is over.
func (f *feed) chunk(reader, n int) []residency.Question {
	f.mu.Lock()
	defer f.mu.Unlock()
	for !f.ended && f.next[reader] == f.first+len(f.list) {
		f.moved.Wait()
	}
	at := f.next[reader] - f.first
	if f.whole {
		f.next[reader] = len(f.list)
		return f.list[at:]
	}
	qs := append([]residency.Question(nil), f.list[at:min(at+n, len(f.list))]...)
	f.next[reader] += len(qs)
	f.forget()
	return qs
}

// forget gives up the questions that every reader has had. f.mu is held.
func (f *feed) forget() {
	low := f.next[0]
	for _, n := range f.next {
		low = min(low, n)
	}
	if low == f.first {
		return
	}
	n := copy(f.list, f.list[low-f.first:])
	clear(f.list[n:])
	f.list, f.first = f.list[:n], low
	f.moved.Broadcast()
}
