package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"residency/internal/dataset"
)

// TestUpdateTellsACauseOnce: without a network every source fails for one
// reason, which is said once; what failed for its own is said with it.
func TestUpdateTellsACauseOnce(t *testing.T) {
	t.Parallel()
	unasked := func(host string) error {
		return fmt.Errorf("get https://%s/: %w", host, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{
			Err: "dial udp 192.0.2.53:53: connect: network is unreachable", Name: host, Server: "192.0.2.53:53"}})
	}
	refused := func(port int) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{Port: port}, Err: syscall.ECONNREFUSED}
	}
	results := []dataset.Result{
		{Name: "aws", Status: dataset.Failed, Err: unasked("a.example")},
		{Name: "gcp", Status: dataset.Failed, Err: unasked("b.example")},
		{Name: "oci", Status: dataset.Failed, Err: refused(1)},
		{Name: "azure", Status: dataset.Failed, Err: refused(2)},
		{Name: "linode", Status: dataset.Failed, Err: errors.New("a web page came in place of the data")},
	}
	var out, errs bytes.Buffer
	e := testEnv(&out, &errs)
	err := e.tell(results)
	want := "aws, gcp: no name server of this machine tells where it is (connect: network is unreachable)\n" +
		"oci, azure: no connection to it (connection refused)\n" +
		"5 of 5 sources failed: what was in use stays in use"
	if err == nil || err.Error() != want {
		t.Errorf("tell = %v, want\n%s", err, want)
	}
	if got := out.String(); strings.Contains(got, "unreachable") || !strings.Contains(got, "linode  failed  a web page came in place of the data; no file of it fetched so far\n") {
		t.Errorf("tell printed\n%s", got)
	}
}
