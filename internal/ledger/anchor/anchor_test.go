package anchor

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"residency/internal/residency"
)

// growing is a log of numbers, and its signed checkpoints.
type growing struct {
	hashes []tlog.Hash
	signer note.Signer
	vkey   string
}

func newGrowing(t testing.TB) *growing {
	t.Helper()
	secret, vkey, err := note.GenerateKey(rand.Reader, "example.com/log")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return &growing{signer: signer, vkey: vkey}
}

func (g *growing) reader() tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, g.hashes[i])
		}
		return out, nil
	})
}

// checkpoint grows the log to a size and signs it.
func (g *growing) checkpoint(t testing.TB, size int64) residency.Checkpoint {
	t.Helper()
	n := int64(0)
	for tlog.StoredHashIndex(0, n) < int64(len(g.hashes)) {
		n++
	}
	for ; n < size; n++ {
		more, err := tlog.StoredHashes(n, fmt.Append(nil, n), g.reader())
		if err != nil {
			t.Fatal(err)
		}
		g.hashes = append(g.hashes, more...)
	}
	root, err := tlog.TreeHash(size, g.reader())
	if err != nil {
		t.Fatal(err)
	}
	msg, err := note.Sign(&note.Note{Text: fmt.Sprintf("example.com/log\n%d\n%s\n", size, root)}, g.signer)
	if err != nil {
		t.Fatal(err)
	}
	return residency.Checkpoint{Size: size, Root: residency.Hash(root), Note: msg}
}

// grown proves growth to a size.
func (g *growing) grown(size int64) func(context.Context, int64) ([]residency.Hash, error) {
	return func(_ context.Context, from int64) ([]residency.Hash, error) {
		if from == 0 || from == size {
			return nil, nil
		}
		proof, err := tlog.ProveTree(size, from, g.reader())
		var out []residency.Hash
		for _, h := range proof {
			out = append(out, residency.Hash(h))
		}
		return out, err
	}
}

// witness is one that follows C2SP tlog-witness: it checks signature and
// growth, and signs.
type witness struct {
	signer   *cosignature.Signer
	log      note.Verifier
	size     int64
	root     tlog.Hash
	requests int
	twist    func(reply string) string
}

