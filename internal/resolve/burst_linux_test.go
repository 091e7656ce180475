//go:build linux && (amd64 || arm64)

package resolve

import (
	"slices"
	"syscall"
	"testing"
)

// TestBurstNotCut: where the kernel says that it cuts and then does not (here
// because the socket has no checksums), each request is sent by itself.
func TestBurstNotCut(t *testing.T) {
	t.Parallel()
	pc, conn := pairOf(t, "udp4", "127.0.0.1:0")
	raw := rawOf(conn)
	err := raw.Control(func(fd uintptr) {
		if err := syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_NO_CHECK, 1); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	b, want := burstOf([]int{40, 40, 50, 40}, true)
	if err := b.write(conn, raw); err != nil {
		t.Fatal(err)
	}
	if got := arrivals(t, pc, len(want)); !slices.Equal(got, want) {
		t.Error("what arrived is not what was sent")
	}
	if canCut(raw) && b.alike {
		t.Error("the next burst would be tried in the same way again")
	}
}
