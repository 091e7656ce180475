//go:build !linux || !(amd64 || arm64)

package resolve

import (
	"net"
	"syscall"
)

// burstSys is what the system is told of a burst: here nothing.
type burstSys struct{}

// canCut reports whether the system cuts messages into packets.
func canCut(syscall.RawConn) bool { return false }

// rawOf returns what a connection is read from and written to without its
// methods: here nothing.
func rawOf(net.Conn) syscall.RawConn { return nil }

// some is not called where rawOf returns nothing.
func (b *burst) some(uintptr) bool { return true }

func readNow(uintptr, []byte) (int, error) { return 0, syscall.EINVAL }