func (w *witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.requests++
	body, _ := io.ReadAll(r.Body)
	head, msg, _ := strings.Cut(string(body), "\n\n")
	lines := strings.Split(head, "\n")
	n, err := note.Open([]byte(msg), note.VerifierList(w.log))
	if err != nil || r.URL.Path != "/w/add-checkpoint" {
		rw.WriteHeader(http.StatusForbidden)
		return
	}
	var old, size int64
	var proof tlog.TreeProof
	fmt.Sscanf(lines[0], "old %d", &old)
	for _, l := range lines[1:] {
		h, _ := tlog.ParseHash(l)
		proof = append(proof, h)
	}
	text := strings.Split(n.Text, "\n")
	fmt.Sscan(text[1], &size)
	root, _ := tlog.ParseHash(text[2])
	if old != w.size {
		rw.WriteHeader(http.StatusConflict)
		fmt.Fprintf(rw, "%d\n", w.size)
		return
	}
	if old > 0 && old < size && tlog.CheckTree(proof, size, root, old, w.root) != nil {
		rw.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	w.size, w.root = size, root
	signed, _ := note.Sign(&note.Note{Text: n.Text}, w.signer)
	_, sigs, _ := strings.Cut(string(signed), "\n\n")
	if w.twist != nil {
		sigs = w.twist(sigs)
	}
	io.WriteString(rw, sigs)
}

// newWitness starts a witness of a log, and returns ours of it.
func newWitness(t testing.TB, g *growing) (*witness, func() *Witness) {
	t.Helper()
	secret, vkey, err := note.GenerateKey(rand.Reader, "witness.example.com")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := cosignature.NewSignerForCosignatureV1(secret)
	if err != nil {
		t.Fatal(err)
	}
	log, err := note.NewVerifier(g.vkey)
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{signer: signer, log: log}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	return w, func() *Witness {
		ours, err := NewWitness(server.URL+"/w/", vkey, server.Client())
		if err != nil {
			t.Fatal(err)
		}
		return ours
	}
}

func TestWitness(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	g := newGrowing(t)
	theirs, open := newWitness(t, g)
	ours := open()
	for _, size := range []int64{3, 7, 7, 20} {
		cp := g.checkpoint(t, size)
		signed, err := ours.Confirm(ctx, cp, g.grown(size))
		if err != nil {
			t.Fatalf("size %d: %v", size, err)
		}
		if at, ok := ours.Signed(signed.Note); !ok || time.Since(time.Unix(at, 0)).Abs() > time.Hour {
			t.Errorf("size %d: signed at %v, %v", size, at, ok)
		}
		if !bytes.HasPrefix(signed.Note, cp.Note) || theirs.size != size {
			t.Errorf("size %d: note %q, witness at %d", size, signed.Note, theirs.size)
		}
	}
	restarted := open() // knows nothing, and is told by the witness
	if _, err := restarted.Confirm(ctx, g.checkpoint(t, 33), g.grown(33)); err != nil || theirs.size != 33 {
		t.Errorf("after a restart: %v", err)
	}
	forked := newGrowing(t)
	forked.signer, forked.vkey = g.signer, g.vkey
	if _, err := more(forked.hashes, forked); err != nil {
		t.Fatal(err)
	}
	if _, err := open().Confirm(ctx, forked.checkpoint(t, 40), forked.grown(40)); err == nil {
		t.Error("a witness confirmed a log that was written anew")
	}
	if _, err := open().Confirm(ctx, g.checkpoint(t, 34), g.grown(34)); err != nil {
		t.Errorf("the true log after that: %v", err)
	}
}

// more gives a log another first leaf.
func more(_ []tlog.Hash, g *growing) ([]tlog.Hash, error) {
	hashes, err := tlog.StoredHashes(0, []byte("other"), g.reader())
	g.hashes = hashes
	return hashes, err
}

func TestWitnessThatLies(t *testing.T) {
	t.Parallel()
	g := newGrowing(t)
	for name, twist := range map[string]func(string) string{
		"nothing":     func(string) string { return "" },
		"another key": func(s string) string { return strings.Replace(s, "witness.", "wotness.", 1) },
		"broken":      func(s string) string { return strings.Replace(s, "=\n", "\n", 1)[:len(s)-9] + "\n" },
		"no newline":  func(s string) string { return strings.TrimSpace(s) },
		"huge":        func(s string) string { return strings.Repeat("x", maxReply+1) },
	} {
		theirs, open := newWitness(t, g)
		theirs.twist = twist
		cp := g.checkpoint(t, 5)
		if got, err := open().Confirm(context.Background(), cp, g.grown(5)); err == nil || !bytes.Equal(got.Note, cp.Note) {
			t.Errorf("%s: Confirm = %q, %v", name, got.Note, err)
		}
	}
	if _, err := NewWitness("https://w.example.com", "nonsense", http.DefaultClient); err == nil {
		t.Error("NewWitness takes nonsense for a key")
	}
}

// authority signs time stamps.
type authority struct {
	root, cert *x509.Certificate
	key        crypto.Signer
	nonce      *big.Int // instead of the one asked with
	at         time.Time
	data       []byte // instead of what was asked about
}

func certificate(t testing.TB, template, parent *x509.Certificate, parentKey crypto.Signer) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// newAuthority makes one whose certificate is for the given uses.
func newAuthority(t testing.TB, critical bool, uses ...asn1.ObjectIdentifier) *authority {
	t.Helper()
	year := 365 * 24 * time.Hour
	root, rootKey := certificate(t, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-year), NotAfter: time.Now().Add(year), KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	use, err := asn1.Marshal(uses)
	if err != nil {
		t.Fatal(err)
	}
	cert, key := certificate(t, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "stamps"},
		NotBefore: time.Now().Add(-year / 2), NotAfter: time.Now().Add(year / 2), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: critical, Value: use}}}, root, rootKey)
	return &authority{root: root, cert: cert, key: key, at: time.Now()}
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	q, err := timestamp.ParseRequest(body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	ts := timestamp.Timestamp{HashAlgorithm: q.HashAlgorithm, HashedMessage: q.HashedMessage, Time: a.at, Nonce: q.Nonce,
		Policy: asn1.ObjectIdentifier{1, 2, 3}, AddTSACertificate: true}
	if a.nonce != nil {
		ts.Nonce = a.nonce
	}
	if a.data != nil {
		h := residency.HashOf(a.data)
		ts.HashedMessage = h[:]
	}
	resp, err := ts.CreateResponseWithOpts(a.cert, a.key, crypto.SHA256)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Write(resp)
}

func (a *authority) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.root)
	return pool
}

