package main

import (
	"bytes"
	"context"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// browser finds Chromium and poppler, other people's programs that draw a page
// and read a PDF. Without them the test is skipped, and fails if CI=true is set.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "pdftotext", "pdfinfo"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s: install Debian's chromium and poppler-utils", err)
			}
			t.Skipf("%s: Debian's chromium and poppler-utils are not here", err)
		}
	}
	return "chromium"
}

// draw has the browser draw a page, by itself and without a network.
func draw(t *testing.T, page string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	args = append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--disable-background-networking",
		"--host-resolver-rules=MAP * ~NOTFOUND", "--no-pdf-header-footer", "--user-data-dir=" + t.TempDir()}, append(args, "file://"+page)...)
	cmd := exec.CommandContext(ctx, "chromium", args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("chromium %v: %v\n%s", args, err, errs.String())
	}
	return out
}

// TestReportsDrawn prints the reports of the half year with a real browser and
// reads what is on the paper, and looks whether the screen shows a drawing.
func TestReportsDrawn(t *testing.T) {
	t.Parallel()
	browser(t)
	h := lived(t)
	dir := filepath.Dir(h.path)
	for _, c := range []struct {
		audience string
		pages    string
		want     []string
	}{
		{"officer", "", []string{"phase-2a", "broken", "due at the end of 31 Oct 2014", "Results by service and market", "cloud-messaging", "United States", "Singapore",
			"First and last sighting", "Registers: waivers", "There is no waiver", "How much was seen", "IP2Location LITE", "Nothing seen outside is not proof that nothing goes outside"}},
		{"board", "Pages:           1\n", []string{"phase-1", "phase-2b", "Results by market", "Nothing seen outside is not proof"}},
		{"authority", "", []string{"Summary", "privacy@org.example", "We have only read media reports", "Chronology", "IST", "api.account.xiaomi.com", "On the wire",
			"request,", "Technical annex", "Networks asked on behalf of"}},
	} {
		page, pdf := filepath.Join(dir, c.audience+".html"), filepath.Join(dir, c.audience+".pdf")
		if _, errs, code := h.run("report", "--for", c.audience, "--from", "2014-08-01", "--out", page); code != 0 {
			t.Fatalf("exit code %d: %s", code, errs)
		}
		draw(t, page, "--print-to-pdf="+pdf)
		text, err := exec.CommandContext(t.Context(), "pdftotext", "-layout", pdf, "-").Output()
		if err != nil {
			t.Fatal(err)
		}
		printed := strings.Join(strings.Fields(string(text)), " ")
		for _, want := range append(c.want, "re-enactment: the answers are invented") {
			if !strings.Contains(printed, want) {
				t.Errorf("the printed report for the %s does not say %q", c.audience, want)
			}
		}
		info, err := exec.CommandContext(t.Context(), "pdfinfo", pdf).Output()
		if err != nil || !strings.Contains(string(info), "A4") || !strings.Contains(string(info), c.pages) {
			t.Errorf("the printed report for the %s: %v\n%s", c.audience, err, info)
		}
	}
	dom := string(draw(t, filepath.Join(dir, "officer.html"), "--dump-dom"))
	for _, want := range []string{`<svg class="map"`, `<svg class="timeline"`, ">Hong Kong</text>", ">Singapore</text>", "China</text>"} {
		if !strings.Contains(dom, want) {
			t.Errorf("the page for the officer has no %s", want)
		}
	}
	shown(t, filepath.Join(dir, "officer.html"))
}

// shown takes a picture of a page and wants more than one colour in it.
func shown(t *testing.T, page string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.png")
	draw(t, page, "--window-size=1100,3000", "--screenshot="+file)
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	colours := map[[3]uint32]bool{}
	for y := 0; y < img.Bounds().Dy(); y += 3 {
		for x := 0; x < img.Bounds().Dx(); x += 3 {
			r, g, b, _ := img.At(x, y).RGBA()
			colours[[3]uint32{r, g, b}] = true
		}
	}
	if img.Bounds().Dx() < 1000 || len(colours) < 50 {
		t.Errorf("the picture is %v with %d colours", img.Bounds(), len(colours))
	}
}
