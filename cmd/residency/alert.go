package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/alert"
	"residency/internal/residency"
	"residency/internal/store"
)

func newAlert(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "alert",
		Short: "What people were told, what waits, what could not be delivered; and their answers",
		Long: `With [store] in the configuration, everything that people are to be told is
remembered until a receiver has taken it.

  residency alert list              messages: taken, waiting, parked
  residency alert show KEY          one message with its receipts, or one finding
  residency alert test CHANNEL      send a test message through a channel
  residency alert send              deliver what waits, now
  residency alert retry KEY         try a parked message again
  residency alert ack               take findings over: no more reminders of them
  residency alert dispute KEY       say that a finding is wrong
  residency alert settle KEY        decide such a dispute

KEY is a key or the beginning of one, from six signs on: "residency alert list"
shows those of messages, "residency finding list" those of findings.

A message is parked when its receiver refuses it for good (a status of 4xx, an
SMTP reply of 5xx). The [alert] fallback hears of that. Correct the cause and
try the message again.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	path := cmd.PersistentFlags().StringP("config", "c", "config.toml", "configuration file")
	cmd.AddCommand(newAlertList(e, path), newAlertShow(e, path), newAlertTest(e, path), newAlertSend(e, path), newAlertRetry(e, path),
		newAlertAck(e, path), newAlertDispute(e, path), newAlertSettle(e, path))
	return cmd
}

// withStore runs f with the store of a configuration open for writing.
func (e *env) withStore(ctx context.Context, path, command string, f func(*store.Store) error) error {
	cfg, err := e.stored(path)
	if err != nil {
		return err
	}
	s, err := e.openStore(ctx, cfg, command)
	if err != nil {
		return failed(err)
	}
	return errors.Join(f(s), s.Close())
}

func newAlertList(e *env, path *string) *cobra.Command {
	var q store.Post
	var format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List messages, the latest first, with what became of each",
		Example: `  residency alert list --waiting
  residency alert list --channel compliance --format json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "table" && format != "json" {
				return misused("unknown format %q: want table or json", format)
			}
			if q.Waiting && q.Parked {
				return misused("--waiting and --parked do not go together: a parked message waits for nothing")
			}
			s, err := e.reading(cmd.Context(), *path)
			if err != nil {
				return err
			}
			defer s.Close()
			list, err := s.Deliveries(cmd.Context(), q)
			if err != nil {
				return failed(err)
			}
			return e.printDeliveries(list, format)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&q.Channel, "channel", "", "only messages of this channel")
	fl.BoolVar(&q.Waiting, "waiting", false, "only what is not taken yet")
	fl.BoolVar(&q.Parked, "parked", false, "only what could not be delivered")
	fl.IntVar(&q.Limit, "limit", 50, "at most so many; 0 for all")
	fl.StringVarP(&format, "format", "f", "table", "output: table, json")
	return cmd
}

// deliveryJSON is a delivery in the JSON of alert list.
type deliveryJSON struct {
	Key      string              `json:"key"`
	Channel  string              `json:"channel"`
	Group    string              `json:"group"`
	State    string              `json:"state"` // taken, waiting or parked
	Severity residency.Severity  `json:"severity"`
	Subject  string              `json:"subject"`
	Fixed    time.Time           `json:"fixed"`
	Next     *time.Time          `json:"next,omitempty"` // when it is tried again
	Alerts   []string            `json:"alerts"`         // ids
	Receipts []residency.Receipt `json:"receipts"`
}

// state says in a word what became of a delivery.
func state(d residency.Delivery) string {
	switch {
	case d.Parked:
		return "parked"
	case d.Next.IsZero():
		return "taken"
	}
	return "waiting"
}