func TestStamp(t *testing.T) {
	t.Parallel()
	stamps, servers := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	other := newAuthority(t, true, stamps)
	for _, tt := range []struct {
		name  string
		a     *authority
		twist func(a *authority)
		roots *x509.CertPool
		want  string // in the error; "" for none
	}{
		{name: "good", a: newAuthority(t, true, stamps)},
		{name: "another nonce", a: newAuthority(t, true, stamps), twist: func(a *authority) { a.nonce = big.NewInt(7) }, want: "another nonce"},
		{name: "over something else", a: newAuthority(t, true, stamps), twist: func(a *authority) { a.data = []byte("x") }, want: "over something else"},
		{name: "another root", a: newAuthority(t, true, stamps), roots: other.roots(), want: "unknown authority"},
		{name: "a web server's certificate", a: newAuthority(t, true, servers), want: "not one for time stamps"},
		{name: "one for both", a: newAuthority(t, true, stamps, servers), want: "not one for time stamps"},
		{name: "not critical", a: newAuthority(t, false, stamps), want: "not one for time stamps"},
		{name: "before the certificate", a: newAuthority(t, true, stamps), twist: func(a *authority) { a.at = time.Now().Add(-300 * 24 * time.Hour) }, want: "expired or is not yet valid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.twist != nil {
				tt.twist(tt.a)
			}
			if tt.roots == nil {
				tt.roots = tt.a.roots()
			}
			server := httptest.NewServer(tt.a)
			defer server.Close()
			s := &Stamper{URL: server.URL, Roots: tt.roots, Do: server.Client(), Rand: rand.Reader}
			cp := residency.Checkpoint{Size: 1, Note: []byte("note")}
			got, err := s.Confirm(context.Background(), cp, nil)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || got.Stamp != nil {
					t.Errorf("Confirm = %v, want %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if at, err := VerifyStamp(got.Stamp, cp.Note, tt.roots); err != nil || at.Sub(tt.a.at).Abs() > 2*time.Second {
				t.Errorf("VerifyStamp = %v, %v", at, err)
			}
			if _, err := VerifyStamp(got.Stamp, []byte("noté"), tt.roots); err == nil {
				t.Error("VerifyStamp takes other data")
			}
			if at, by, err := Stamped(got.Stamp, cp.Note); err != nil || by != "CN=stamps" || at.Sub(tt.a.at).Abs() > 2*time.Second {
				t.Errorf("Stamped = %v, %q, %v", at, by, err)
			}
			if _, _, err := Stamped(got.Stamp, []byte("noté")); err == nil {
				t.Error("Stamped takes other data")
			}
		})
	}
}

// FuzzVerifyStamp: no response brings the reader down or is believed.
func FuzzVerifyStamp(f *testing.F) {
	a := newAuthority(f, true, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8})
	h := residency.HashOf([]byte("data"))
	good, err := (&timestamp.Timestamp{HashAlgorithm: crypto.SHA256, HashedMessage: h[:], Time: time.Now(), Policy: asn1.ObjectIdentifier{1, 2, 3}, AddTSACertificate: true}).
		CreateResponseWithOpts(a.cert, a.key, crypto.SHA256)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{0x30, 0x03, 0x02, 0x01, 0x00})
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := VerifyStamp(data, []byte("other data"), a.roots()); err == nil {
			t.Error("a response is believed that is not over the data")
		}
		if _, _, err := Stamped(data, []byte("other data")); err == nil {
			t.Error("a response is read that is not over the data")
		}
	})
}

// FuzzWitnessReply: no reply is taken for a signature but the witness's own.
func FuzzWitnessReply(f *testing.F) {
	g := newGrowing(f)
	_, open := newWitness(f, g)
	w, cp := open(), g.checkpoint(f, 3)
	f.Add([]byte("— witness.example.com " + base64.StdEncoding.EncodeToString(make([]byte, 76)) + "\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if got, err := w.signature(cp.Note, body); err == nil {
			t.Errorf("%q is taken for a signature: %q", body, got)
		}
	})
}

func TestPublish(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	g := newGrowing(t)
	dir := t.TempDir()
	cp := g.checkpoint(t, 2)
	if err := ToFile(filepath.Join(dir, "cp"))(ctx, cp); err != nil {
		t.Error(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "cp")); err != nil || !bytes.Equal(data, cp.Note) {
		t.Errorf("the file holds %q, %v", data, err)
	}
	if err := ToFile(filepath.Join(dir, "none", "cp"))(ctx, cp); err == nil {
		t.Error("a file in a directory that is not there")
	}
	status, got := http.StatusNoContent, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = string(body)
		w.WriteHeader(status)
	}))
	defer server.Close()
	if err := ToURL(server.URL+"/T0PSECRET", server.Client())(ctx, cp); err != nil || got != string(cp.Note) {
		t.Errorf("posted %q, %v", got, err)
	}
	status = http.StatusInternalServerError
	if err := ToURL(server.URL+"/T0PSECRET", server.Client())(ctx, cp); err == nil || strings.Contains(err.Error(), "T0PSECRET") {
		t.Errorf("a server that refuses: %v", err)
	}
	server.Close()
	if err := ToURL(server.URL+"/T0PSECRET", server.Client())(ctx, cp); err == nil || strings.Contains(err.Error(), "T0PSECRET") {
		t.Errorf("a server that is gone: %v", err)
	}
}

func TestPublishToGit(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	g := newGrowing(t)
	home := t.TempDir()
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "GIT_CONFIG_GLOBAL=" + filepath.Join(home, "config"), "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com"}
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Env, cmd.Dir = env, home
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
		return string(out)
	}
	git("init", "--quiet", "--bare", "remote")
	git("clone", "--quiet", "remote", "clone")
	publish := ToGit(filepath.Join(home, "clone"), env)
	for _, size := range []int64{2, 5, 5} {
		if err := publish(ctx, g.checkpoint(t, size)); err != nil {
			t.Fatal(err)
		}
	}
	if log := git("-C", "remote", "log", "--format=%s", "--all"); log != "checkpoint of 5 leaves\ncheckpoint of 2 leaves\n" {
		t.Errorf("the remote has %q", log)
	}
	if err := ToGit(home, env)(ctx, g.checkpoint(t, 6)); err == nil {
		t.Error("a directory that is no clone is no error")
	}
}
