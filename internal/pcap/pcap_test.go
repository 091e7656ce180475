package pcap

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func messages() []Message {
	at := time.Date(2014, 11, 2, 3, 4, 5, 678901234, time.UTC)
	four, six := netip.MustParseAddrPort("192.0.2.7:40000"), netip.MustParseAddrPort("[2001:db8::7]:40000")
	return []Message{
		{At: at, Client: four, Server: netip.MustParseAddrPort("8.8.8.8:53"), Data: []byte("question"), Note: "run 1"},
		{At: at.Add(time.Millisecond), Client: four, Server: netip.MustParseAddrPort("8.8.8.8:53"), Reply: true, Data: []byte("answer, odd"), Note: "run 1"},
		{At: at, Client: six, Server: netip.MustParseAddrPort("[2001:4860:4860::8888]:853"), Stream: true, Data: []byte("q")},
		{At: at, Client: six, Server: netip.MustParseAddrPort("[2001:4860:4860::8888]:853"), Stream: true, Reply: true, Data: bytes.Repeat([]byte{7}, MaxMessage)},
		{Client: four, Server: netip.MustParseAddrPort("8.8.4.4:53"), Stream: true, Data: nil},
	}
}

func write(t testing.TB, list []Message) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, "Looks at a.example.com. ", list); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	want := messages()
	data := write(t, want)
	got, err := Read(data)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		want[i].Note = strings.TrimPrefix(want[i].Note+". "+Reconstructed, ". ")
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("Read of what was written (-want +got):\n%s", diff)
	}
	if again := write(t, messages()); !bytes.Equal(data, again) {
		t.Error("the same messages give other bytes")
	}
	if !bytes.Contains(data[:200], []byte("Looks at a.example.com. IP, UDP and TCP headers are reconstructed")) {
		t.Error("the file does not say that its headers are reconstructed")
	}
}

// TestPacketBytes holds one packet to what was worked out by hand from RFC 791
// and RFC 768.
func TestPacketBytes(t *testing.T) {
	t.Parallel()
	m := Message{Client: netip.MustParseAddrPort("192.0.2.1:53000"), Server: netip.MustParseAddrPort("192.0.2.53:53"), Data: []byte{1, 2, 3}}
	w := &writer{next: map[flow]uint32{}}
	got := hex.EncodeToString(w.packets(&m)[0])
	want := "4500001f000040004011b697c0000201c0000235" + "cf080035000b" + "a861" + "010203"
	if got != want {
		t.Errorf("packet %s\nwant   %s", got, want)
	}
}

// TestChecksums works the sums out again over what was written, as whoever
// receives a packet does: together with their sum, all words make 0xffff.
func TestChecksums(t *testing.T) {
	t.Parallel()
	w := &writer{next: map[flow]uint32{}}
	for i, m := range messages() {
		for _, p := range w.packets(&m) {
			head := 20
			if p[0]>>4 == 6 {
				head = 40
			} else if s := fold(sum(0, p[:20])); s != 0xffff {
				t.Errorf("message %d: the IPv4 header sums up to %#x", i, s)
			}
			proto, from, to, body, err := openNetwork(p)
			if err != nil || len(p)-len(body) != head {
				t.Fatalf("message %d: %v", i, err)
			}
			if s := checksum(from, to, proto, body); s != 0 {
				t.Errorf("message %d: the transport's checksum leaves %#x", i, s)
			}
		}
	}
}

func TestWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	list, err := Read(write(t, []Message{{Data: []byte("x")}, {Data: []byte("y"), Server: netip.MustParseAddrPort("[2001:db8::53]:53"), Client: netip.MustParseAddrPort("192.0.2.9:4000")}}))
	if err != nil {
		t.Fatal(err)
	}
	if list[0].Client != unknownClient(false) || list[0].Server != unknownServer() || list[1].Client != unknownClient(true) {
		t.Errorf("Read = %+v", list)
	}
	if err := Write(&bytes.Buffer{}, "", []Message{{Data: make([]byte, MaxMessage+1)}}); err == nil {
		t.Error("a message longer than one can be was written")
	}
}

func TestReadOfWhatIsDamaged(t *testing.T) {
	t.Parallel()
	whole := write(t, messages())
	for n := range whole {
		if n%97 == 0 || n < 300 {
			if list, err := Read(whole[:n]); err == nil && len(list) == len(messages()) {
				t.Fatalf("%d of %d bytes read as the whole file", n, len(whole))
			}
		}
	}
}

// FuzzRead: no file brings the reader down, and what it reads can be written
// and read again.
func FuzzRead(f *testing.F) {
	f.Add(write(f, messages()[:3]))
	f.Add(write(f, nil))
	f.Add([]byte("\x0a\x0d\x0d\x0a\x0c\x00\x00\x00\x0c\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := Read(data)
		if err != nil {
			return
		}
		again, err := Read(write(t, list))
		if err != nil || len(again) != len(list) {
			t.Errorf("%d messages read, written and read again give %d, %v", len(list), len(again), err)
		}
	})
}
