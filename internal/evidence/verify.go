package evidence

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"

	ita "github.com/in-toto/attestation/go/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
)

// Refusal says which check a pack failed, and at which part.
type Refusal struct {
	Check  string // archive, signature, manifest, parts, journal, plan, observations, replan, residency
	Part   string // the file, or the place in the archive
	Reason string
}

// Error names the part.
func (r *Refusal) Error() string {
	return fmt.Sprintf("evidence refused: %s: %s (%s)", r.Part, r.Reason, r.Check)
}

// VerifyOptions are checks that need other packages. A nil one is reported as not assessed.
type VerifyOptions struct {
	// Replan computes the plan of the packed design and observation anew: it must be empty.
	Replan func(rack.Design, rack.Observation) (plan.Plan, error)
	// Recheck computes the residency result of the packed design anew: it must be byte-equal to the packed one.
	Recheck func(d rack.Design, packed json.RawMessage) (json.RawMessage, error)
}

// Report is what a pack that verified says.
type Report struct {
	KeyID     string    `json:"keyid"`
	Predicate Predicate `json:"predicate"`
	Parts     []string  `json:"parts"`
	Checks    []Check   `json:"checks"`
}

// Check is one thing that was verified.
type Check struct {
	Name     string `json:"name"`
	Assessed bool   `json:"assessed"` // false: this verification could not tell
	Detail   string `json:"detail"`
}

// Verify checks a pack offline against a key that was got by another way; keys inside the pack count for nothing. What fails
// is a *Refusal.
func Verify(pack []byte, pub ed25519.PublicKey, opt VerifyOptions) (Report, error) {
	v := &verification{opt: opt, pub: pub, parts: map[string][]byte{}}
	for _, check := range []func() error{
		func() error { return v.archive(pack) },
		func() error { return v.signature(pub) },
		v.manifest,
		func() error { return v.spelling(pack) },
		v.decode,
		v.journals,
		v.plans,
		v.replan,
		v.residency,
	} {
		if err := check(); err != nil {
			return Report{}, err
		}
	}
	return v.report, nil
}

// verification is one Verify under way.
type verification struct {
	opt    VerifyOptions
	pub    ed25519.PublicKey
	files  []file
	parts  map[string][]byte
	st     Statement
	report Report

	design        rack.Design
	plan, replans plan.Plan
	before, after rack.Observation
}

func (v *verification) passed(name, format string, args ...any) {
	v.report.Checks = append(v.report.Checks, Check{name, true, fmt.Sprintf(format, args...)})
}

func (v *verification) archive(pack []byte) error {
	var err error
	if v.files, err = unpack(pack); err != nil {
		return err
	}
	for _, f := range v.files {
		v.parts[f.name] = f.data
		v.report.Parts = append(v.report.Parts, f.name)
	}
	for i, name := range []string{statementName, manifestName} {
		if len(v.files) <= i || v.files[i].name != name {
			return &Refusal{"archive", name, "it does not stand where it belongs"}
		}
	}
	return nil
}

