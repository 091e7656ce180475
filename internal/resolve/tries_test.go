package resolve

import (
	"math/rand/v2"
	"testing"
)

// TestTries holds the table to a map, with ids that crowd and ids that do not.
func TestTries(t *testing.T) {
	t.Parallel()
	for _, ids := range []uint16{8, 40, 1000, 65535} {
		rnd := rand.New(rand.NewPCG(1, uint64(ids)))
		var table tries
		model := map[uint16]*flight{}
		for step := range 20000 {
			id := uint16(rnd.IntN(int(ids)))
			if rnd.IntN(4) == 0 {
				id = id<<6 | 15 // one place for many
			}
			switch {
			case model[id] != nil:
				table.remove(id)
				delete(model, id)
			case len(model) < 300:
				f := &flight{id: id}
				table.put(f)
				model[id] = f
			default:
				table.remove(id) // not there
			}
			if got, want := table.get(id), model[id]; got != want || table.n != len(model) {
				t.Fatalf("step %d: id %d gives %p of %d tries, want %p of %d", step, id, got, table.n, want, len(model))
			}
			if step%1000 == 999 {
				seen := 0
				for f := range table.all() {
					if model[f.id] != f {
						t.Fatalf("step %d: id %d is another try, or should be gone", step, f.id)
					}
					seen++
				}
				if seen != len(model) {
					t.Fatalf("step %d: the table yields %d tries, want %d", step, seen, len(model))
				}
				for id, f := range model {
					if table.get(id) != f {
						t.Fatalf("step %d: id %d is not found", step, id)
					}
				}
			}
		}
		if list := table.takeAll(); len(list) != len(model) || table.n != 0 || table.get(1) != nil {
			t.Errorf("takeAll gives %d tries and leaves %d, want %d and 0", len(list), table.n, len(model))
		}
	}
}
