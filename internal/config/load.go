package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // claims name time zones, and a small machine has none
	"unicode/utf8"

	"residency/internal/residency"
)

// Loader reads configurations. The zero Loader knows no provider regions and
// no environment.
type Loader struct {
	// Now is asked whether a date lies in the future; nil: not asked.
	Now func() time.Time

	// Getenv gives the secrets that env:NAME names; nil: there are none.
	Getenv func(name string) string

	// ProviderRegions are the provider regions that claims may name.
	ProviderRegions []residency.ProviderRegion

	// DataSources are the names that [[geo.update]] may have; nil: any.
	DataSources []string

	// FarFrom says how far in km a point is from a country; false when that is
	// not known. Nil: it is not asked.
	FarFrom func(c residency.Country, lat, lon float64) (km float64, ok bool)

	// ParseSchedule refuses a cron expression that the scheduler would not
	// take; nil: only the form of five fields is checked.
	ParseSchedule func(expression string) error
}

// Load reads the configuration at path. Its error is an *Errors with every
// problem found, and then the Config is nil.
func (l Loader) Load(path string) (*Config, error) { return l.load(path, disk{}) }

func (l Loader) load(path string, from files) (*Config, error) {
	r := &reading{files: from, read: map[string]*source{}, dir: filepath.Dir(path)}
	r.main(path)
	if len(r.roots) == 0 {
		return nil, r.ps.err()
	}
	a := &assembly{Loader: l, reading: r, cfg: &Config{Path: path, Responses: map[string][]Response{}}}
	a.assemble()
	if err := r.ps.err(); err != nil {
		return nil, err
	}
	a.cfg.Warnings = r.warn.sorted()
	a.cfg.Files, a.cfg.SHA256 = r.hashes()
	return a.cfg, nil
}

// reading is the files of one configuration.
type reading struct {
	files   files
	ps      problems
	warn    problems
	dir     string             // of the main file
	read    map[string]*source // by cleaned path
	sources []*source          // in order of reading
	roots   []section          // of the TOML files, the main file first
	total   int
	broken  bool // some file has a syntax error
}

// main reads the main file and all it includes.
func (r *reading) main(path string) {
	nowhere := pos{&source{shown: path}, -1}
	data, err := r.files.read(path, maxFile, true)
	if err != nil {
		hint := ""
		if err.Error() == "no such file" {
			hint = "`residency config init` writes one, --config names another"
		}
		r.ps.add(nowhere, "", err.Error(), hint)
		return
	}
	src := r.add(path, data)
	if len(bytes.TrimSpace(src.data)) == 0 {
		r.ps.add(pos{src, -1}, "", "is empty", "`residency config init` writes a commented one")
		return
	}
	r.parse(src, []string{filepath.Clean(path)})
}

// add registers a file that was read.
func (r *reading) add(path string, data []byte) *source {
	name, err := filepath.Rel(r.dir, path)
	if err != nil {
		name = path
	}
	src := newSource(path, filepath.ToSlash(name), len(r.sources), data)
	r.sources = append(r.sources, src)
	r.read[filepath.Clean(path)] = src
	r.total += len(data)
	return src
}

// readable reports text that is not UTF-8, at its first bad byte.
func (r *reading) readable(src *source) bool {
	if utf8.Valid(src.data) {
		return true
	}
	off := 0
	for off < len(src.data) {
		c, n := utf8.DecodeRune(src.data[off:])
		if c == utf8.RuneError && n <= 1 {
			break
		}
		off += n
	}
	src.broken, r.broken = true, true
	r.ps.add(pos{src, off}, "", "is not UTF-8 text", "save the file as UTF-8")
	return false
}

// parse reads a TOML source, and the files it includes. stack holds the paths
// of the files that led here.
func (r *reading) parse(src *source, stack []string) {
	if !r.readable(src) {
		return
	}
	before := len(r.ps.list) + r.ps.omitted
	root := treeOf(src, &r.ps)
	check(&r.ps, root, rootTable(), "")
	if len(r.ps.list)+r.ps.omitted == before {
		confirm(src, &r.ps)
	}
	r.broken = r.broken || src.broken
	s := section{&r.ps, root, ""}
	r.roots = append(r.roots, s)
	for _, it := range s.texts("include") {
		r.include(it, stack)
	}
}

// include reads the files that one pattern of an include list names.
func (r *reading) include(it item, stack []string) {
	wrong := func(text, hint string) { r.ps.add(it.pos, "include", text, hint) }
	path := beside(it.pos.src.shown, it.text)
	if len(stack) > maxDepth {
		wrong(fmt.Sprintf("files include each other more than %d deep", maxDepth), "")
		return
	}
	paths := []string{path}
	if strings.ContainsAny(it.text, "*?[") {
		var err error
		if paths, err = r.files.glob(path); err != nil {
			wrong(quote(it.text)+" is no file pattern", `such as "vendors/*.toml"`)
			return
		}
		if len(paths) == 0 {
			wrong("no file matches "+quote(it.text), "remove the line if there are none yet")
		}
	}
	for _, p := range paths {
		clean := filepath.Clean(p)
		if slices.Contains(stack, clean) {
			wrong(quote(it.text)+" includes "+quote(filepath.Base(clean))+", which includes this file", "a file cannot include itself")
			continue
		}
		if r.read[clean] != nil {
			continue
		}
		if src := r.fetch(p, it.pos, "include"); src != nil {
			r.parse(src, append(slices.Clone(stack), clean))
		}
	}
}

// fetch reads a file that is named at a place, and reports there what is
// wrong with it.
func (r *reading) fetch(path string, at pos, key string) *source {
	if src := r.read[filepath.Clean(path)]; src != nil {
		return src
	}
	if len(r.sources) >= maxFiles || r.total >= maxTotal {
		r.ps.add(at, key, fmt.Sprintf("too much to read: %d files, %s", len(r.sources), byteText(int64(r.total))), "")
		return nil
	}
	data, err := r.files.read(path, maxFile, false)
	if err != nil {
		hint := ""
		if !filepath.IsAbs(path) || err.Error() == "no such file" {
			hint = "paths are relative to the file that names them"
		}
		r.ps.add(at, key, quote(filepath.ToSlash(path))+": "+err.Error(), hint)
		return nil
	}
	return r.add(path, data)
}

// hashes returns the files and one hash over all: a line for each with the
// hash of its bytes and its name, the main file first and nameless, the
// others by name.
func (r *reading) hashes() ([]File, string) {
	var list []File
	for _, s := range r.sources {
		h := sha256.New()
		if s.bom > 0 {
			h.Write([]byte("\xef\xbb\xbf"))
		}
		h.Write(s.data)
		list = append(list, File{Path: s.name, Opened: s.shown, SHA256: hex.EncodeToString(h.Sum(nil))})
	}
	slices.SortStableFunc(list[1:], func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	all := sha256.New()
	for i, f := range list {
		name := f.Path
		if i == 0 {
			name = ""
		}
		fmt.Fprintf(all, "%s  %s\n", f.SHA256, name)
	}
	return list, hex.EncodeToString(all.Sum(nil))
}