// printDeliveries writes the list.
func (e *env) printDeliveries(list []residency.Delivery, format string) error {
	if format == "json" {
		out := make([]deliveryJSON, 0, len(list))
		for _, d := range list {
			n := d.Notification
			j := deliveryJSON{Key: n.Key, Channel: n.Channel, Group: n.Group, State: state(d), Severity: n.Severity, Subject: n.Subject,
				Fixed: d.Fixed.UTC(), Alerts: []string{}, Receipts: append([]residency.Receipt{}, d.Receipts...)}
			if !d.Next.IsZero() {
				next := d.Next.UTC()
				j.Next = &next
			}
			for _, a := range n.Alerts {
				j.Alerts = append(j.Alerts, a.ID)
			}
			out = append(out, j)
		}
		enc := json.NewEncoder(e.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			Schema     string         `json:"schema"`
			Deliveries []deliveryJSON `json:"deliveries"`
		}{"residency/alerts/v1", out})
	}
	if len(list) == 0 {
		fmt.Fprintln(e.stdout, "no messages")
		return nil
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MADE (UTC)\tCHANNEL\tSTATE\tTRIES\tKEY\tMESSAGE")
	for _, d := range list {
		n := d.Notification
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", d.Fixed.UTC().Format("2006-01-02 15:04"), n.Channel, state(d), d.Tries, n.Key, n.Subject)
	}
	return w.Flush()
}

func newAlertShow(e *env, path *string) *cobra.Command {
	return &cobra.Command{
		Use:     "show KEY",
		Short:   "Show one message with its receipts, or one finding",
		Example: `  residency alert show 3f9c1a2b`,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := e.reading(cmd.Context(), *path)
			if err != nil {
				return err
			}
			defer s.Close()
			m, err := find(cmd.Context(), s, args[0], true)
			switch {
			case err != nil:
				return err
			case m.message != nil:
				e.showDelivery(*m.message)
			default:
				e.showFinding(*m.finding)
			}
			return nil
		},
	}
}

// showDelivery writes one message.
func (e *env) showDelivery(d residency.Delivery) {
	n := d.Notification
	fmt.Fprintf(e.stdout, "Message %s in channel %s: %s\n", n.Key, n.Channel, state(d))
	for _, r := range d.Receipts {
		word := "not taken"
		if r.Taken {
			word = "taken"
		}
		fmt.Fprintf(e.stdout, "  %s UTC  try %d  %s  %s\n", r.At.UTC().Format("2006-01-02 15:04:05"), r.Try, word, r.Detail)
	}
	if !d.Next.IsZero() {
		fmt.Fprintf(e.stdout, "  next try at %s UTC\n", d.Next.UTC().Format("2006-01-02 15:04:05"))
	}
	seen := map[string]bool{}
	for _, a := range n.Alerts {
		if a.Finding != nil && !seen[a.Finding.Key] {
			seen[a.Finding.Key] = true
			fmt.Fprintf(e.stdout, "  finding %s: %s in %s\n", a.Finding.Key, a.Finding.Host, a.Finding.Market)
		}
	}
	fmt.Fprintf(e.stdout, "\n%s\n\n%s\n", n.Subject, strings.TrimRight(n.Text, "\n"))
}

