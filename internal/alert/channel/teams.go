package channel

import (
	"context"
	"net/http"
	"strings"
	"time"

	"residency/internal/residency"
)

// Teams posts messages to a Workflows webhook of Microsoft Teams, as an
// Adaptive Card. (The connectors that took MessageCard are retired.)
type Teams struct {
	URL     string // of the workflow; all of it is a secret but the host
	Client  *http.Client
	Timeout time.Duration
}

// Teams takes 28 KB of JSON. teamsText is how much text is tried first;
// escaping can make it twice as long and more.
const (
	teamsText = 16 << 10
	teamsMost = 27 << 10
)

// card is an Adaptive Card 1.4, as far as it is used here.
type card struct {
	Schema  string            `json:"$schema"`
	Type    string            `json:"type"`
	Version string            `json:"version"`
	Body    []cardText        `json:"body"`
	Teams   map[string]string `json:"msteams"`
}

type cardText struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Wrap     bool   `json:"wrap"`
	Size     string `json:"size,omitempty"`
	Weight   string `json:"weight,omitempty"`
	Color    string `json:"color,omitempty"`
	IsSubtle bool   `json:"isSubtle,omitempty"`
	Spacing  string `json:"spacing,omitempty"`
}

type cardAttachment struct {
	ContentType string `json:"contentType"`
	Content     card   `json:"content"`
}

// Send posts the message.
func (t Teams) Send(ctx context.Context, n residency.Notification) (string, error) {
	var body []byte
	for most := teamsText; most > 1; most /= 2 {
		message := struct {
			Type        string           `json:"type"`
			Attachments []cardAttachment `json:"attachments"`
		}{"message", []cardAttachment{{"application/vnd.microsoft.card.adaptive", teamsCard(n, most)}}}
		var err error
		if body, err = compact(message); err != nil {
			return "", never("post to Teams: write JSON: %w", err)
		}
		if len(body) <= teamsMost {
			break
		}
	}
	return post{what: "post to Teams", url: t.URL, body: body, client: t.Client, timeout: t.Timeout, stay: true, quote: true}.send(ctx)
}

// teamsCard returns the card of the message: a title, a part for each paragraph
// of at most so many bytes of its text, and the key.
func teamsCard(n residency.Notification, most int) card {
	color := map[residency.Severity]string{residency.SeverityCritical: "attention", residency.SeverityWarning: "warning"}[n.Severity]
	if n.Resolves || n.Test {
		color = "good"
	}
	body := []cardText{{Type: "TextBlock", Text: teamsEscape(cut(mark(n)+n.Subject, 1000)), Wrap: true, Size: "medium", Weight: "bolder", Color: color}}
	for paragraph := range strings.SplitSeq(cut(n.Text, most), "\n\n") {
		if text := strings.TrimSpace(paragraph); text != "" {
			// A card joins lines that one line end parts.
			body = append(body, cardText{Type: "TextBlock", Text: strings.ReplaceAll(teamsEscape(text), "\n", "\n\n"), Wrap: true})
		}
	}
	body = append(body, cardText{Type: "TextBlock", Text: teamsEscape(footer(n)), Wrap: true, Size: "small", IsSubtle: true, Spacing: "medium"})
	return card{
		Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4",
		Body: body, Teams: map[string]string{"width": "Full"},
	}
}

// teamsEscape keeps the text from being read as Markdown.
func teamsEscape(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "?") {
		if strings.ContainsRune("\\`*_{}[]()#+-.!|<>~", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// String names the channel without its secrets.
func (t Teams) String() string { return named("teams", t.URL) }

// GoString is String: %#v would print the URL.
func (t Teams) GoString() string { return t.String() }
