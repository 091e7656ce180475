package main

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"residency/internal/ledger"
)

// TestBundleOutsiders: a time stamp in a bundle is held to the checkpoint, with
// roots and without, and who signed the checkpoint besides is told.
func TestBundleOutsiders(t *testing.T) {
	t.Parallel()
	w, _, files := bundled(t, 5, 8, packing{})
	said := func(files fstest.MapFS, f verifyFlags) (string, error) {
		var out bytes.Buffer
		err := testEnv(&out, &out).verifyBundle(t.Context(), "bundle", files, f, []ledger.Public{w.key.Public()})
		return out.String(), err
	}
	if out, err := said(withFile(t, files, "log/checkpoint.tsr", []byte("nonsense")), verifyFlags{}); err == nil || !strings.Contains(err.Error(), "a time stamp that is believed") {
		t.Errorf("a stamp that is none: %v\n%s", err, out)
	}
	const witness = "witness.example.com"
	signature := base64.StdEncoding.EncodeToString(make([]byte, 76))
	note := append(bytes.Clone(files["log/checkpoint"].Data), "\u2014 "+witness+" "+signature+"\n"...)
	if out, err := said(withFile(t, files, "log/checkpoint", note), verifyFlags{}); err != nil || !strings.Contains(out, witness+" signed the checkpoint of") {
		t.Errorf("a witness nobody asked for: %v\n%s", err, out)
	}
	if _, err := said(files, verifyFlags{witnesses: []string{"nonsense"}}); err == nil {
		t.Error("nonsense is taken for the key of a witness")
	}
	roots, stamp := stampedByOpenssl(t, files["log/checkpoint"].Data)
	files = withFile(t, files, "log/checkpoint.tsr", stamp)
	if out, err := said(files, verifyFlags{}); err != nil || !strings.Contains(out, "is signed by CN=stamps, whose word was not asked for") || strings.Contains(out, "dated ") {
		t.Errorf("a stamp, without roots: %v\n%s", err, out)
	}
	// The runs are of 2026 by the clock of the test, and the stamp is of today.
	if out, err := said(files, verifyFlags{stampRoots: roots}); err == nil && !strings.Contains(out, "dated       1 time by others") || err != nil && !strings.Contains(err.Error(), "is dated ahead") {
		t.Errorf("a stamp, with its root: %v\n%s", err, out)
	}
	others, _ := stampedByOpenssl(t, nil)
	if out, err := said(files, verifyFlags{stampRoots: others}); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("a stamp, with the root of another: %v\n%s", err, out)
	}
}

// stampedByOpenssl has a time stamp authority of its own stamp data, and returns
// the file of its root and the response.
func stampedByOpenssl(t *testing.T, data []byte) (roots string, response []byte) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil && os.Getenv("CI") == "" {
		t.Skip("there is no openssl")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"data": string(data), "serial": "01\n", "ext": "extendedKeyUsage = critical,timeStamping\n", "tsa.cnf": `[tsa]
default_tsa = one
[one]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range []string{
		"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem -subj /CN=root -days 9",
		"req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tsa.key -out tsa.csr -subj /CN=stamps",
		"x509 -req -in tsa.csr -CA root.pem -CAkey root.key -CAcreateserial -out tsa.pem -days 9 -extfile ext",
		"ts -query -data data -sha256 -cert -out query",
		"ts -reply -config tsa.cnf -queryfile query -signer tsa.pem -inkey tsa.key -out reply",
	} {
		cmd := exec.Command("openssl", strings.Fields(args)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %v\n%s", args, err, out)
		}
	}
	response, err := os.ReadFile(filepath.Join(dir, "reply"))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "root.pem"), response
}
