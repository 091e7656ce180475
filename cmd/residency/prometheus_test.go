package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// debian returns a program of Debian's that has to be there in CI, and skips
// the test elsewhere.
func debian(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatal(err)
	case err != nil:
		t.Skip(err)
	}
	return path
}

// freePort returns an address of loopback that nobody uses now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start runs a program until the test ends. What it says is shown if the test
// fails.
func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", cmd.Path, said.String())
		}
	})
}

// fetch gets a page, again and again until it holds what is wanted.
func fetch(t *testing.T, address string, wanted func(string) bool) string {
	t.Helper()
	last := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		resp, err := http.Get(address)
		if err != nil {
			last = err.Error()
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if last = string(body); err == nil && resp.StatusCode == http.StatusOK && wanted(last) {
			return last
		}
	}
	t.Fatalf("GET %s: nothing of what was wanted within a minute; last:\n%s", address, last)
	return ""
}

// TestPrometheus: Debian's promtool finds nothing wrong with the figures of
// watch and of check, and a real Prometheus takes them.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	promtool, prometheus := debian(t, "promtool"), debian(t, "prometheus")
	k := &killed{t: t, st: newStage(t, day("2014-11-02"), oneSubnet), rng: rand.New(rand.NewPCG(1, 1))}
	listen := freePort(t)
	k.st.configure("\n[schedule]\ncheck = \"* * * * *\"\n[store]\n[web]\nlisten = \"" + listen + "\"\n")
	k.once(3, "check", "--quiet")
	k.once(2, "check", "--quiet", "--metrics-file", "residency.prom")
	start(t, k.program("watch"))
	page := fetch(t, "http://"+listen+"/metrics", func(s string) bool { return strings.Contains(s, "residency_claim_standing{") })
	file, err := os.ReadFile(filepath.Join(k.st.dir, "residency.prom"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"/metrics": page, "--metrics-file": string(file)} {
		cmd := exec.Command(promtool, "check", "metrics")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
			t.Errorf("promtool check metrics of %s: %v\n%s", name, err, out)
		}
	}
	web := freePort(t)
	k.st.write("prometheus.yml", fmt.Sprintf("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs: [{job_name: residency, static_configs: [{targets: [%q]}]}]\n", listen))
	start(t, exec.Command(prometheus, "--config.file="+filepath.Join(k.st.dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(k.st.dir, "tsdb"), "--web.listen-address="+web))
	query := "http://" + web + "/api/v1/query?query=" + url.QueryEscape(`residency_claim_standing{claim="phase-1"} == 1`)
	fetch(t, query, func(s string) bool {
		var got struct {
			Data struct {
				Result []struct{ Metric map[string]string }
			}
		}
		return json.Unmarshal([]byte(s), &got) == nil && len(got.Data.Result) == 1 &&
			got.Data.Result[0].Metric["standing"] == "broken" && got.Data.Result[0].Metric["job"] == "residency"
	})
}
