package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"residency/internal/finding"
	"residency/internal/residency"
	"residency/internal/store"
)

// actJSON is the body of the record of what somebody said about findings.
type actJSON struct {
	Schema   string   `json:"schema"`
	Findings []string `json:"findings"` // keys, sorted
	Note     string   `json:"note,omitempty"`
	Document string   `json:"document,omitempty"`
	SHA256   string   `json:"document_sha256,omitempty"`
	Settled  bool     `json:"settled,omitempty"`
	Upheld   bool     `json:"upheld,omitempty"`
	Cause    string   `json:"cause,omitempty"`
}

// deed is what somebody says about findings.
type deed struct {
	command string // as the store's lock names it
	which   func(context.Context, *store.Store) (store.Which, error)
	change  func(*residency.Finding) (bool, error)
	kind    string // of the record
	by      string
	body    actJSON
	done    string // what was done with them, for people
	none    string // what to say where there is nothing to do it with
}

// act changes findings by one person's word, with its record in the evidence
// log, and says what was done with which.
func (e *env) act(ctx context.Context, path string, d deed) error {
	body := d.body
	return e.withStore(ctx, path, d.command, func(s *store.Store) error {
		q, err := d.which(ctx, s)
		if err != nil {
			return err
		}
		changed, err := s.ChangeFindings(ctx, q, d.change, func(changed []residency.Finding) (residency.Record, []residency.Alert, error) {
			body.Schema = "residency/act/v1"
			for _, f := range changed {
				body.Findings = append(body.Findings, f.Key)
			}
			slices.Sort(body.Findings)
			data, err := json.Marshal(body)
			return residency.Record{Kind: d.kind, At: e.now().UTC(), By: d.by, Body: data}, nil, err
		})
		if err != nil {
			return failed(err)
		}
		if len(changed) == 0 {
			return failed(errors.New(d.none + "\nhint: \"residency finding list\" shows them all"))
		}
		fmt.Fprintf(e.stdout, "%s:\n", d.done)
		for _, f := range changed {
			fmt.Fprintf(e.stdout, "  %s  %s for users in %s, against %s\n", f.Key, f.Host, f.Market, f.Claim)
		}
		fmt.Fprintln(e.stdout, "It is on record in the evidence log.")
		return nil
	})
}

