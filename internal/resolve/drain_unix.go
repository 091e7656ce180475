//go:build unix

package resolve

import (
	"errors"
	"net"
	"syscall"
)

// together is how many packets are read at most before idle is called.
const together = 32

// drain reads packets until the connection gives an error, calls got for each,
// and idle after several and each time before it waits for more.
func drain(conn *net.UDPConn, buf []byte, got func(n int), idle func()) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		for k := 1; ; k++ {
			n, err := syscall.Read(int(fd), buf)
			switch {
			case err == nil:
				got(n)
				if k%together == 0 {
					idle()
				}
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