// signature checks the envelope against the given key, and that the payload is an in-toto statement of ours.
func (v *verification) signature(pub ed25519.PublicKey) error {
	refuse := func(reason string) error { return &Refusal{"signature", statementName, reason} }
	if len(pub) != ed25519.PublicKeySize {
		return refuse("no Ed25519 public key was given to verify with")
	}
	var env dsse.Envelope
	if err := json.Unmarshal(v.parts[statementName], &env); err != nil {
		return refuse("it is not a DSSE envelope: " + err.Error())
	}
	if env.PayloadType != payloadType {
		return refuse("its payload is not an in-toto statement")
	}
	ev, err := dsse.NewEnvelopeVerifier(verifier{pub})
	if err != nil {
		return refuse(err.Error())
	}
	keys, body, err := ev.VerifyAndDecode(context.Background(), &env)
	if err != nil {
		return refuse("no signature of the given key over it: " + err.Error())
	}
	if text, err := encode(env); err != nil || !bytes.Equal(text, v.parts[statementName]) {
		return refuse("it is not spelt as it was written")
	}
	var foreign ita.Statement // what any in-toto tool reads
	if err := protojson.Unmarshal(body, &foreign); err != nil {
		return refuse("the payload is not an in-toto statement: " + err.Error())
	}
	if err := foreign.Validate(); err != nil {
		return refuse("the payload is not a valid in-toto statement: " + err.Error())
	}
	if err := strict(body, &v.st); err != nil {
		return refuse("the payload is not a statement of this program: " + err.Error())
	}
	if v.st.PredicateType != PredicateType || len(v.st.Subject) != 1 || v.st.Subject[0].Name != manifestName {
		return refuse("the statement is about something else")
	}
	v.report.KeyID, v.report.Predicate = keys[0].KeyID, v.st.Predicate
	v.passed("signature", "Ed25519 by key %s", keys[0].KeyID)
	return nil
}

// manifest checks the subject's digest, and every part against its line; nothing may be missing or extra.
func (v *verification) manifest() error {
	text := v.parts[manifestName]
	if d := digestOf(text); string(d) != "sha256:"+v.st.Subject[0].Digest["sha256"] {
		return &Refusal{"manifest", manifestName, "its digest is not the one that is signed"}
	}
	var m Manifest
	if err := strict(text, &m); err != nil || m.Format != 1 {
		return &Refusal{"manifest", manifestName, "it cannot be read by this version"}
	}
	rest := v.files[2:]
	for i, line := range m.Files {
		if i >= len(rest) || rest[i].name != line.Path {
			if _, ok := v.parts[line.Path]; !ok {
				return &Refusal{"parts", line.Path, "it is missing"}
			}
			return &Refusal{"parts", rest[i].name, "it does not stand where it belongs"}
		}
		if len(rest[i].data) != line.SizeBytes || digestOf(rest[i].data) != line.Digest {
			return &Refusal{"parts", line.Path, "its bytes are not those that were signed"}
		}
	}
	if len(rest) > len(m.Files) {
		return &Refusal{"parts", rest[len(m.Files)].name, "it was added: the manifest does not list it"}
	}
	v.passed("parts", "%d parts as signed, none missing, none added", len(m.Files))
	return nil
}

func (v *verification) spelling(pack []byte) error { return sameBytes(pack, v.files) }

// decode reads the parts, and holds their digests against the statement.
func (v *verification) decode() error {
	for name, into := range map[string]any{designName: &v.design, planName: &v.plan, replanName: &v.replans, beforeName: &v.before,
		afterName: &v.after} {
		if _, ok := v.parts[name]; !ok {
			return &Refusal{"parts", name, "it is missing"}
		}
		if err := json.Unmarshal(v.parts[name], into); err != nil {
			return &Refusal{"parts", name, "it cannot be read: " + err.Error()}
		}
	}
	p := v.st.Predicate
	for _, c := range []struct {
		name      string
		got, want rack.Digest
	}{{designName, v.design.Digest(), p.Design}, {planName, v.plan.Digest, p.Plan}, {beforeName, v.before.Digest(), p.Before},
		{afterName, v.after.Digest(), p.After}} {
		if c.got != c.want {
			return &Refusal{"parts", c.name, fmt.Sprintf("it is %s, the statement says %s", c.got.Short(), c.want.Short())}
		}
	}
	return nil
}

