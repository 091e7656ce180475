package main

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestReportOfTheHalfYear wants the story of 2014 in the report of what was
// remembered of it: how it began, when it moved, the address that stayed.
func TestReportOfTheHalfYear(t *testing.T) {
	t.Parallel()
	h := lived(t)
	out, errs, code := h.run("report", "--for", "authority", "--format", "md", "--from", "2014-08-01")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}

	for _, want := range []string{
		"re-enactment", "phase-2a", "China", "Singapore", "privacy@org.example", "a spokesman", "We have only read media reports.",
		"Chronology", "Evidence sheets", "On the wire", "api.account.xiaomi.com", "Nothing seen outside is not proof",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the report to an authority does not say %q", want)
		}
	}
	if strings.Contains(out, "0001-01-01") {
		t.Error("a time that is not known is written as one")
	}
}

func TestReportJSON(t *testing.T) {
	t.Parallel()
	h := lived(t)
	out, errs, code := h.run("report", "--for", "engineer", "--format", "json", "--from", "2014-08-01")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var got struct {
		Runs   int
		Claims []struct {
			ID, Standing string
			Days         []struct {
				Day                      string
				Answers, Answers_outside int
			}
			Countries []struct{ Country, Side, First, Last string }
		}
		Findings []struct{ Host, Market, Closed_as string }
		Cells    []struct {
			Endpoint, Market, Verdict string
			Looks                     []struct{ Client_subnet string }
		}
		Chronology []struct{ At, Text string }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Runs != 19 || len(got.Claims) < 3 || len(got.Findings) == 0 || len(got.Cells) == 0 || len(got.Cells[0].Looks) == 0 {
		t.Errorf("%d runs, %d claims, %d findings, %d cells", got.Runs, len(got.Claims), len(got.Findings), len(got.Cells))
	}
	for _, c := range got.Claims {
		first, last := c.Days[0], c.Days[len(c.Days)-1]
		if first.Answers_outside == 0 || last.Answers_outside >= first.Answers_outside {
			t.Errorf("%s: %d of %d outside on %s, %d of %d on %s", c.ID, first.Answers_outside, first.Answers, first.Day, last.Answers_outside, last.Answers, last.Day)
		}
	}
	out, _, _ = h.run("report", "--format", "csv", "--from", "2014-08-01", "--claim", "phase-2a")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) != 15 {
		t.Errorf("csv of one claim about two hosts: %d rows, %v:\n%s", len(rows), err, out)
	}
}

func TestReportUsage(t *testing.T) {
	t.Parallel()
	h := lived(t)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--for", "press"}, 2, "unknown reader"},
		{[]string{"--format", "pdf"}, 2, "unknown format"},
		{[]string{"--claim", "nothing"}, 1, "judged no claim"},
		{[]string{"--from", "2010-01-01", "--to", "2010-02-01"}, 1, "nothing was checked"},
		{[]string{"--from", "2014-09-01", "--to", "2014-08-01"}, 2, "is not before"},
		{[]string{"--bundle", "gone.zip"}, 1, "read bundle"},
	} {
		out, errs, code := h.run(append([]string{"report"}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.want) || out != "" {
			t.Errorf("report %v: exit code %d, %q, %d bytes; want %d, %q", c.args, code, errs, len(out), c.code, c.want)
		}
	}
	file := filepath.Join(t.TempDir(), "board.html")
	if _, errs, code := h.run("report", "--for", "board", "--from", "2014-08-01", "--bundle", h.path, "--out", file); code != 0 || !strings.Contains(errs, "report written") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if page, err := os.ReadFile(file); err != nil || !strings.Contains(string(page), "</html>") {
		t.Errorf("%d bytes, %v", len(page), err)
	}
}

// TestClaimArchive keeps two copies of a promise's page and notices that the
// second is another, in the log and in the report.
func TestClaimArchive(t *testing.T) {
	t.Parallel()
	h := lived(t)
	var changed atomic.Bool
	var hops atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("/post", func(w http.ResponseWriter, _ *http.Request) {
		text := "all of it by the end of October"
		if changed.Load() {
			text = "most of it some day"
		}
		w.Write([]byte(text))
	})
	mux.Handle("/moved", http.RedirectHandler("/post", http.StatusFound))
	mux.HandleFunc("/round", func(w http.ResponseWriter, r *http.Request) {
		hops.Add(1)
		http.Redirect(w, r, "/round", http.StatusFound)
	})
	mux.HandleFunc("/gone", http.NotFound)
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		for range archiveMost/(1<<20) + 1 {
			w.Write(make([]byte, 1<<20))
		}
	})
	mux.HandleFunc("/empty", func(http.ResponseWriter, *http.Request) {})
	server := httptest.NewServer(mux)
	defer server.Close()
	for path, want := range map[string]string{"/round": "more than 5 redirects", "/gone": "404", "/large": "larger than 32 MB", "/empty": "is empty"} {
		if _, errs, code := h.run("claim", "archive", "phase-2a", "--url", server.URL+path); code != 1 || !strings.Contains(errs, want) {
			t.Errorf("%s: exit code %d, %q; want 1, %q", path, code, errs, want)
		}
	}
	if n := hops.Load(); n > archiveHops+1 {
		t.Errorf("%d redirects were followed", n)
	}
	out, errs, code := h.run("claim", "archive", "phase-2a", "--url", server.URL+"/moved")
	if code != 0 || !strings.Contains(out, "archived 31 bytes from "+server.URL+"/post") {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	if _, _, code = h.run("claim", "archive", "phase-2a", "--url", server.URL+"/post"); code != 0 {
		t.Errorf("the same page is told as another")
	}
	changed.Store(true)
	_, errs, code = h.run("claim", "archive", "phase-2a", "--url", server.URL+"/post")
	if code != 1 || !strings.Contains(errs, "the promise's page has changed since") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	copies, err := os.ReadDir(filepath.Join(filepath.Dir(h.path), "memory.db.sources"))
	if err != nil || len(copies) != 2 {
		t.Fatalf("%d copies, %v; want 2", len(copies), err)
	}
	for _, c := range copies {
		if hash, err := hashFile(filepath.Join(filepath.Dir(h.path), "memory.db.sources", c.Name())); err != nil || hash != c.Name() || !strings.Contains(errs, hash) {
			t.Errorf("%s has the hash %s (%v), and is not named in %q", c.Name(), hash, err, errs)
		}
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	if out, errs, code := h.run("store", "backup", backup); code != 0 || !strings.Contains(out, "backup.db.sources: 2 pages that promises stand on") {
		t.Errorf("backup: exit code %d: %s%s", code, out, errs)
	}
	out, _, _ = h.run("report", "--format", "md", "--from", "2014-08-01")
	if !strings.Contains(out, "source CHANGED") || !strings.Contains(out, "archived the source of a claim") {
		t.Error("the report does not say that the page has changed")
	}
	if _, errs, code = h.run("claim", "archive", "none"); code != 2 || !strings.Contains(errs, "there is no claim") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	file := filepath.Join(t.TempDir(), "post.pdf")
	if err := os.WriteFile(file, []byte("%PDF"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, code = h.run("claim", "archive", "phase-1", "--file", file); code != 0 || !strings.Contains(out, "from post.pdf") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}
