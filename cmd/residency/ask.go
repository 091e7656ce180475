package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"residency/internal/config"
	"residency/internal/residency"
)

// ask asks for what the flags of config init left open, if a person is there
// to answer. An answer that cannot be is asked for again.
func (e *env) ask(ctx context.Context, a *config.Answers) error {
	if a.Vendor != "" && len(a.Hosts) > 0 && len(a.Markets) > 0 && len(a.Regions)+len(a.Never) > 0 {
		return nil
	}
	if !e.inTerminal {
		return errors.New("config init needs --vendor, --host, --market, and --regions or --never\nhint: run it on a terminal to be asked")
	}
	q := &questions{e: e, ctx: ctx, lines: linesOf(e.stdin)}
	if a.Vendor == "" {
		a.Vendor = q.text("Which vendor?", filled)
	}
	if len(a.Hosts) == 0 {
		a.Hosts = q.list("Which host names does user data go to?", filled)
	}
	if len(a.Markets) == 0 {
		a.Markets = q.list("Users in which countries (codes, such as IN, SG)?", countryCode)
	}
	if len(a.Regions)+len(a.Never) == 0 {
		a.Regions = q.list("Where may their data go (codes or sets, such as US, SG, EU)?", filled)
	}
	if a.Due == "" && !a.Policy {
		a.Due = q.text("Until which day must that be done (YYYY-MM-DD; empty if it is a rule of your own, in force now)?", dateOrNothing)
		a.Policy = a.Due == ""
	}
	if !a.Policy && a.SaidBy == "" {
		a.SaidBy = q.text("Who promised it (may be empty)?", anything)
		a.Source = q.text("Where can that be read (may be empty)?", anything)
	}
	return q.err
}

// questions puts questions to a person and reads the answers.
type questions struct {
	e     *env
	ctx   context.Context
	lines <-chan string // closed at the end of the input
	err   error         // once set, nothing more is asked
}

// linesOf reads lines in the background, so that a question can be interrupted.
// The goroutine ends with the input, at the latest with the program.
func linesOf(r io.Reader) <-chan string {
	c := make(chan string)
	go func() {
		defer close(c)
		for s := bufio.NewScanner(r); s.Scan(); {
			c <- strings.TrimSpace(s.Text())
		}
	}()
	return c
}

// text asks until check has no objection.
func (q *questions) text(question string, check func(string) string) string {
	for q.err == nil {
		fmt.Fprint(q.e.stderr, question+" ")
		select {
		case <-q.ctx.Done():
			fmt.Fprintln(q.e.stderr)
			q.err = errors.New("config init: interrupted, nothing was written")
		case answer, ok := <-q.lines:
			objection := check(answer)
			if objection == "" {
				return answer
			}
			if !ok {
				q.err = errors.New("config init: the answers ended too early, nothing was written")
				break
			}
			fmt.Fprintln(q.e.stderr, "  "+objection)
		}
	}
	return ""
}

// list asks for words separated by commas or spaces; check looks at each.
func (q *questions) list(question string, check func(string) string) []string {
	split := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
	}
	answer := q.text(question, func(s string) string {
		words := split(s)
		if len(words) == 0 {
			return filled("")
		}
		for _, w := range words {
			if objection := check(w); objection != "" {
				return objection
			}
		}
		return ""
	})
	return split(answer)
}

// The checks of an answer return what is wrong with it, or "".

func anything(string) string { return "" }

func filled(s string) string {
	if s == "" {
		return "An answer is needed."
	}
	return ""
}

func countryCode(s string) string {
	if _, ok := residency.ParseCountry(s); !ok {
		return fmt.Sprintf("%q is no country code: two capital letters, such as IN or SG.", s)
	}
	return ""
}

func dateOrNothing(s string) string {
	if s == "" {
		return ""
	}
	if _, err := residency.ParseDate(s); err != nil {
		return fmt.Sprintf("%q is no date: want one such as 2027-01-31.", s)
	}
	return ""
}
