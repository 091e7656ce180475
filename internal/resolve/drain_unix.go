//go:build unix

package resolve

import (
	"errors"
	"net"
	"syscall"
)

// drain reads packets until the connection gives an error, calls got for each,
// and idle each time before it waits for more.
func drain(conn *net.UDPConn, buf []byte, got func(n int), idle func()) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		for {
			n, err := syscall.Read(int(fd), buf)
			switch {
			case err == nil:
				got(n)
			case errors.Is(err, syscall.EINTR):
			case errors.Is(err, syscall.EAGAIN):
				idle()
				return false
			default:
				failed = err
				return true
			}
		}
	})
	return errors.Join(failed, err)
}
