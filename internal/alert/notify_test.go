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

func TestTellTriesEverything(t *testing.T) {
	t.Parallel()
	broken := errors.New("post to example.org: connection refused")
	var sent []string
	route := func(name string, err error, wants Filter) Route {
		return Route{Name: name, Wants: wants, Channel: channelFunc(func(_ context.Context, n residency.Notification) error {
			sent = append(sent, n.Claim+" "+n.Channel)
			return err
		})}
	}
	about := func(id string) residency.Alert {
		return residency.Alert{ID: id, Kind: residency.AlertFinding, Event: residency.EventOpened, Group: "v/" + id, Vendor: "v", Claim: &residency.Claim{ID: id, Vendor: "v"}}
	}
	err := Tell(t.Context(), []residency.Alert{about("one"), about("two")},
		[]Route{route("first", broken, Filter{}), route("second", nil, Filter{Claims: []string{"two"}})})

	if diff := cmp.Diff([]string{"one first", "two first", "two second"}, sent); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if !errors.Is(err, broken) {
		t.Errorf("Tell = %v, want the channel's error in it", err)
	}
	want := "notify of one: post to example.org: connection refused\nnotify of two: post to example.org: connection refused"
	if err == nil || err.Error() != want {
		t.Errorf("Tell = %v, want %s", err, want)
	}
}

func TestTellNothing(t *testing.T) {
	t.Parallel()
	if err := Tell(t.Context(), nil, []Route{{}}); err != nil {
		t.Errorf("Tell of nothing = %v, want nil", err)
	}
	if err := Tell(t.Context(), []residency.Alert{{ID: "one"}}, nil); err != nil {
		t.Errorf("Tell through nothing = %v, want nil", err)
	}
}
