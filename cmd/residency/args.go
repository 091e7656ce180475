package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// plainUsage makes every command below cmd say in plain words what is wrong with
// its command line, with an example. What a command takes is read from its Use
// line, so that the help and the check cannot differ.
func plainUsage(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(flagError)
	if cmd.HasAvailableSubCommands() {
		cmd.Args = noSuchCommand
	} else {
		cmd.Args = wantedBy(cmd)
	}
	for _, sub := range cmd.Commands() {
		plainUsage(sub)
	}
}

// noSuchCommand refuses an argument of a command that has only others below it.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := fmt.Sprintf("%q lists the commands", "residency help"+strings.TrimPrefix(cmd.CommandPath(), "residency"))
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("did you mean %q? ", cmd.CommandPath()+" "+near[0]) + hint
	}
	return misused("unknown command %q for %q\nhint: %s", args[0], cmd.CommandPath(), hint)
}

// wanted are the arguments that a Use line names.
type wanted struct {
	needed []string // must be there
	most   int      // -1: as many as one likes
}

// wantedOf reads a Use line: "diff OLD NEW [ADDRESS...]" needs two arguments
// and takes any number more. Flags, from the first on, are no arguments.
func wantedOf(use string) wanted {
	_, rest, _ := strings.Cut(use, " ")
	var w wanted
	optional := 0
	for rest != "" && !strings.HasPrefix(rest, "-") && !strings.HasPrefix(rest, "(") {
		var one string
		if strings.HasPrefix(rest, "[") {
			one, rest, _ = strings.Cut(rest, "]")
			optional++
		} else {
			one, rest, _ = strings.Cut(rest, " ")
			w.needed = append(w.needed, strings.TrimSuffix(one, "..."))
		}
		if strings.HasSuffix(one, "...") {
			w.most = -1
		}
		rest = strings.TrimSpace(rest)
	}
	if w.most == 0 {
		w.most = len(w.needed) + optional
	}
	return w
}

// wantedBy checks the number of arguments.
func wantedBy(cmd *cobra.Command) cobra.PositionalArgs {
	w := wantedOf(cmd.Use)
	return func(cmd *cobra.Command, args []string) error {
		name := strings.TrimPrefix(cmd.CommandPath(), "residency ")
		switch {
		case len(args) < len(w.needed):
			missing := w.needed[len(args):]
			verb := "is"
			if len(missing) > 1 {
				verb = "are"
			}
			return misused("%s: %s %s missing: %s\nhint: %s", name, strings.Join(missing, " and "), verb, usageLine(cmd), exampleOf(cmd))
		case w.most == 0 && len(args) > 0:
			return misused("%s takes no argument, and was given %q\nhint: %s", name, args[0], exampleOf(cmd))
		case w.most > 0 && len(args) > w.most:
			return misused("%s: %q is one argument too many: %s\nhint: %s", name, args[w.most], usageLine(cmd), exampleOf(cmd))
		}
		return nil
	}
}

// usageLine is the command with its arguments, without the word for flags.
func usageLine(cmd *cobra.Command) string {
	return strings.TrimSuffix(cmd.UseLine(), " [flags]")
}

// exampleOf names an example of the command, and where there is more to read.
func exampleOf(cmd *cobra.Command) string {
	help := fmt.Sprintf("%q says more", "residency help"+strings.TrimPrefix(cmd.CommandPath(), "residency"))
	first, _, _ := strings.Cut(strings.TrimSpace(cmd.Example), "\n")
	if first == "" {
		return help
	}
	return "for example: " + first + "\nhint: " + help
}

// flagError says what is wrong with a flag, and what would be right.
func flagError(cmd *cobra.Command, err error) error {
	help := fmt.Sprintf("%q lists the flags", "residency help"+strings.TrimPrefix(cmd.CommandPath(), "residency"))
	var unknown *pflag.NotExistError
	var empty *pflag.ValueRequiredError
	var wrong *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		if near := nearFlag(cmd, unknown.GetSpecifiedName()); near != "" {
			help = fmt.Sprintf("did you mean --%s? ", near) + help
		}
		return misused("%w\nhint: %s", err, help)
	case errors.As(err, &empty):
		f := empty.GetFlag()
		return misused("--%s needs a value: %s", f.Name, f.Usage)
	case errors.As(err, &wrong):
		f := wrong.GetFlag()
		return misused("--%s %q: want %s", f.Name, wrong.GetValue(), wantOf(f, wrong.Unwrap()))
	}
	return misused("%w\nhint: %s", err, help)
}

// wantOf says what a flag takes.
func wantOf(f *pflag.Flag, cause error) string {
	switch f.Value.Type() {
	case "duration":
		return "a time such as 90s, 5m or 2h"
	case "int", "int64", "uint", "uint64":
		return "a whole number"
	case "float64":
		return "a number"
	case "bool":
		return "true or false, or the flag alone"
	}
	return fmt.Sprintf("another value (%v): %s", cause, f.Usage)
}

// nearFlag returns the flag of the command that was probably meant, or "".
func nearFlag(cmd *cobra.Command, name string) string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	slices.Sort(names)
	i := slices.IndexFunc(names, func(n string) bool {
		return strings.HasPrefix(n, name) || strings.HasPrefix(name, n) || oneApart(n, name)
	})
	if i < 0 || len(name) < 3 {
		return ""
	}
	return names[i]
}

// oneApart reports whether two words differ by one sign too many, too few,
// another or swapped with its neighbour.
func oneApart(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	switch {
	case len(a) > len(b):
		return len(a) == len(b)+1 && a[i+1:] == b[i:]
	case i == len(b) || a[i+1:] == b[i+1:]:
		return true
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}
