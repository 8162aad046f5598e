// Package evidence makes and verifies the signed pack over what was wanted, decided, done and seen: a statement that an
// auditor can check offline with nothing but the pack and a public key.
//
// # Format
//
// A pack is a tar of plain files. manifest.json lists every other part with its size and SHA-256. statement.json is a DSSE
// envelope over an in-toto Statement v1 whose one subject is manifest.json. The time in a statement is a claim; the chain of
// the journal proves order, not the hour.
package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	ita "github.com/in-toto/attestation/go/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
)

// PredicateType names what the statement says.
const PredicateType = "urn:metalwright:handover:v1"

// payloadType of an in-toto statement in a DSSE envelope.
const payloadType = "application/vnd.in-toto+json"

// Names of the parts. Journals stand under journal/, in the order of their runs.
const (
	manifestName  = "manifest.json"
	statementName = "statement.json"
	designName    = "design.json"
	planName      = "plan.json"
	beforeName    = "observation-before.json"
	afterName     = "observation-after.json"
	replanName    = "replan.json"
	findingsName  = "findings.json"
	journalFolder = "journal/"
)

// Parts is what goes into a pack.
type Parts struct {
	Design   rack.Design
	Plan     plan.Plan        // that was applied; empty when nothing had to be done
	Before   rack.Observation // that the plan was made from
	After    rack.Observation
	Replan   plan.Plan       // of Design and After: must be empty
	Journals []Journal       // oldest first; the last is of Plan. None when Plan is empty
	Findings json.RawMessage // the residency result
	Tool     string          // name and version of the program
	Secrets  []string        // values that were handed out in this run: none of them may appear in the pack
}

// Journal is one journal as it stands on the disk.
type Journal struct {
	Name string // file name
	Text []byte
}

// Manifest is the one subject that is signed.
type Manifest struct {
	Format int    `json:"format"`
	Files  []Part `json:"files"` // in the order of the pack
}

// Part is one line of a Manifest.
type Part struct {
	Path      string      `json:"path"`
	SizeBytes int         `json:"size_bytes"`
	Digest    rack.Digest `json:"digest"`
}

// Statement is an in-toto Statement v1.
type Statement struct {
	Type          string    `json:"_type"`
	Subject       []Subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     Predicate `json:"predicate"`
}

// Subject is what a statement is about.
type Subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// Predicate is what is claimed.
type Predicate struct {
	Blueprint   string      `json:"blueprint"`
	Version     string      `json:"version,omitempty"`
	Design      rack.Digest `json:"design"`
	Plan        rack.Digest `json:"plan"`
	Before      rack.Digest `json:"observation_before"`
	After       rack.Digest `json:"observation_after"`
	JournalHead string      `json:"journal_head,omitempty"` // hash of the last line of the last journal
	Nodes       int         `json:"nodes"`
	Tool        string      `json:"tool"`
	Time        time.Time   `json:"time_claimed"`
}

// Collect makes a pack and signs it. It refuses to sign what Verify would refuse, and any part in which a secret stands.
func Collect(p Parts, s *Signer, at time.Time) ([]byte, error) {
	files, err := p.files()
	if err != nil {
		return nil, err
	}
	manifest, err := encode(manifestOf(files))
	if err != nil {
		return nil, err
	}
	head := ""
	if len(p.Journals) > 0 {
		if _, head, err = journal.Read(bytes.NewReader(p.Journals[len(p.Journals)-1].Text)); err != nil {
			return nil, fmt.Errorf("verify journal %s: %w", p.Journals[len(p.Journals)-1].Name, err)
		}
	}
	sum := sha256.Sum256(manifest)
	st := Statement{Type: ita.StatementTypeUri, PredicateType: PredicateType,
		Subject: []Subject{{manifestName, map[string]string{"sha256": hex.EncodeToString(sum[:])}}},
		Predicate: Predicate{Blueprint: p.Design.Blueprint.Name, Version: p.Design.Blueprint.Version, Design: p.Design.Digest(),
			Plan: p.Plan.Digest, Before: p.Before.Digest(), After: p.After.Digest(), JournalHead: head, Nodes: len(p.Design.Nodes),
			Tool: p.Tool, Time: at.UTC().Truncate(time.Second)}}
	body, err := json.Marshal(st)
	if err != nil {
		return nil, fmt.Errorf("encode statement: %w", err)
	}
	envelope, err := sign(s, body)
	if err != nil {
		return nil, err
	}
	files = append([]file{{statementName, envelope}, {manifestName, manifest}}, files...)
	for _, f := range files {
		if holdsSecret(f.data, p.Secrets) || f.name == statementName && holdsSecret(body, p.Secrets) {
			return nil, fmt.Errorf("make evidence: a secret stands in %s; nothing was written. This is a bug in Metalwright", f.name)
		}
	}
	pack, err := packFiles(files)
	if err != nil {
		return nil, err
	}
	if _, err := Verify(pack, s.Public(), VerifyOptions{}); err != nil {
		return nil, fmt.Errorf("make evidence: it would not verify: %w", err)
	}
	return pack, nil
}

// sign gives the envelope as it is stored.
func sign(s *Signer, body []byte) ([]byte, error) {
	es, err := dsse.NewEnvelopeSigner(s)
	if err != nil {
		return nil, fmt.Errorf("sign statement: %w", err)
	}
	env, err := es.SignPayload(context.Background(), payloadType, body)
	if err != nil {
		return nil, fmt.Errorf("sign statement: %w", err)
	}
	return encode(env)
}

// files are the parts under the manifest, in their order.
func (p Parts) files() ([]file, error) {
	var out []file
	for _, part := range []struct {
		name string
		v    any
	}{{designName, p.Design}, {planName, p.Plan}, {beforeName, p.Before}, {afterName, p.After}, {replanName, p.Replan}} {
		text, err := encode(part.v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		out = append(out, file{part.name, text})
	}
	findings := p.Findings
	if findings == nil {
		findings = json.RawMessage("null")
	}
	if !json.Valid(findings) {
		return nil, errors.New("make evidence: the residency result is not JSON")
	}
	out = append(out, file{findingsName, findings})
	for _, j := range p.Journals {
		if j.Name == "" || j.Name != path.Base(j.Name) {
			return nil, fmt.Errorf("make evidence: %q is not the name of a journal", j.Name)
		}
		out = append(out, file{journalFolder + j.Name, j.Text})
	}
	return out, nil
}

func manifestOf(files []file) Manifest {
	m := Manifest{Format: 1}
	for _, f := range files {
		m.Files = append(m.Files, Part{f.name, len(f.data), digestOf(f.data)})
	}
	return m
}

func digestOf(b []byte) rack.Digest {
	sum := sha256.Sum256(b)
	return rack.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

func encode(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return append(b, '\n'), nil
}

// minSecretBytes: shorter ones are words that stand in any text.
const minSecretBytes = 6

// holdsSecret looks for each secret as it is, as JSON writes it, and in base64 at each of the three alignments.
func holdsSecret(text []byte, secrets []string) bool {
	return slices.ContainsFunc(secrets, func(s string) bool {
		if len(s) < minSecretBytes {
			return false
		}
		escaped, err := json.Marshal(s)
		if err != nil {
			return true
		}
		forms := []string{s, strings.Trim(string(escaped), `"`)}
		for skip := range 3 {
			enc := base64.RawStdEncoding.EncodeToString(append(make([]byte, skip), s...))
			forms = append(forms, enc[(skip*8+5)/6:len(enc)-1]) // without the characters that neighbours share
		}
		return slices.ContainsFunc(forms, func(f string) bool { return bytes.Contains(text, []byte(f)) })
	})
}
