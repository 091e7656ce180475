package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"os"
	"time"

	"residency/internal/config"
)

// reloader notices that the configuration has changed, and reads it. One that
// is wrong is said once, and the old one stays in use.
type reloader struct {
	path   string
	load   func(path string) (*config.Config, error)
	log    *slog.Logger
	every  time.Duration    // how often the files are looked at
	demand <-chan os.Signal // SIGHUP; may be nil
	inUse  string           // hash of the configuration in use
	bad    string           // hash of what was last said to be wrong
	told   func()           // called before reading on demand; may be nil
	kept   func()           // called after it, when the old one stays in use; may be nil
}

// wait returns the next configuration that differs from the one in use, and is
// right; nil when ctx ends before there is one.
func (r *reloader) wait(ctx context.Context) *config.Config {
	tick := time.NewTicker(r.every)
	defer tick.Stop()
	for {
		demanded := false
		select {
		case <-ctx.Done():
			return nil
		case <-r.demand:
			demanded = true
			if r.told != nil {
				r.told()
			}
		case <-tick.C:
		}
		if cfg := r.read(demanded); cfg != nil {
			return cfg
		}
		if demanded && r.kept != nil {
			r.kept()
		}
	}
}

// read reads the configuration; nil when it is the one in use, or wrong. All of
// it is read each time: a file that an include pattern matches may be new.
func (r *reloader) read(demanded bool) *config.Config {
	cfg, err := r.load(r.path)
	if err != nil {
		// Files that cannot be read now may be under way to being replaced.
		hash := hashOf(r.path, err)
		if hash != r.bad || demanded {
			r.bad = hash
			r.log.Error("the configuration has changed and is wrong: the old one stays in use", "config", r.path, "sha256", hash, "in_use", r.inUse, "error", err)
		}
		return nil
	}
	r.bad = ""
	if cfg.SHA256 == r.inUse {
		if demanded {
			r.log.Info("the configuration has not changed", "config", r.path, "sha256", cfg.SHA256)
		}
		return nil
	}
	r.log.Info("the configuration has changed", "config", r.path, "sha256", cfg.SHA256, "before", r.inUse)
	r.inUse = cfg.SHA256
	return cfg
}

// hashOf names a configuration that is wrong: by the file's bytes and by what
// is wrong, which may lie in another file.
func hashOf(path string, wrong error) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	h := sha256.New()
	h.Write(data)
	if wrong != nil {
		h.Write([]byte(wrong.Error()))
	}
	return hex.EncodeToString(h.Sum(nil))
}
