package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"residency/internal/residency"
)

// Log is how the evidence log is fed: functions of the package that knows its
// form. With a nil RunLeaf or RecordLeaf, nothing of that kind is sealed.
type Log struct {
	// RunLeaf returns the leaf of a run from the seals of its rounds, ordered
	// by endpoint.
	RunLeaf func(run residency.Run, rounds []residency.RoundSeal) ([]byte, error)

	// RecordLeaf returns the leaf of something besides a run.
	RecordLeaf func(r residency.Record) ([]byte, error)

	// Hashes returns the hashes that the leaf adds to a tree of size leaves;
	// read returns those that are there already, by number.
	Hashes func(size int64, leaf []byte, read func([]int64) ([]residency.Hash, error)) ([]residency.Hash, error)
}

// Options says how a store is opened. The zero Options open it for reading and
// writing, by the machine's clock, without an evidence log.
type Options struct {
	ReadOnly bool             // nothing is written, and a file that is missing is an error
	Log      Log              // how runs and records are sealed
	Now      func() time.Time // nil: time.Now
	Version  string           // of the program, for what an older one says of a newer store
	Command  string           // what holds the lock of runs, for people: "residency watch"

	older bool // one of an older version is opened for reading too, to be copied
	spare bool // the file is a copy: no other is made before its form changes
}

// Store is an open store. Its methods may be called from several goroutines;
// runs are one at a time.
type Store struct {
	path    string
	options Options

	write *sql.DB // one connection; its transactions take the lock of writers at once
	read  *sql.DB // several connections, which see the last whole transaction

	packer packer
	line   timeline

	mu  sync.Mutex
	run *openRun // nil: none of this process is under way
}

// Open opens the store at path, and makes it if there is no file and was none;
// its directory must exist. A store of an older version is brought up to date, a
// copy of it being made first. A file that is no store, or is damaged, is an
// error and left as it is.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{path: abs, options: o}
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if s.packer, err = newPacker(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := s.connect(ctx); err != nil {
		s.Close()
		return nil, s.wrap("open store", err)
	}
	return s, nil
}

// Path returns the absolute path of the store's file.
func (s *Store) Path() string { return s.path }

// Close gives everything back. A run that is still under way is ended as
// partial by whoever opens the next.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.run != nil {
		s.run.unlock()
		s.run = nil
	}
	s.mu.Unlock()
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	s.packer.close()
	return errors.Join(errs...)
}

func (s *Store) now() time.Time {
	if s.options.Now == nil {
		return time.Now()
	}
	return s.options.Now()
}

// magic is how every SQLite file begins.
const magic = "SQLite format 3\x00"

// prepare looks at the file before the database does, for its messages would
// say less, and makes it readable by nobody else.
func (s *Store) prepare() error {
	f, err := os.Open(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.options.ReadOnly:
		return &Fault{Path: s.path, Kind: ErrMissing, Hint: "\"residency check\" and \"residency watch\" make it with their first run"}
	case errors.Is(err, fs.ErrNotExist):
		return s.create()
	case err != nil:
		return fault(s.path, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return &Fault{Path: s.path, Kind: ErrNotStore, Detail: "it is a directory", Hint: "[store] path names a file"}
	}
	head := make([]byte, len(magic))
	n, err := io.ReadFull(f, head)
	switch {
	case n == 0 && errors.Is(err, io.EOF): // made, and never written
		return nil
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return fault(s.path, err)
	case string(head) != magic:
		return &Fault{Path: s.path, Kind: ErrNotStore, Detail: "it does not begin as an SQLite file does", Hint: hintDamaged}
	}
	return nil
}

// create makes an empty file that only its owner can read.
func (s *Store) create() error {
	dir := filepath.Dir(s.path)
	if info, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return &Fault{Path: s.path, Kind: ErrMissing, Detail: "its directory does not exist",
			Hint: "if a disk is not mounted, mount it; else make the directory, or name another place with [store] path"}
	} else if err == nil && !info.IsDir() {
		return &Fault{Path: s.path, Kind: ErrMissing, Detail: dir + " is no directory"}
	}
	for _, end := range []string{"-wal", ".lock"} {
		if _, err := os.Lstat(s.path + end); err == nil { // a new one would hide that what was seen is lost
			return &Fault{Path: s.path, Kind: ErrMissing, Detail: "there was one: " + filepath.Base(s.path) + end + " is still there",
				Hint: "\"residency store restore FILE\" puts a backup in its place; to begin anew, remove " + s.path + end}
		}
	}
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fault(s.path, err)
	}
	return f.Close()
}

