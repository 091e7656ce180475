package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"residency/internal/config"
	"residency/internal/ledger"
)

func newKey(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "The key that signs the evidence log: make it, show its public half, go over to another",
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newKeyNew(e), newKeyShow(e), newKeyRotate(e))
	return cmd
}

func newKeyNew(e *env) *cobra.Command {
	var out, origin string
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Make a key that signs the evidence log",
		Long: `Make a key that signs the evidence log, and print its public half: give that to
whoever will verify. The key itself goes into a file that nobody else can read;
name it in the configuration:

  [evidence]
  key = "file:log.key"

The origin is the name of the log for ever, in the form of a URL without scheme
that nobody else uses, such as example.com/residency.

Without --out the key goes to standard output, and the public half to standard
error.`,
		RunE: func(*cobra.Command, []string) error {
			secret, key, err := e.newKey(origin)
			if err != nil {
				return exitError{exitUsage, err}
			}
			if out == "" {
				fmt.Fprintln(e.stderr, key.Public())
				_, err := fmt.Fprintln(e.stdout, secret)
				return err
			}
			if err := writeSecret(out, secret); err != nil {
				return failed(err)
			}
			_, err = fmt.Fprintln(e.stdout, key.Public())
			return err
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write the key to; it must not exist yet")
	cmd.Flags().StringVar(&origin, "origin", "", "name of the log (default: residency/ and a random number)")
	return cmd
}

// newKey makes a key. An origin that is not given is made up.
func (e *env) newKey(origin string) (string, *ledger.Key, error) {
	if origin == "" {
		id := make([]byte, 8)
		if _, err := io.ReadFull(e.rand, id); err != nil {
			return "", nil, fmt.Errorf("make key: %w", err)
		}
		origin = "residency/" + hex.EncodeToString(id)
	}
	secret, err := ledger.NewKey(e.rand, origin)
	if err != nil {
		return "", nil, err
	}
	key, err := ledger.ParseKey(secret)
	return secret, key, err
}

// writeSecret writes a new file that only its owner can read.
func writeSecret(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write key: %s is there already, and a key that is lost cannot be had again", path)
	}
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	_, err = io.WriteString(f, text+"\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	return nil
}

func newKeyShow(e *env) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "show [FILE]",
		Short: "Print the public half of a key: of a file, or of the configuration",
		RunE: func(_ *cobra.Command, args []string) error {
			var key *ledger.Key
			var err error
			if len(args) == 1 {
				key, err = readKey(args[0])
			} else {
				var cfg *config.Config
				if cfg, err = e.loader().Load(path); err != nil {
					return exitError{exitUsage, err}
				}
				key, err = logKey(cfg)
			}
			if err != nil {
				return failed(err)
			}
			_, err = fmt.Fprintln(e.stdout, key.Public())
			return err
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "config.toml", "configuration file")
	return cmd
}

// readKey reads a key from its file.
func readKey(path string) (*ledger.Key, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	return ledger.ParseKey(string(data))
}

// errNoKey is what commands say that sign and have no key.
var errNoKey = errors.New("the configuration names no key to sign the evidence log with\nhint: \"residency key new --out log.key\", then [evidence] key = \"file:log.key\"")

// logKey returns the key of a configuration.
func logKey(cfg *config.Config) (*ledger.Key, error) {
	if cfg.Evidence.Key.IsZero() {
		return nil, errNoKey
	}
	secret, err := cfg.Evidence.Key.Reveal()
	if err != nil {
		return nil, err
	}
	return ledger.ParseKey(secret)
}

func newKeyRotate(e *env) *cobra.Command {
	var path, out, by string
	cmd := &cobra.Command{
		Use:   "rotate --out FILE",
		Short: "Go over to a new key, on record and signed with the key so far",
		Long: `Make a new key for the same log, put that on record, and sign the record with
the key so far, which signs nothing after it. Whoever knows the key so far can
so trust the new one. Name the new file in the configuration afterwards;
"residency watch" stops signing until it knows the new key.

A key that fell into the wrong hands is no use for this: publish a checkpoint
first, then tell whoever verifies which key to trust from when on.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return misused("where does the new key go? --out FILE")
			}
			who, err := e.person(by)
			if err != nil {
				return err
			}
			l, err := e.openLog(cmd.Context(), path, "residency key rotate")
			if err != nil {
				return err
			}
			defer l.store.Close()
			secret, next, err := e.newKey(l.signer.Key.Public().Origin())
			if err != nil {
				return failed(err)
			}
			if err := writeSecret(out, secret); err != nil { // before it is on record, or it could be lost
				return failed(err)
			}
			cp, err := l.signer.Rotate(cmd.Context(), next.Public(), who)
			if err != nil {
				return failed(err)
			}
			_, err = fmt.Fprintf(e.stdout, "%s\nsigns the log from leaf %d on: set [evidence] key = \"file:%s\"\n", next.Public(), cp.Size, out)
			return err
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "config.toml", "configuration file")
	cmd.Flags().StringVar(&out, "out", "", "file to write the new key to; it must not exist yet")
	cmd.Flags().StringVar(&by, "by", "", "who does so (default: the user of this machine)")
	return cmd
}
