package dataset

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"residency/internal/residency"
)

// Updater keeps a Store fresh. Client, Dir, Now, Sources and Verify are needed.
type Updater struct {
	// Client makes all requests, through whatever proxy it has. Its
	// CheckRedirect is not used: redirects to another scheme are refused.
	Client *http.Client

	Dir     string // of the Store; made when it is not there
	Now     func() time.Time
	Sources []Remote

	// Verify reads the file of the set of that name as it will be read to
	// locate, whole, and returns what it is. Its error keeps the old file.
	Verify func(name, path string) (residency.Dataset, error)

	Agent   string        // User-Agent of requests
	Timeout time.Duration // for one source; 10 minutes when zero
	Stall   time.Duration // without a byte; 30 seconds when zero
	Force   bool          // take a file too that is older or much smaller than the one in use

	// Done is told of each result as it comes, one at a time; may be nil.
	Done func(Result)

	create func(path string) (file, error) // tests fill the disk with it; nil: os.Create
}

// Status is what became of one source.
type Status string

const (
	Updated   Status = "updated"   // a new file is in use, the one before is kept
	Unchanged Status = "unchanged" // the maker has nothing new
	Failed    Status = "failed"    // nothing was changed; Err says why
)

// Result is what became of one source.
type Result struct {
	Name, Title string
	Status      Status
	Dataset     residency.Dataset // now in use; the zero Dataset when there is none
	Bytes       int64             // received
	Took        time.Duration
	Err         error
}

// atOnce is how many sources are asked at one time.
const atOnce = 4

// Update asks each source for a newer file and returns one Result a source, in
// their order. A file replaces the one in use only when it is whole, was read
// by Verify, and is not older or much smaller; otherwise the one in use stays.
func (u *Updater) Update(ctx context.Context) []Result {
	return u.each(func(r Remote) Result { return u.update(ctx, r) })
}

// each runs one job a source under the lock of the store.
func (u *Updater) each(job func(Remote) Result) []Result {
	results := make([]Result, len(u.Sources))
	var told sync.Mutex
	finish := func(i int, res Result) {
		results[i] = res
		told.Lock()
		defer told.Unlock()
		if u.Done != nil {
			u.Done(res)
		}
	}
	unlock, err := u.lock()
	if err != nil {
		for i, r := range u.Sources {
			finish(i, Result{Name: r.Name, Title: r.Title, Status: Failed, Err: err})
		}
		return results
	}
	defer unlock()
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, r := range u.Sources {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			started := u.Now()
			res := job(r)
			res.Name, res.Title, res.Took = r.Name, r.Title, u.Now().Sub(started)
			finish(i, res)
		})
	}
	wg.Wait()
	return results
}

func (u *Updater) store() Store { return Store{Dir: u.Dir} }

// lock makes the directory and takes it for this process.
func (u *Updater) lock() (func(), error) {
	if err := os.MkdirAll(u.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	return lockFile(filepath.Join(u.Dir, "lock"))
}

// update does one source.
func (u *Updater) update(ctx context.Context, r Remote) Result {
	timeout := u.Timeout
	if timeout <= 0 {
		timeout = 10 * time.Minute
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not done after %s", timeout))
	defer cancel()
	return u.into(r, func(dir string, set Set) (candidate, int64, error) { return u.download(ctx, r, set, dir) })
}

// errSame says that the maker has nothing new.
var errSame = errors.New("not changed")

// into has a candidate made in a directory of its own and adopts it.
func (u *Updater) into(r Remote, get func(dir string, set Set) (candidate, int64, error)) Result {
	res := Result{Status: Failed}
	set, err := u.have(r)
	if err != nil {
		res.Err = err
		return res
	}
	use := func(s Set) {
		if s.Current != nil {
			res.Dataset = u.store().Dataset(s, s.Current)
		}
	}
	use(set)
	home := filepath.Join(u.Dir, r.Name)
	if err := os.MkdirAll(home, 0o700); err != nil {
		res.Err = fmt.Errorf("make data directory: %w", err)
		return res
	}
	dir, err := os.MkdirTemp(home, tempPrefix)
	if err != nil {
		res.Err = err
		return res
	}
	defer os.RemoveAll(dir)
	c, n, err := get(dir, set)
	res.Bytes = n
	if errors.Is(err, errSame) {
		res.Status = Unchanged
		return res
	}
	if err == nil {
		res.Status, set, err = u.adopt(r, set, c)
	}
	if err != nil {
		res.Status, res.Err = Failed, err
		return res
	}
	use(set)
	return res
}

// have returns the set that is here. A set whose manifest or file is damaged is
// as if it were not here, so that an update mends it.
func (u *Updater) have(r Remote) (Set, error) {
	if r.Name == "" || strings.ContainsAny(r.Name, `/\.`) {
		return Set{}, fmt.Errorf("source %q has no usable name", r.Name)
	}
	set, err := u.store().Set(r.Name)
	if err != nil {
		return Set{}, nil
	}
	if sum, _, err := hashFile(u.store().Path(set, set.Current)); err != nil || sum != set.Current.SHA256 {
		set.Current = nil
	}
	return set, nil
}

// withoutTemp replaces the temporary path in an error by the file's name.
func (u *Updater) withoutTemp(err error, path string, r Remote) error {
	return errors.New(strings.ReplaceAll(err.Error(), path, r.File))
}
