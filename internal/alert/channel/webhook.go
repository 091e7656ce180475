// Package channel holds the ways to tell people of an alert: webhook, e-mail,
// Slack, Microsoft Teams, PagerDuty, Alertmanager, syslog, command, file, and
// the services of the shoutrrr library. Each is a struct whose Send makes one
// try and returns nil only when the receiver took the message, with what it
// said. None of their errors names a secret; one whose Permanent method says
// true is not worth another try.
package channel

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"residency/internal/residency"
)

// Webhook posts messages as JSON to a URL (schema NotificationSchema). Any 2xx
// status means taken. The header Idempotency-Key has the message's key: the
// same message sent again has the same one.
//
// The path, query and user of the URL are taken to be secrets: services put a
// token there. They stand in no error and in no String.
type Webhook struct {
	URL     string        // http or https
	Client  *http.Client  // nil: http.DefaultClient; its CheckRedirect is not used
	Timeout time.Duration // of the whole exchange; 0: DefaultTimeout

	// Secret signs what is sent, if it is not empty: the header
	// Residency-Signature then is "t=SECONDS,v1=HEX", where SECONDS is the time
	// of sending (Unix) and HEX the HMAC-SHA256 (RFC 2104) of "SECONDS.BODY"
	// under the secret. No redirect is followed then, since it would hand the
	// signed message to another path.
	Secret string
	Now    func() time.Time // nil: time.Now

	// Old has it post the older schema AlertSchema.
	Old bool
}

// Send posts the message.
func (w Webhook) Send(ctx context.Context, n residency.Notification) (string, error) {
	var value any = notificationOf(n)
	if w.Old {
		value = alertOf(n)
	}
	body, err := json.Marshal(value)
	if err != nil {
		return "", never("post alert: write JSON: %w", err)
	}
	header := http.Header{"Idempotency-Key": {n.Key}}
	if w.Secret != "" {
		header.Set("Residency-Signature", w.sign(body))
	}
	return post{what: "post alert", url: w.URL, header: header, body: body, client: w.Client, timeout: w.Timeout, stay: w.Secret != ""}.send(ctx)
}

// sign returns the value of the signature's header.
func (w Webhook) sign(body []byte) string {
	now := time.Now
	if w.Now != nil {
		now = w.Now
	}
	at := strconv.FormatInt(now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(w.Secret))
	fmt.Fprintf(mac, "%s.", at)
	mac.Write(body)
	return "t=" + at + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// String names the webhook without its secrets, so that it can be printed.
func (w Webhook) String() string { return named("webhook", w.URL) }

// GoString is String: %#v would print the URL.
func (w Webhook) GoString() string { return w.String() }
