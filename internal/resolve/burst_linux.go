//go:build linux && (amd64 || arm64)

package resolve

import (
	"encoding/binary"
	"net"
	"syscall"
	"unsafe"
)

// The kernel can be given several datagrams of one length as one message, and
// cuts it itself (udp(7), UDP_SEGMENT, since Linux 4.18): the way of a request
// through the kernel costs more than all that we do for it, and so most of it
// is gone only once for many. What is on the wire is the same.
const (
	solUDP     = 17
	udpSegment = 103
	mostAlike  = 64   // UDP_MAX_SEGMENTS
	mostBytes  = 1472 // no request comes near what must not be cut again
)

// burstSys is what the system is told of a burst.
type burstSys struct {
	vec     [burstMost]syscall.Iovec
	hdr     syscall.Msghdr
	control segmentSize
}

// segmentSize is a control message with the length of each packet.
type segmentSize struct {
	hdr  syscall.Cmsghdr
	size [8]byte // two of them, and what they are aligned to
}

// rawOf returns what a UDP connection is read from and written to without its
// methods, or nil for any other.
func rawOf(conn net.Conn) syscall.RawConn {
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return nil
	}
	raw, err := udp.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// canCut reports whether the system cuts messages for this socket.
func canCut(raw syscall.RawConn) (can bool) {
	err := raw.Control(func(fd uintptr) {
		_, err := syscall.GetsockoptInt(int(fd), solUDP, udpSegment)
		can = err == nil
	})
	return can && err == nil
}

// some writes as many requests as the system takes. It reports false when it
// takes no more now.
func (b *burst) some(fd uintptr) bool {
	for b.next < len(b.list) {
		n := 1
		if b.alike {
			n = b.run()
		}
		errno := b.send(fd, n)
		switch {
		case errno == 0:
			b.next += n
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			return false
		case n > 1 && cannotCut(errno):
			b.alike = false
		default:
			b.err = errno
			return true
		}
	}
	return true
}

// cannotCut reports whether an error says that this path cannot have messages
// cut, whatever the socket says. Others are about earlier requests, and are told
// once.
func cannotCut(errno syscall.Errno) bool {
	switch errno {
	case syscall.EIO, syscall.EINVAL, syscall.EMSGSIZE, syscall.EOPNOTSUPP, syscall.ENOPROTOOPT:
		return true
	}
	return false
}

// run returns how many of the next requests are of one length.
func (b *burst) run() int {
	size, n := b.list[b.next].size(), 1
	if size > mostBytes {
		return 1
	}
	for n < mostAlike && n < burstMost && b.next+n < len(b.list) && b.list[b.next+n].size() == size {
		n++
	}
	return n
}

// send writes the next n requests, which are of one length. It never waits, so
// the scheduler need not know of it.
func (b *burst) send(fd uintptr, n int) syscall.Errno {
	if n == 1 {
		wire := b.wire[b.list[b.next].begin:b.list[b.next].end]
		_, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(wire))), uintptr(len(wire)))
		return errno
	}
	sys := &b.sys
	for i, s := range b.list[b.next : b.next+n] {
		sys.vec[i].Base = &b.wire[s.begin]
		sys.vec[i].SetLen(s.size())
	}
	sys.control.hdr.Level, sys.control.hdr.Type = solUDP, udpSegment
	sys.control.hdr.SetLen(syscall.CmsgLen(2))
	binary.NativeEndian.PutUint16(sys.control.size[:], uint16(b.list[b.next].size()))
	sys.hdr = syscall.Msghdr{Iov: &sys.vec[0], Iovlen: uint64(n), Control: (*byte)(unsafe.Pointer(&sys.control))}
	sys.hdr.SetControllen(syscall.CmsgSpace(2))
	_, _, errno := syscall.RawSyscall(syscall.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&sys.hdr)), 0)
	return errno
}

// readNow reads one message if one has come. It never waits either.
func readNow(fd uintptr, room []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(room))), uintptr(len(room)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
