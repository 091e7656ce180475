package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is the program's own version; a release sets it with
// -ldflags "-X main.version=1.2.3".
var version = "dev"

// buildVersion names version and commit as far as the build knows them.
func buildVersion() string {
	return versionOf(buildCommit())
}

// versionOf names version and commit; a commit that is not known is left out.
func versionOf(commit string) string {
	if len(commit) < 12 {
		return version
	}
	return version + "+" + commit[:12]
}

// buildCommit names the commit that the program was built from; "" when the
// build does not know it.
func buildCommit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}

func newVersion(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(e.stdout, "residency %s\n", buildVersion())
			return err
		},
	}
}
