package resolve

import "iter"

// tries is a table of the tries that wait on a socket, by their ids. A map does
// the same for several times the work, because it cannot know that ids are
// random already: here an id is its own hash, and nobody outside chooses it.
type tries struct {
	slots []*flight // the length is a power of two; an id not in its place is in one of the next
	n     int
}

// leastSlots is how long a table begins.
const leastSlots = 16

// find returns where the try with an id is, or the free slot where it belongs.
// There must be a free slot.
func (t *tries) find(id uint16) int {
	mask := len(t.slots) - 1
	i := int(id) & mask
	for t.slots[i] != nil && t.slots[i].id != id {
		i = (i + 1) & mask
	}
	return i
}

// get returns the try with an id, or nil.
func (t *tries) get(id uint16) *flight {
	if t.n == 0 {
		return nil
	}
	return t.slots[t.find(id)]
}

// put adds a try, whose id no other has.
func (t *tries) put(f *flight) {
	if 2*t.n >= len(t.slots) {
		old := t.slots
		t.slots = make([]*flight, max(leastSlots, 2*len(old)))
		for _, f := range old {
			if f != nil {
				t.slots[t.find(f.id)] = f
			}
		}
	}
	t.slots[t.find(f.id)] = f
	t.n++
}

// remove takes the try with an id out, if there is one.
func (t *tries) remove(id uint16) {
	if t.n == 0 {
		return
	}
	mask := len(t.slots) - 1
	hole := t.find(id)
	if t.slots[hole] == nil {
		return
	}
	t.n--
	// What follows without a gap moves back, unless it would come to stand
	// before its place.
	for i := (hole + 1) & mask; t.slots[i] != nil; i = (i + 1) & mask {
		if place := int(t.slots[i].id) & mask; (i-place)&mask >= (i-hole)&mask {
			t.slots[hole] = t.slots[i]
			hole = i
		}
	}
	t.slots[hole] = nil
}

// all yields the tries, among which none may be removed meanwhile.
func (t *tries) all() iter.Seq[*flight] {
	return func(yield func(*flight) bool) {
		for _, f := range t.slots {
			if f != nil && !yield(f) {
				return
			}
		}
	}
}

// takeAll takes every try out.
func (t *tries) takeAll() []*flight {
	list := make([]*flight, 0, t.n)
	for f := range t.all() {
		list = append(list, f)
	}
	clear(t.slots)
	t.n = 0
	return list
}