// Sizes of the database's own memory, and of the log that it writes first.
const (
	writerCache = 48 << 10 // KiB
	readerCache = 8 << 10  // KiB, each
	readers     = 4
	walPages    = 4000     // at which the log is brought into the file
	walLeft     = 64 << 20 // bytes that the log keeps on disk at most when it is empty
	busy        = 30 * time.Second
)

// connect opens the connections and brings the schema up to date.
func (s *Store) connect(ctx context.Context) error {
	pragmas := func(list ...string) url.Values {
		v := url.Values{"_busy_timeout": {fmt.Sprint(busy.Milliseconds())}, "_dqs": {"0"}, "_defensive": {"1"}, "_error_rc": {"1"}}
		v["_pragma"] = list
		return v
	}
	reading := pragmas(fmt.Sprintf("cache_size(-%d)", readerCache), "query_only(1)", "temp_store(2)")
	if s.options.ReadOnly {
		reading.Set("mode", "ro")
	} else {
		v := pragmas("journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "temp_store(2)",
			fmt.Sprintf("cache_size(-%d)", writerCache), fmt.Sprintf("wal_autocheckpoint(%d)", walPages),
			fmt.Sprintf("journal_size_limit(%d)", walLeft))
		v.Set("_txlock", "immediate")
		v.Set("mode", "rw")
		var err error
		if s.write, err = sql.Open("sqlite", dsn(s.path, v)); err != nil {
			return err
		}
		s.write.SetMaxOpenConns(1)
		if err := s.migrate(ctx); err != nil {
			return err
		}
	}
	var err error
	if s.read, err = sql.Open("sqlite", dsn(s.path, reading)); err != nil {
		return err
	}
	s.read.SetMaxIdleConns(readers) // no limit to those open: one reader may begin while it holds another
	if s.options.ReadOnly {
		return s.checkVersion(ctx, s.read)
	}
	return nil
}

// dsn names a database file with what its connections are set to.
func dsn(path string, v url.Values) string {
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: v.Encode()}
	return u.String()
}

// tx runs f in one transaction of the writer. What f did is on disk when tx
// returns nil, and undone when it returns an error.
func (s *Store) tx(ctx context.Context, action string, f func(*writer) error) error {
	if s.write == nil {
		return fmt.Errorf("%s: %w", action, &Fault{Path: s.path, Kind: ErrReadOnly, Detail: "it was opened for reading"})
	}
	t, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return s.wrap(action, err)
	}
	w := &writer{ctx: ctx, tx: t, stmts: map[string]*sql.Stmt{}}
	if err := f(w); err != nil {
		_ = t.Rollback() // f's error says more
		return s.wrap(action, err)
	}
	return s.wrap(action, t.Commit())
}

// writer is a transaction that prepares each statement once.
type writer struct {
	ctx       context.Context
	tx        *sql.Tx
	stmts     map[string]*sql.Stmt
	lastBlock int64 // the largest number of a block; 0 until it is asked for
}

func (w *writer) stmt(text string) (*sql.Stmt, error) {
	if st, ok := w.stmts[text]; ok {
		return st, nil
	}
	st, err := w.tx.PrepareContext(w.ctx, unnumbered(text))
	if err != nil {
		return nil, err
	}
	w.stmts[text] = st
	return st, nil
}

// unnumbered returns a statement without the numbers of its placeholders, if
// they are in order and used once each: SQLite and its driver look every number
// up, each time a value is bound.
func unnumbered(text string) string {
	parts := strings.Split(text, "$")
	for i, part := range parts[1:] {
		rest, ok := strings.CutPrefix(part, strconv.Itoa(i+1))
		if !ok || (rest != "" && rest[0] >= '0' && rest[0] <= '9') {
			return text
		}
		parts[i+1] = rest
	}
	return strings.Join(parts, "?")
}

// exec runs a statement and returns how many rows it changed.
func (w *writer) exec(text string, args ...any) (int64, error) {
	st, err := w.stmt(text)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(w.ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// run is exec for those who do not count.
func (w *writer) run(text string, args ...any) error {
	_, err := w.exec(text, args...)
	return err
}

// get scans the only row of a query; found is false when there is none.
func (w *writer) get(into []any, text string, args ...any) (found bool, err error) {
	st, err := w.stmt(text)
	if err != nil {
		return false, err
	}
	err = st.QueryRowContext(w.ctx, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// query is for several rows.
func (w *writer) query(text string, args ...any) (*sql.Rows, error) {
	return w.tx.QueryContext(w.ctx, text, args...)
}
