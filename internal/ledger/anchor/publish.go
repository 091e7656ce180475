package anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"residency/internal/residency"
)

// ToFile copies each checkpoint to a file, whole or not at all.
func ToFile(path string) func(context.Context, residency.Checkpoint) error {
	return func(_ context.Context, cp residency.Checkpoint) error {
		if err := replace(path, cp.Note); err != nil {
			return fmt.Errorf("publish checkpoint: %w", err)
		}
		return nil
	}
}

func replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone once it is renamed
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// ToURL posts each checkpoint as text.
func ToURL(url string, do Doer) func(context.Context, residency.Checkpoint) error {
	return func(ctx context.Context, cp residency.Checkpoint) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(cp.Note))
		if err != nil {
			return fmt.Errorf("publish checkpoint: %w", bare(err))
		}
		r.Header.Set("Content-Type", "text/plain; charset=utf-8")
		status, _, err := reply(do, r)
		if err != nil {
			return fmt.Errorf("publish checkpoint: %w", err)
		}
		if status/100 != 2 {
			return fmt.Errorf("publish checkpoint: the server answers with status %d", status)
		}
		return nil
	}
}

// ToGit commits each checkpoint to a clone of a git repository, by the git
// program, and pushes where it has a remote. The history of that repository
// then holds all checkpoints, in an order that whoever pulls would see change.
func ToGit(dir string, env []string) func(context.Context, residency.Checkpoint) error {
	return func(ctx context.Context, cp residency.Checkpoint) error {
		git := func(args ...string) (string, error) {
			cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
			cmd.Env = append(env, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
			out, err := cmd.CombinedOutput()
			switch {
			case err != nil && args[0] == "push": // it may name a remote with a password in it
				return "", fmt.Errorf("publish checkpoint: git push: %w", err)
			case err != nil:
				return "", fmt.Errorf("publish checkpoint: git %s: %w: %s", args[0], err, firstLine(out))
			}
			return string(out), nil
		}
		if err := replace(filepath.Join(dir, "checkpoint"), cp.Note); err != nil {
			return fmt.Errorf("publish checkpoint: %w", err)
		}
		if _, err := git("add", "--", "checkpoint"); err != nil {
			return err
		}
		if changed, err := git("status", "--porcelain", "--", "checkpoint"); err != nil {
			return err
		} else if strings.TrimSpace(changed) != "" {
			if _, err := git("commit", "--quiet", "-m", fmt.Sprintf("checkpoint of %d leaves", cp.Size), "--", "checkpoint"); err != nil {
				return err
			}
		}
		remotes, err := git("remote")
		if err != nil || strings.TrimSpace(remotes) == "" {
			return err
		}
		_, err = git("push", "--quiet", "origin", "HEAD")
		return err
	}
}

func firstLine(out []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line[:min(len(line), 200)]
}
