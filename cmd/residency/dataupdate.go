package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/dataset"
)

// updateFlags are the flags of data update and data import.
type updateFlags struct {
	timeout time.Duration
	force   bool
}

func (f *updateFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.force, "force", false, "take a file too that is older than, or less than half of, the one in use")
}

func newDataUpdate(e *env, shared *dataFlags) *cobra.Command {
	var f updateFlags
	cmd := &cobra.Command{
		Use:   "update [NAME...]",
		Short: "Get newer files from their makers",
		Long: `Get newer location data from its makers: all sources that need no credentials
or have some in the configuration, or those named ("data list --sources").

Nothing is taken over that is not whole: a file is bounded in size, unpacked,
held against the maker's checksum where there is one, read to the end as it will
be read to locate, and must not be older or much smaller than the one in use.
Then it takes its place in one step, and the one before is kept. A source that
fails leaves everything as it was. Requests say what is here already, so asking
often costs little; they go through the proxy of the environment.

The makers learn the address of this machine and which data it uses.`,
		Example: `  residency data update
  residency data update aws dbip-country-lite`,
		RunE: func(cmd *cobra.Command, names []string) error {
			return runUpdate(cmd.Context(), e, shared, f, names)
		},
		ValidArgsFunction: cobra.FixedCompletions(dataSources(), cobra.ShellCompDirectiveNoFileComp),
	}
	f.add(cmd)
	cmd.Flags().DurationVar(&f.timeout, "timeout", 10*time.Minute, "give up on one source after this long")
	return cmd
}

func runUpdate(ctx context.Context, e *env, shared *dataFlags, f updateFlags, names []string) error {
	if f.timeout <= 0 {
		return misused("--timeout must be longer than nothing")
	}
	g, err := shared.geo(e)
	if err != nil {
		return err
	}
	sources, err := chosen(readable(g.Updates), names)
	if err != nil {
		return err
	}
	u, err := e.updaterFor(g, sources)
	if err != nil {
		return failed(err)
	}
	u.Timeout, u.Force = f.timeout, f.force
	bar, n := e.progress("getting data"), 0
	u.Done = func(dataset.Result) { n++; bar.set(n, len(sources)) }
	results := u.Update(ctx)
	bar.done()
	return e.tell(results)
}

// chosen returns the sources of these names; without names, those that can be
// had with the credentials there are.
func chosen(all []dataset.Remote, names []string) ([]dataset.Remote, error) {
	if len(names) == 0 {
		return slices.DeleteFunc(all, func(r dataset.Remote) bool { return r.NeedsKey && r.Key == nil }), nil
	}
	var list []dataset.Remote
	for _, name := range names {
		i := slices.IndexFunc(all, func(r dataset.Remote) bool { return r.Name == name })
		switch {
		case i < 0:
			return nil, misused("%q is no source of data, or is off\nhint: residency data list --sources", name)
		case !slices.ContainsFunc(list, func(r dataset.Remote) bool { return r.Name == name }):
			list = append(list, all[i])
		}
	}
	return list, nil
}

// updaterFor makes the updater of the data directory.
func (e *env) updaterFor(g config.Geo, sources []dataset.Remote) (*dataset.Updater, error) {
	dir := e.dataDir(g)
	if dir == "" {
		return nil, errors.New("there is no data directory: this user has no cache directory\nhint: name one with --dir, or in [geo] data_dir")
	}
	return e.updater(dir, sources), nil
}

func newDataImport(e *env, shared *dataFlags) *cobra.Command {
	var f updateFlags
	cmd := &cobra.Command{
		Use:   "import DIR [NAME...]",
		Short: "Take newer files from a directory, for a site without a network",
		Long: `Take location data from a directory, with the same checks as "data update":
either a data directory that "data update" filled on another machine, or files
under the names that their makers give them, packed or not, in the directory or
one level below it. Files that no source is known for are passed over.`,
		Example: `  residency data import /media/usb/residency`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runImport(cmd.Context(), e, shared, f, args[0], args[1:])
		},
	}
	f.add(cmd)
	return cmd
}

func runImport(ctx context.Context, e *env, shared *dataFlags, f updateFlags, dir string, names []string) error {
	g, err := shared.geo(e)
	if err != nil {
		return err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return misused("there is no directory %s to take data from", dir)
	}
	all := readable(nil) // files have no other place, and need no credentials
	sources := all
	if len(names) > 0 {
		if sources, err = chosen(all, names); err != nil {
			return err
		}
	}
	u, err := e.updaterFor(g, sources)
	if err != nil {
		return failed(err)
	}
	u.Force = f.force
	results := u.Import(ctx, dir)
	if len(names) == 0 {
		results = slices.DeleteFunc(results, func(r dataset.Result) bool { return errors.Is(r.Err, dataset.ErrNotThere) })
	}
	if len(results) == 0 {
		return failed(fmt.Errorf("import %s: no data set in it, and no file that this program knows", dir))
	}
	return e.tell(results)
}
