package alert

import (
	"context"
	"errors"
	"testing"

	"residency/internal/residency"

	"github.com/google/go-cmp/cmp"
)

// channelFunc is a Channel in a function.
type channelFunc func(context.Context, residency.Notification) error

func (f channelFunc) Send(ctx context.Context, a residency.Notification) (string, error) {
	return "taken", f(ctx, a)
}

func TestNotifyTriesEverything(t *testing.T) {
	t.Parallel()
	broken := errors.New("post to example.org: connection refused")
	var sent []string
	channel := func(name string, err error) Channel {
		return channelFunc(func(_ context.Context, a residency.Notification) error {
			sent = append(sent, a.Claim+" "+name)
			return err
		})
	}
	err := Notify(t.Context(),
		[]residency.Notification{{Claim: "one"}, {Claim: "two"}},
		[]Channel{channel("first", broken), channel("second", nil)})

	if diff := cmp.Diff([]string{"one first", "one second", "two first", "two second"}, sent); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if !errors.Is(err, broken) {
		t.Errorf("Notify = %v, want the channel's error in it", err)
	}
	want := "notify of one: post to example.org: connection refused\nnotify of two: post to example.org: connection refused"
	if err == nil || err.Error() != want {
		t.Errorf("Notify = %v, want %s", err, want)
	}
}

func TestNotifyNothing(t *testing.T) {
	t.Parallel()
	if err := Notify(t.Context(), nil, []Channel{nil}); err != nil {
		t.Errorf("Notify of nothing = %v, want nil", err)
	}
	if err := Notify(t.Context(), []residency.Notification{{Claim: "one"}}, nil); err != nil {
		t.Errorf("Notify through nothing = %v, want nil", err)
	}
}
