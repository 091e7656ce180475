package pool

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"residency/internal/residency"
)

func candidate(host string, records ...*Record) Candidate {
	return Candidate{Question: residency.Question{Endpoint: residency.Endpoint{Host: host}, Market: in, Type: "A"}, Resolver: "r", Records: records}
}

// recursive makes a record of a recursive server whose answer runs out so many
// seconds after the start.
func recursive(fresh int, list ...[]int) *Record {
	r := record(0, "A", list...)
	r.Authoritative, r.Fresh = false, start.Add(time.Duration(fresh)*time.Second)
	return r
}

func TestNext(t *testing.T) {
	t.Parallel()
	both := Default()
	both.Recursive = true
	once := Default()
	once.Max = 1
	for _, tt := range []struct {
		name string
		set  Settings
		left int
		list []Candidate
		ask  map[string]int // host to times
		at   int            // seconds after the start
	}{
		{"nothing", Default(), 100, nil, nil, 0},
		{"first burst", Default(), 100, []Candidate{candidate("a", record(0, "A", same(1, 1)...))}, map[string]int{"a": 20}, 0},
		{"seen in full", Default(), 100, []Candidate{candidate("a", record(0, "A", same(21, 1)...))}, nil, 0},
		{"random, on to the cap", Default(), 100, []Candidate{candidate("a", record(0, "A", random(1, 95, 8)...))}, map[string]int{"a": 9}, 0},
		{"one server of two is behind", Default(), 100, []Candidate{candidate("a", record(0, "A", same(21, 1)...), record(0, "A", same(3, 1)...))}, map[string]int{"a": 20}, 0},
		{"fewest draws first", Default(), 30, []Candidate{candidate("a", record(0, "A", random(1, 40, 8)...)), candidate("b", record(0, "A", same(1, 1)...))}, map[string]int{"b": 20, "a": 10}, 0},
		{"nothing left", Default(), 0, []Candidate{candidate("a", record(0, "A", same(1, 1)...))}, nil, 0},
		{"never again", once, 100, []Candidate{candidate("a", record(0, "A", same(1, 1)...))}, nil, 0},
		{"recursive, by default", Default(), 100, []Candidate{candidate("a", recursive(5, same(1, 1)...))}, nil, 0},
		{"recursive, after the TTL", both, 100, []Candidate{candidate("a", recursive(5, same(1, 1)...)), candidate("b", recursive(9, same(1, 1)...))}, map[string]int{"a": 1}, 6},
		{"recursive, together", both, 100, []Candidate{candidate("a", recursive(5, same(1, 1)...)), candidate("b", recursive(6, same(1, 1)...))}, map[string]int{"a": 1, "b": 1}, 6},
		{"recursive, too late for this run", both, 100, []Candidate{candidate("a", recursive(61, same(1, 1)...))}, nil, 0},
		{"authoritative does not wait", both, 100, []Candidate{candidate("a", recursive(5, same(1, 1)...)), candidate("b", record(0, "A", same(1, 1)...))}, map[string]int{"b": 20}, 0},
	} {
		plan := tt.set.Next(start, start.Add(time.Minute), tt.left, tt.list)
		got := map[string]int{}
		for _, w := range plan.Ask {
			got[w.Question.Endpoint.Host] += w.Times
		}
		if len(got) != len(tt.ask) {
			t.Errorf("%s: asks %v, want %v", tt.name, got, tt.ask)
		}
		for host, n := range tt.ask {
			if got[host] != n {
				t.Errorf("%s: asks %v, want %v", tt.name, got, tt.ask)
			}
		}
		if len(plan.Ask) > 0 && !plan.At.Equal(start.Add(time.Duration(tt.at)*time.Second)) {
			t.Errorf("%s: at %v, want %d s after the start", tt.name, plan.At, tt.at)
		}
	}
}

// TestPlansEnd follows plans until they are empty: no key is drawn beyond the
// cap, no more is asked than may be, and nothing is asked before its time.
func TestPlansEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := Settings{
			UntilNoNew: rapid.IntRange(1, 25).Draw(t, "quiet"), Max: rapid.IntRange(1, 60).Draw(t, "max"),
			Authoritative: true, Recursive: rapid.Bool().Draw(t, "recursive"),
		}
		left := rapid.IntRange(0, 300).Draw(t, "left")
		now, end := start, start.Add(time.Minute)
		var list []Candidate
		for range rapid.IntRange(0, 4).Draw(t, "candidates") {
			r := record(0, "A", []int{0})
			if rapid.Bool().Draw(t, "is recursive") {
				r = recursive(rapid.IntRange(0, 90).Draw(t, "fresh"), []int{0})
			}
			list = append(list, candidate(string(rune('a'+len(list))), r))
		}
		for {
			plan := s.Next(now, end, left, list)
			if len(plan.Ask) == 0 {
				return
			}
			if plan.At.Before(now) || plan.At.After(end) {
				t.Fatalf("plan for %v, now %v, end %v", plan.At, now, end)
			}
			now = plan.At
			for _, w := range plan.Ask {
				r := list[w.Question.Endpoint.Host[0]-'a'].Records[0]
				if left -= w.Times; left < 0 || w.Times < 1 {
					t.Fatalf("asks %d more than it may", -left)
				}
				if !r.Authoritative && r.Fresh.After(now) {
					t.Fatalf("asks a cache at %v, fresh at %v", now, r.Fresh)
				}
				for range w.Times {
					r.Draws = append(r.Draws, sets([]int{rapid.IntRange(0, 9).Draw(t, "answer")})...)
				}
				r.Fresh = now.Add(5 * time.Second)
				if len(r.Draws) > s.Max {
					t.Fatalf("%d draws, cap %d", len(r.Draws), s.Max)
				}
			}
		}
	})
}