// showFinding writes one finding.
func (e *env) showFinding(f residency.Finding) {
	at := func(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04 UTC") }
	fmt.Fprintf(e.stdout, "Finding %s: %s %s, %s, for users in %s, against %s\n", f.Key, f.Vendor, f.Service, f.Host, f.Market.Name(), f.Claim)
	fmt.Fprintf(e.stdout, "  opened %s, last seen %s, in %s\n", at(f.Opened), at(f.LastSeen), f.Countries.Names())
	if f.Open() {
		fmt.Fprintln(e.stdout, "  open")
	} else {
		fmt.Fprintf(e.stdout, "  closed %s: %s\n", at(f.Closed), f.ClosedAs.Words())
	}
	if m := f.Acknowledged; m != nil {
		fmt.Fprintf(e.stdout, "  taken over by %s, %s%s\n", m.By, at(m.At), noted(m.Note))
	}
	if d := f.Disputed; d != nil {
		fmt.Fprintf(e.stdout, "  disputed by %s, %s: %s %s%s\n", d.By, at(d.At), d.Document, d.DocumentSHA256, noted(d.Note))
		if d.Settled != nil {
			word := "the finding stands"
			if d.Upheld {
				word = "the finding was wrong: " + d.Cause
			}
			fmt.Fprintf(e.stdout, "  settled %s: %s\n", at(*d.Settled), word)
		}
	}
	if f.Waiver != "" {
		fmt.Fprintf(e.stdout, "  covered by waiver %s\n", f.Waiver)
	}
}

func noted(note string) string {
	if note == "" {
		return ""
	}
	return " (" + note + ")"
}

func newAlertTest(e *env, path *string) *cobra.Command {
	return &cobra.Command{
		Use:   "test CHANNEL",
		Short: "Send a test message through a channel, and say what the receiver said",
		Long: `Send a message that is marked as a test through one channel of the
configuration, at once and whatever its hours, and say what the receiver said.
Nothing is remembered of it.`,
		Example:           `  residency alert test compliance`,
		ValidArgsFunction: e.fromConfig(channelNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := e.loader().Load(*path)
			if err != nil {
				return exitError{exitUsage, err}
			}
			routes, err := e.routes(cfg)
			for _, r := range routes {
				if r.Name == args[0] {
					return e.sendTest(cmd.Context(), r, cfg.Organisation.Notice)
				}
			}
			if err != nil {
				return failed(err)
			}
			if len(cfg.Alert.Channels) == 0 {
				return misused("there is no channel %q: the configuration has no [[alert.channel]]", args[0])
			}
			return misused("there is no channel %q\nhint: there are: %s", args[0], strings.Join(channelNames(cfg), ", "))
		},
	}
}

// sendTest sends one test message.
func (e *env) sendTest(ctx context.Context, r alert.Route, notice string) error {
	now := e.now()
	id := "test-" + now.UTC().Format("20060102T150405.000Z")
	one := residency.Alert{ID: id, At: now, Kind: residency.AlertOperations, Event: residency.EventTest, Group: "operations/test", Notice: notice,
		Text: "This is a test of the channel " + r.Name + ". Nothing has happened."}
	n := alert.Compose([]residency.Alert{one})
	n.Key, n.Channel, n.Group, n.Test = alert.DeliveryKey(r.Name, []string{id}), r.Name, one.Group, true
	timeout := r.Timeout
	if timeout <= 0 {
		timeout = alert.DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	receipt, err := r.Channel.Send(ctx, n)
	if err != nil {
		return failed(fmt.Errorf("channel %q: %w", r.Name, err))
	}
	fmt.Fprintf(e.stdout, "channel %s took the test message %s: %s\n", r.Name, n.Key, receipt)
	return nil
}

func newAlertSend(e *env, path *string) *cobra.Command {
	return &cobra.Command{
		Use:   "send",
		Short: "Deliver what waits, now, within half a minute",
		Long: `Deliver what waits and is due to the channels whose hours are open, and leave
the rest for the next time. "residency watch" does this all the time, and
"residency check --notify" after each check.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := e.stored(*path)
			if err != nil {
				return err
			}
			s, err := e.openStore(cmd.Context(), cfg, "residency alert send")
			if err != nil {
				return failed(err)
			}
			defer s.Close()
			sum, err := e.drain(cmd.Context(), cfg, s)
			fmt.Fprintf(e.stdout, "%d taken, %d to be tried again, %d parked; %s held for later\n",
				sum.Taken, sum.Failed, sum.Parked, residency.Plural(sum.Held, "alert"))
			if err != nil {
				return failed(err)
			}
			return nil
		},
	}
}

func newAlertRetry(e *env, path *string) *cobra.Command {
	var channel string
	var all bool
	cmd := &cobra.Command{
		Use:   "retry [KEY]",
		Short: "Have parked messages tried again: one, or those of a channel, or all",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args)+count(channel != "")+count(all) != 1 {
				return misused("say which: KEY, --channel NAME or --all")
			}
			key := ""
			if len(args) == 1 {
				key = args[0]
			}
			return e.withStore(cmd.Context(), *path, "residency alert retry", func(s *store.Store) error {
				if key != "" {
					var err error
					if key, err = parked(cmd.Context(), s, key); err != nil {
						return err
					}
				}
				n, err := s.Retry(cmd.Context(), key, channel, e.now())
				if err != nil {
					return failed(err)
				}
				fmt.Fprintf(e.stdout, "%s to be tried again\n", residency.Plural(n, "message"))
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&channel, "channel", "", "all parked messages of this channel")
	cmd.Flags().BoolVar(&all, "all", false, "all parked messages")
	return cmd
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
