package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes other than 0. check follows the monitoring-plugin convention and
// uses 1, 2 and 3 for results; other commands know only these two.
const (
	exitFailed  = 1
	exitUsage   = 2
	exitUnknown = 3
)

// exitError is an error with the exit code it ends the program with. An empty
// message is not printed: the output has said it all.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

// failed and misused wrap err with their exit codes; one that it has already
// stays.
func failed(err error) error {
	if _, has := errors.AsType[exitError](err); has {
		return err
	}
	return exitError{exitFailed, err}
}
func misused(format string, args ...any) error {
	return exitError{exitUsage, fmt.Errorf(format, args...)}
}

// run parses args, runs the command and returns the exit code. Every error is
// said here, once.
func run(ctx context.Context, e *env, args []string) int {
	root := newRoot(e)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	code := exitUsage // what cobra itself refuses is usage
	if ee, ok := errors.AsType[exitError](err); ok {
		code = ee.code
	}
	msg := err.Error()
	if msg == "" {
		return code // a result, and printed
	}
	say(e, msg)
	if cmd != nil && (cmd.CommandPath() == "residency check" || cmd.CommandPath() == "residency status") {
		return exitUnknown // 1 and 2 are results there
	}
	return code
}

// say prints an error: every line of it, the hints as hints.
func say(e *env, msg string) {
	for line := range strings.SplitSeq(strings.TrimRight(msg, "\n"), "\n") {
		if hint, ok := strings.CutPrefix(strings.TrimSpace(line), "hint: "); ok {
			fmt.Fprintf(e.stderr, "residency: hint: %s\n", hint)
			continue
		}
		fmt.Fprintf(e.stderr, "residency: error: %s\n", line)
	}
}

// newRoot builds the tree of commands.
func newRoot(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "residency",
		Short: "Shows, with evidence, in which country your vendors answer your users",
		Long: `residency shows, with evidence, in which country vendors answer the users of a
market, and whether that is what they promised.

It looks the vendor's host names up as users in each market would get them,
works out where every address is and how sure that is, and judges it against
the claim: approved regions, markets, due date. It can show that data still
goes elsewhere. It can never show that it does not.

Exit codes:
  0  done
  1  it failed, or the answer is no: something does not verify, does not answer,
     is not delivered, or is wrong in a configuration that was to be checked
  2  the command line cannot be used, or the configuration: it is missing, cannot
     be read, or has mistakes
"check" and "status" end with how the claims stand: 0 holding, 1 pending, 2
broken, 3 unknown. Where other commands end with 1 or 2, these end with 3, so that
a mistake is never taken for a result.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       buildVersion(),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetHelpCommand(&cobra.Command{Use: "help [command]", Short: "Help about any command", Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			target, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return misused("no command %q to help with", strings.Join(args, " "))
			}
			return target.Help()
		}})
	root.AddCommand(
		newDemo(e), newCheck(e), newWatch(e), newStatus(e), newHistory(e), newExplain(e), newResolve(e), newResolvers(e), newLocate(e),
		newConfig(e), newData(e), newStore(e), newWaiver(e), newFinding(e), newAlert(e), newKey(e), newSeal(e), newVerify(e), newBundle(e), newReplay(e), newReport(e), newClaim(e), newLab(e), newRelay(e), newVersion(e),
	)
	plainUsage(root)
	e.completeAll(root)
	return root
}
