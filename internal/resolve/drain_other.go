//go:build !unix

package resolve

import "net"

// drain reads packets until the connection gives an error, calls got for each,
// and idle each time before it waits for more.
func drain(conn *net.UDPConn, buf []byte, got func(n int), idle func()) error {
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return err
		}
		got(n)
		idle()
	}
}
