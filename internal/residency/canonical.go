package residency

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"
)

// canon writes canonical JSON: fields in a fixed order, no blanks, empty ones
// left out, strings escaped in one way. Equal values give equal bytes, which
// is what makes their hashes worth keeping.
type canon struct{ b []byte }

// sep writes the comma between two members or elements.
func (w *canon) sep() {
	if n := len(w.b); n > 0 && w.b[n-1] != '{' && w.b[n-1] != '[' {
		w.b = append(w.b, ',')
	}
}

// key writes a member's name, which needs no escaping.
func (w *canon) key(name string) {
	w.sep()
	b := append(w.b, '"')
	b = append(b, name...)
	w.b = append(b, '"', ':')
}

// open writes a bracket, as the value of a member or an element.
func (w *canon) open(bracket byte) { w.b = append(w.b, bracket) }

// shut writes a closing bracket.
func (w *canon) shut(bracket byte) { w.b = append(w.b, bracket) }

// str writes a string member; none for "".
func (w *canon) str(name, s string) {
	if s != "" {
		w.key(name)
		w.quote(s)
	}
}

// yes writes a member that is true; none for false.
func (w *canon) yes(name string, v bool) {
	if v {
		w.key(name)
		w.b = append(w.b, "true"...)
	}
}

// num writes a number; none for 0.
func (w *canon) num(name string, n int64) {
	if n != 0 {
		w.key(name)
		w.b = strconv.AppendInt(w.b, n, 10)
	}
}

// addr writes an address; none for the zero one.
func (w *canon) addr(name string, a netip.Addr) {
	if a.IsValid() {
		w.key(name)
		w.b = append(w.b, '"')
		w.b = a.AppendTo(w.b)
		w.b = append(w.b, '"')
	}
}

// prefix writes a prefix; none for one that is not valid.
func (w *canon) prefix(name string, p netip.Prefix) {
	if p.IsValid() {
		w.key(name)
		w.b = append(w.b, '"')
		w.b = p.AppendTo(w.b)
		w.b = append(w.b, '"')
	}
}

// time writes an instant in UTC; none for the zero time.
func (w *canon) time(name string, t time.Time) {
	if !t.IsZero() {
		w.key(name)
		w.b = append(w.b, '"')
		w.b = t.UTC().AppendFormat(w.b, time.RFC3339Nano)
		w.b = append(w.b, '"')
	}
}

// bytes writes bytes in base64 (RFC 4648 section 4); none for no bytes.
func (w *canon) bytes(name string, data []byte) {
	if len(data) > 0 {
		w.key(name)
		w.b = append(w.b, '"')
		w.b = base64.StdEncoding.AppendEncode(w.b, data)
		w.b = append(w.b, '"')
	}
}

// countries writes a set; none for the empty one.
func (w *canon) countries(name string, s Countries) {
	if s.Empty() {
		return
	}
	w.key(name)
	w.open('[')
	for c := range s.All() {
		w.sep()
		w.quote(c.String())
	}
	w.shut(']')
}

// words writes a list of strings in its order; none for no strings.
func words[S ~string](w *canon, name string, list []S) {
	if len(list) == 0 {
		return
	}
	w.key(name)
	w.open('[')
	for _, s := range list {
		w.sep()
		w.quote(string(s))
	}
	w.shut(']')
}

const hexDigits = "0123456789abcdef"

// quote writes a string. What is not UTF-8 becomes U+FFFD, as JSON cannot hold
// it; control characters, the quote and the backslash are escaped, all else
// stands as it is.
func (w *canon) quote(s string) {
	n := 0
	for n < len(s) && isPlain(s[n]) {
		n++
	}
	if n == len(s) { // nearly every string
		b := append(w.b, '"')
		b = append(b, s...)
		w.b = append(b, '"')
		return
	}
	w.escape(s)
}

// isPlain reports whether a byte stands as it is, whatever is around it.
func isPlain(c byte) bool { return c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' }

// escape is quote for a string that is not plain.
func (w *canon) escape(s string) {
	w.b = append(w.b, '"')
	plain := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			if isPlain(c) {
				continue
			}
			w.b = append(w.b, s[plain:i-1]...)
			if c == '"' || c == '\\' {
				w.b = append(w.b, '\\', c)
			} else {
				w.b = append(w.b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			plain = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			w.b = append(w.b, s[plain:i]...)
			w.b = append(w.b, "\uFFFD"...)
			plain = i + 1
		}
		i += size
	}
	w.b = append(w.b, s[plain:]...)
	w.b = append(w.b, '"')
}

// hash writes a hash as a string; none for no hash.
func (w *canon) hash(name string, h Hash) {
	if h == (Hash{}) {
		return
	}
	w.key(name)
	w.b = append(w.b, '"')
	for _, c := range h {
		w.b = append(w.b, hexDigits[c>>4], hexDigits[c&15])
	}
	w.b = append(w.b, '"')
}

// readCanonical decodes one JSON value of the given schema. A field that is
// not known is an error: it may be what the value was judged by.
func readCanonical(data []byte, schema string, into interface{ schema() string }) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("read %s: %w", schema, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s: something follows it", schema)
	}
	if got := into.schema(); got != schema {
		return fmt.Errorf("read %s: it says that it is %q", schema, got)
	}
	return nil
}
