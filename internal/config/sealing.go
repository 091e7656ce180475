package config

import "strings"

// Evidence is how the evidence log is signed and by whom else it is confirmed.
type Evidence struct {
	Key        Secret // empty: nothing is signed
	KeyFile    string // of a key that lies in a file; "" for any other
	Checkpoint string // file of the latest checkpoint
	Witnesses  []Witness

	TimestampURL, TimestampRoots string // roots: a file

	PublishFile, PublishGit string // a file, a directory
	PublishURL              Secret
}

// Witness confirms that a log only ever grows.
type Witness struct {
	URL string
	Key string // public
}

// sealing reads how the evidence log is signed. The store is read before.
func (a *assembly) sealing(main section) {
	s := main.section("evidence")
	if main.has("evidence") && !main.has("store") {
		a.ps.add(s.n.pos, s.path, "there is no [store] to keep the evidence log in", "add [store]")
	}
	path := func(name string) string {
		if v := s.value(name); v != nil {
			return beside(v.pos.src.shown, v.text)
		}
		return ""
	}
	e := Evidence{
		Key: a.secretFor(s, "key", "nothing is signed without it; \"residency key new\" makes one"), Checkpoint: path("checkpoint"),
		TimestampURL: s.text("timestamp_url"), TimestampRoots: path("timestamp_roots"),
		PublishFile: path("publish_file"), PublishGit: path("publish_git"),
		PublishURL: a.secretFor(s, "publish_url", "checkpoints are not published without it"),
	}
	e.KeyFile, _ = strings.CutPrefix(e.Key.From(), "file:")
	if !strings.HasPrefix(e.Key.From(), "file:") {
		e.KeyFile = ""
	}
	if e.Checkpoint == "" {
		e.Checkpoint = a.cfg.Store.Path + ".checkpoint"
	}
	if v := s.value("key"); v != nil && e.Key.From() == "" {
		s.wrong("key", "stands in the file itself", "write \"file:PATH\" or \"env:NAME\": whoever has the key can sign a log of their own")
	}
	a.webSecret(s, "publish_url", e.PublishURL)
	if e.TimestampURL != "" && !webURL(e.TimestampURL) {
		s.wrong("timestamp_url", quote(e.TimestampURL)+" is no http or https URL", "")
	}
	if e.TimestampURL != "" && e.TimestampRoots == "" {
		s.wrong("timestamp_url", "needs timestamp_roots", "anybody can sign a time stamp: say whose is believed")
	}
	for _, t := range s.sections("witness") {
		w := Witness{URL: strings.TrimSuffix(t.text("url"), "/"), Key: t.text("key")}
		if w.URL != "" && !webURL(w.URL) {
			t.wrong("url", quote(w.URL)+" is no http or https URL", "")
		}
		if w.Key != "" && strings.Count(w.Key, "+") < 2 {
			t.wrong("key", quote(w.Key)+" is no public key", "want name+hash+key")
		}
		e.Witnesses = append(e.Witnesses, w)
	}
	a.cfg.Evidence = e
}
