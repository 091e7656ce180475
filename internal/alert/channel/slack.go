package channel

import (
	"context"
	"net/http"
	"strings"
	"time"

	"residency/internal/residency"
)

// Slack posts messages to an incoming webhook of Slack, or of what understands
// the same (Mattermost, Rocket.Chat), as blocks. Texts are plain, so that
// nothing in them mentions people or becomes a link.
type Slack struct {
	URL     string // of the incoming webhook; all of it is a secret but the host
	Client  *http.Client
	Timeout time.Duration
}

// What Slack takes, in bytes (it counts characters).
const (
	slackHeader  = 150
	slackSection = 3000
	slackBlocks  = 40 // of 50
)

type slackText struct {
	Type  string `json:"type"`
	Text  string `json:"text"`
	Emoji *bool  `json:"emoji,omitempty"`
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text,omitempty"`
	Elements []slackText `json:"elements,omitempty"`
}

// Send posts the message.
func (s Slack) Send(ctx context.Context, n residency.Notification) (string, error) {
	body := struct {
		Text   string       `json:"text"` // in notifications, where there are no blocks
		Blocks []slackBlock `json:"blocks"`
	}{slackEscape(cut(n.Subject, slackSection)), slackMessage(n)}
	return post{what: "post to Slack", url: s.URL, body: body, client: s.Client, timeout: s.Timeout, stay: true, quote: true}.send(ctx)
}

// slackMessage returns the blocks of the message.
func slackMessage(n residency.Notification) []slackBlock {
	plain := func(s string) slackText { no := false; return slackText{Type: "plain_text", Text: s, Emoji: &no} }
	head := plain(cut(mark(n)+n.Subject, slackHeader))
	blocks := []slackBlock{{Type: "header", Text: &head}}
	for _, part := range pieces(n.Text, slackSection) {
		if len(blocks) == slackBlocks {
			break
		}
		text := plain(part)
		blocks = append(blocks, slackBlock{Type: "section", Text: &text})
	}
	return append(blocks, slackBlock{Type: "context", Elements: []slackText{plain(footer(n))}})
}

// slackEscape escapes what Slack gives a meaning in texts that are not plain.
func slackEscape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// mark begins the subject of a message that is not about something bad that
// has just been seen.
func mark(n residency.Notification) string {
	switch {
	case n.Test:
		return "[TEST] "
	case n.Resolves:
		return "[OVER] "
	}
	return ""
}

// footer is the line below a message by which it can be found again.
func footer(n residency.Notification) string {
	return "residency, " + n.Severity.String() + ", message " + n.Key
}

// pieces cuts a text into parts of at most n bytes, between lines where that
// can be.
func pieces(text string, n int) []string {
	var parts []string
	text = strings.ToValidUTF8(strings.TrimSpace(text), "?")
	for len(text) > n {
		at := strings.LastIndexByte(text[:n], '\n')
		if at <= 0 {
			at = len(strings.ToValidUTF8(text[:n], ""))
		}
		if part := strings.TrimSpace(text[:at]); part != "" {
			parts = append(parts, part)
		}
		text = strings.TrimLeft(text[at:], "\n")
	}
	if text != "" {
		parts = append(parts, text)
	}
	return parts
}

// String names the channel without its secrets.
func (s Slack) String() string { return named("slack", s.URL) }

// GoString is String: %#v would print the URL.
func (s Slack) GoString() string { return s.String() }
