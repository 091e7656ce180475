package ledger

import (
	"bytes"
	"fmt"
	"slices"
)

// cutNote splits a signed note into its text and its signatures.
func cutNote(msg []byte) (text string, sigs []byte, ok bool) {
	i := bytes.LastIndex(msg, []byte("\n\n"))
	if i < 0 || len(msg) > maxNote {
		return "", nil, false
	}
	return string(msg[:i+1]), msg[i+2:], true
}

// signatures holds every checkpoint to the key that was in force. The log says
// which those were; a new one is in force once a checkpoint of the old one
// covers the record that names it.
func (v *Verifier) signatures(rep *Report, cps []keptCheckpoint, known *acts) error {
	chain, err := v.chain(known)
	if err != nil {
		return err
	}
	rep.Notes = append(rep.Notes, known.interruptions(cps)...)
	if len(chain) == 0 {
		if len(cps) > 0 { // without keys at hand
			return tampered(-1, "a record that names the key", "none", "the log does not say who signs it, and no key was given")
		}
		rep.Notes = append(rep.Notes, "nothing is signed yet: the log agrees with itself, and anybody could have written it")
		return nil
	}
	now := 0         // index into the chain
	trusted := false // a key that was given signed something
	for _, cp := range cps {
		if cp.Size > rep.Signed { // one of the same size is signed by the same key
			now = inForce(chain, now, rep.Signed)
		}
		if _, _, err := OpenCheckpoint(cp.Note, chain[now].key); err != nil {
			return tampered(-1, "signed by "+chain[now].key.String(), signedBy(cp.Note, chain, now, err), "the checkpoint of %d leaves in %s", cp.Size, cp.from)
		}
		trusted = trusted || v.trusts(chain[now].key)
		rep.Checkpoints++
		rep.Signed = max(rep.Signed, cp.Size)
	}
	now = inForce(chain, now, rep.Signed)
	if !trusted && len(v.Keys) > 0 {
		return tampered(-1, "signed by "+v.Keys[0].String(), "none", "a checkpoint of the log")
	}
	for _, k := range chain[now+1:] {
		if k.key.String() != chain[now].key.String() {
			return tampered(k.leaf, "signed by "+chain[now].key.String(), "not signed", "a record that names the key %s to sign the log next", k.key)
		}
	}
	rep.Origin, rep.Key = chain[now].key.Origin(), chain[now].key.String()
	if n := rep.Size - rep.Signed; n > 0 {
		rep.Notes = append(rep.Notes, fmt.Sprintf("%s after the last checkpoint: not signed yet", LeavesWords(n)))
	}
	return nil
}

// inForce returns which key is in force once so many leaves are signed, the one
// given or a later one.
func inForce(chain []keyAct, now int, signed int64) int {
	for now+1 < len(chain) && chain[now+1].leaf < signed {
		now++
	}
	return now
}

// signedBy says what is wrong with the signature of a checkpoint.
func signedBy(msg []byte, chain []keyAct, now int, err error) string {
	for i, k := range chain {
		if _, _, err := OpenCheckpoint(msg, k.key); err == nil && i != now {
			if i < now {
				return "signed by a key that had been replaced: " + k.key.String()
			}
			return "signed by a key before it was in force: " + k.key.String()
		}
	}
	return err.Error()
}

// chain returns the keys of the log in order. One of them must be trusted.
func (v *Verifier) chain(known *acts) ([]keyAct, error) {
	chain := known.keys
	if len(chain) == 0 {
		if len(v.Keys) == 0 {
			return nil, nil
		}
		return []keyAct{{-1, v.Keys[0]}}, nil
	}
	if len(v.Keys) == 0 {
		return chain, nil
	}
	for _, k := range chain {
		if v.trusts(k.key) {
			return chain, nil
		}
	}
	return nil, tampered(chain[0].leaf, v.Keys[0], chain[0].key, "the log is signed with another key")
}

// trusts reports whether the key is one of those that were given.
func (v *Verifier) trusts(key Public) bool {
	return slices.ContainsFunc(v.Keys, func(t Public) bool { return t.String() == key.String() })
}
