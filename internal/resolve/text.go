package resolve

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/miekg/dns"
)

// Text writes a DNS message as dig prints one, for people. Every line ends with
// "\n", and nothing in it can steer a terminal.
func Text(message []byte) (string, error) {
	var m dns.Msg
	if err := m.Unpack(message); err != nil {
		return "", fmt.Errorf("read message: %w", err)
	}
	text := strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return unicode.ReplacementChar
		}
		return r
	}, m.String())
	return strings.TrimRight(text, "\n") + "\n", nil
}
