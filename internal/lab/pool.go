package lab

import (
	"encoding/binary"
	"hash/fnv"
	"sync/atomic"

	"golang.org/x/net/dns/dnsmessage"
)

// PoolKind says which of an answer's addresses one reply holds, and in what
// order. The zero value is PoolWhole.
type PoolKind string

const (
	PoolWhole  PoolKind = "whole"  // all of them, always in the order written
	PoolRotate PoolKind = "rotate" // the next Size in turn; all of them when Size is 0, beginning with the next
	PoolRandom PoolKind = "random" // any Size of them, each as likely as the others
)

// turns counts how often a server has answered from each pool, for A and AAAA
// apart. A server has one turn for all who ask, whatever their client subnet.
// It is safe for concurrent use.
type turns [][2]atomic.Uint64

// choice is which of the addresses one reply holds.
type choice struct {
	kind PoolKind
	size int
	seed uint64 // of this reply
	turn uint64
}

// next takes the next turn of an entry's pool at a server.
func (t turns) next(srv *Server, e *entry, typ dnsmessage.Type) choice {
	if e.kind == "" || e.kind == PoolWhole || e.pool >= len(t) {
		return choice{}
	}
	family := 0
	if typ == dnsmessage.TypeAAAA {
		family = 1
	}
	c := choice{kind: e.kind, size: e.size, turn: t[e.pool][family].Add(1) - 1}
	if e.kind == PoolRandom {
		h := fnv.New64a()
		_, _ = h.Write([]byte(srv.Name)) // a hash takes anything
		_, _ = h.Write(binary.BigEndian.AppendUint64([]byte{byte(family)}, e.seed))
		c.seed = h.Sum64() ^ mix(c.turn+1)
	}
	return c
}

// of returns the chosen ones of a list, which is not changed.
func of[T any](c choice, list []T) []T {
	n := len(list)
	if c.kind == "" || n == 0 {
		return list
	}
	size := c.size
	if size <= 0 || size > n {
		size = n
	}
	out := make([]T, 0, n)
	if c.kind == PoolRotate {
		step := uint64(size)
		if size == n {
			step = 1 // the whole set turns by one
		}
		first := int(c.turn % uint64(n) * step % uint64(n))
		for i := range size {
			out = append(out, list[(first+i)%n])
		}
		return out
	}
	out = append(out, list...)
	for i := range size { // the first steps of a shuffle
		c.seed = mix(c.seed)
		j := i + int(c.seed%uint64(n-i)) // n is far below 2^64: no bias that shows
		out[i], out[j] = out[j], out[i]
	}
	return out[:size]
}

// mix is one step of SplitMix64 (G. L. Steele et al., "Fast splittable
// pseudorandom number generators", 2014): the same seed gives the same replies
// in each run and on each machine.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