// journals checks every chain, that every outcome has its intent and every intent an outcome or a note, and that the last
// journal is of the plan, ended, and has the head that is signed.
func (v *verification) journals() error {
	last, head, signed := "", "", 0
	var ended []journal.Record
	for _, f := range v.files {
		if !strings.HasPrefix(f.name, journalFolder) {
			continue
		}
		records, h, err := journal.Read(bytes.NewReader(f.data))
		if err != nil {
			return &Refusal{"journal", f.name, err.Error()}
		}
		if err := journal.Audit(records, ""); err != nil {
			return &Refusal{"journal", f.name, err.Error()}
		}
		gates, err := VerifyGates(bytes.NewReader(f.data), v.pub)
		if err != nil {
			return &Refusal{"gates", f.name, err.Error()}
		}
		signed += gates.Signed
		last, head, ended = f.name, h, records
	}
	if head != v.st.Predicate.JournalHead {
		return &Refusal{"journal", journalFolder, "its head is not the one that is signed"}
	}
	if last == "" {
		if !v.plan.Empty() {
			return &Refusal{"journal", journalFolder, "there is none, and the plan is not empty"}
		}
		v.passed("journal", "none: nothing had to be done")
		return nil
	}
	if ended[0].Digest != v.plan.Digest {
		return &Refusal{"plan", last, fmt.Sprintf("it is of plan %s, not %s", ended[0].Digest.Short(), v.plan.Digest.Short())}
	}
	end := ended[len(ended)-1]
	if end.Kind != journal.Gate || end.Result != journal.Finished {
		return &Refusal{"journal", last, "its run did not finish"}
	}
	v.passed("journal", "%d records, chain whole, every outcome has its intent; head %.8s", len(ended), head)
	if signed > 0 {
		v.passed("gates", "%d signed while the run was under way", signed)
	}
	return nil
}

// plans checks that the plan is its digest's, of the design and of the observation before.
func (v *verification) plans() error {
	if v.plan.Empty() && v.plan.Digest == "" {
		v.passed("plan", "nothing had to be done")
		return nil
	}
	switch {
	case v.plan.ComputeDigest() != v.plan.Digest:
		return &Refusal{"plan", planName, "it is not the plan that its digest names"}
	case v.plan.Design != v.design.Digest():
		return &Refusal{"plan", planName, "it is of another design"}
	case v.plan.Observation != v.before.Digest():
		return &Refusal{"plan", beforeName, "the plan was made from another observation"}
	}
	v.passed("plan", "%s, of this design and of what was seen before", v.plan.Digest.Short())
	return nil
}

// replan checks that the plan of the design and of what was seen after is empty: that the rack is as designed.
func (v *verification) replan() error {
	switch {
	case !v.replans.Empty():
		return &Refusal{"replan", replanName, "it holds steps: the rack was not as designed"}
	case v.replans.Design != v.design.Digest():
		return &Refusal{"replan", replanName, "it is of another design"}
	case v.replans.Observation != v.after.Digest():
		return &Refusal{"replan", replanName, "it was made from another observation"}
	}
	if v.opt.Replan == nil {
		v.report.Checks = append(v.report.Checks, Check{"replan", false, "empty as packed; not computed anew"})
		return nil
	}
	p, err := v.opt.Replan(v.design, v.after)
	if err != nil {
		return &Refusal{"replan", replanName, "it cannot be computed anew: " + err.Error()}
	}
	if !p.Empty() {
		return &Refusal{"replan", afterName, fmt.Sprintf("a plan computed anew changes %d nodes: the rack was not as designed", len(p.Nodes))}
	}
	v.passed("replan", "computed anew from design and observation: empty")
	return nil
}

func (v *verification) residency() error {
	packed := v.parts[findingsName]
	if v.opt.Recheck == nil {
		v.report.Checks = append(v.report.Checks, Check{"residency", false, "as packed; not computed anew"})
		return nil
	}
	got, err := v.opt.Recheck(v.design, packed)
	if err != nil {
		return &Refusal{"residency", findingsName, "it cannot be computed anew: " + err.Error()}
	}
	if !bytes.Equal(got, packed) {
		return &Refusal{"residency", findingsName, "computed anew, the findings are others"}
	}
	v.passed("residency", "computed anew: the same findings")
	return nil
}

// strict decodes JSON that must hold no field unknown to this version.
func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}