func newAlertAck(e *env, path *string) *cobra.Command {
	var claim, vendor, group, by, note string
	cmd := &cobra.Command{
		Use:   "ack [KEY]",
		Short: "Take open findings over: nobody is reminded of them any more",
		Long: `Take open findings over, by claim, vendor or group, or by the key of one finding
or of a message that told of them; its first six signs will do. Reminders stop;
that one comes due, or moves elsewhere, is told all the same, once. It is a record
in the evidence log, and changes no result.`,
		Example: `  residency alert ack --claim phase-2a --by "A. Rao" --note "asked the vendor"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args)+count(claim != "")+count(vendor != "")+count(group != "") != 1 {
				return misused("say which: KEY, --claim ID, --vendor ID or --group VENDOR/CLAIM")
			}
			who, err := e.person(by)
			if err != nil {
				return err
			}
			which := func(ctx context.Context, s *store.Store) (store.Which, error) {
				if len(args) == 1 {
					return about(ctx, s, args[0])
				}
				q := store.Which{State: store.StateOpen, Claim: claim, Vendor: vendor}
				if group != "" {
					q.Vendor, q.Claim, _ = strings.Cut(group, "/")
				}
				return q, nil
			}
			mark := residency.Mark{By: who, At: e.now().UTC(), Note: note}
			change := func(f *residency.Finding) (bool, error) {
				var err error
				*f, err = finding.Acknowledge(*f, mark)
				return err == nil, err
			}
			return e.act(cmd.Context(), *path, deed{"residency alert ack", which, change, "acknowledged", who, actJSON{Note: note},
				"taken over by " + who + noted(note) + "; no more reminders, but that one comes due or moves is told all the same",
				"no open finding of " + cmp.Or(strings.Join(args, ""), claim, vendor, group) + " to take over"})
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&claim, "claim", "", "all open findings against this claim or policy")
	fl.StringVar(&vendor, "vendor", "", "all open findings about this vendor")
	fl.StringVar(&group, "group", "", "all open findings of this group of messages, VENDOR/CLAIM")
	fl.StringVar(&by, "by", "", "who takes them over; default the user of this machine")
	fl.StringVar(&note, "note", "", "why, or what is being done")
	return cmd
}

func newAlertDispute(e *env, path *string) *cobra.Command {
	var by, document, note string
	cmd := &cobra.Command{
		Use:   "dispute KEY",
		Short: "Say that a finding is wrong, with a document that supports it",
		Long: `Say that a finding is wrong: KEY is its key, or the first six signs or more of it,
as "residency finding list" shows. The document is a file, whose SHA-256 is kept, or
the address of a page. The finding stays as it is until "residency alert settle"
decides.`,
		Example: `  residency alert dispute 3f9c1a2b --document letter.pdf --note "the database is wrong"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if document == "" {
				return misused("what supports it? --document FILE, or the address of a page\nhint: %s", exampleOf(cmd))
			}
			who, err := e.person(by)
			if err != nil {
				return err
			}
			sum, err := documentSum(document)
			if err != nil {
				return err
			}
			d := residency.Dispute{Mark: residency.Mark{By: who, At: e.now().UTC(), Note: note}, Document: document, DocumentSHA256: sum}
			change := func(f *residency.Finding) (bool, error) {
				var err error
				*f, err = finding.Contest(*f, d)
				return err == nil, err
			}
			said := "disputed by " + who + noted(note) + " with " + document
			if sum != "" {
				said += ", SHA-256 " + sum
			}
			return e.act(cmd.Context(), *path, deed{"residency alert dispute", oneFinding(args[0]), change, "disputed", who,
				actJSON{Note: note, Document: document, SHA256: sum},
				said + "; it stays as it is until \"residency alert settle\" decides", "no finding to dispute"})
		},
	}
	cmd.Flags().StringVar(&by, "by", "", "who says so; default the user of this machine")
	cmd.Flags().StringVar(&document, "document", "", "file or address of what supports it")
	cmd.Flags().StringVar(&note, "note", "", "in a sentence, why")
	return cmd
}

// documentSum returns the SHA-256 of a document that is a file, "" for one that
// is an address.
func documentSum(document string) (string, error) {
	if strings.HasPrefix(document, "https://") || strings.HasPrefix(document, "http://") {
		return "", nil
	}
	sum, err := hashFile(document)
	if err != nil {
		return "", failed(err)
	}
	return sum, nil
}

func newAlertSettle(e *env, path *string) *cobra.Command {
	var by, cause string
	var upheld, rejected bool
	cmd := &cobra.Command{
		Use:   "settle KEY",
		Short: "Decide a dispute: the finding was wrong, or it stands",
		Long: `Decide the dispute about a finding. With --upheld the finding was wrong: it is
closed as a false positive with its cause, from which reports say how often
findings are right. With --rejected it stands.`,
		Example: `  residency alert settle 3f9c1a2b --upheld --cause database
  residency alert settle 3f9c1a2b --rejected`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case upheld == rejected:
				return misused("say which: --upheld (the finding was wrong) or --rejected (it stands)")
			case upheld && cause == "":
				return misused("--upheld needs --cause, such as database, anycast or configuration")
			}
			who, err := e.person(by)
			if err != nil {
				return err
			}
			now := e.now().UTC()
			change := func(f *residency.Finding) (bool, error) {
				var err error
				*f, err = finding.Settle(*f, upheld, cause, now)
				return err == nil, err
			}
			said := "decided by " + who + ": the finding stands"
			if upheld {
				said = "decided by " + who + ": the finding was wrong (" + cause + "), and is closed"
			}
			return e.act(cmd.Context(), *path, deed{"residency alert settle", oneFinding(args[0]), change, "disputed", who,
				actJSON{Settled: true, Upheld: upheld, Cause: cause}, said, "no finding to decide about"})
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&by, "by", "", "who decides; default the user of this machine")
	fl.StringVar(&cause, "cause", "", "why it was wrong, in a word: database, anycast, configuration")
	fl.BoolVar(&upheld, "upheld", false, "the finding was wrong")
	fl.BoolVar(&rejected, "rejected", false, "the finding stands")
	return cmd
}
