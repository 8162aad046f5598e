package evidence

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

var when = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testSigner() *Signer {
	return NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize)))
}

// testParts is a small run that went well.
func testParts(t testing.TB) Parts {
	t.Helper()
	p := Parts{Tool: "metalwright test", Findings: json.RawMessage(`[{"rule":"endpoint.closed","status":"passed"}]`)}
	p.Design = rack.Design{Format: 1, Blueprint: rack.Meta{Name: "lab"}, Nodes: []rack.Node{{Address: `node.gpu["n1"]`, Name: "n1"}}}
	p.Before = rack.Observation{Format: 1, Taken: when, Devices: []rack.Device{{Address: "https://10.0.0.1", Node: "n1"}}}
	p.After = rack.Observation{Format: 1, Taken: when.Add(time.Hour), Devices: []rack.Device{{Address: "https://10.0.0.1", Node: "n1",
		Systems: []rack.System{{ID: "1", PowerState: "On"}}}}}
	p.Plan = plan.Plan{Format: 1, Design: p.Design.Digest(), Observation: p.Before.Digest(), Nodes: []plan.NodePlan{{Name: "n1",
		Steps: []step.Step{{ID: "n1/010-power", Node: "n1", Kind: step.Power, Want: step.Facts{"power_state": "On", "n": int64(1)}}}}}}
	p.Plan.Digest = p.Plan.ComputeDigest()
	p.Replan = plan.Plan{Format: 1, Design: p.Design.Digest(), Observation: p.After.Digest()}
	p.Replan.Digest = p.Replan.ComputeDigest()
	p.Journals = []Journal{testJournal(t, p.Plan, journal.Finished)}
	return p
}

func testJournal(t testing.TB, p plan.Plan, end string, extra ...journal.Record) Journal {
	t.Helper()
	fsys := &journal.Memory{}
	j, err := journal.Create(fsys, "j", p, 1)
	must(t, err)
	for _, r := range append([]journal.Record{
		{Kind: journal.Intent, Node: "n1", Step: "n1/010-power"},
		{Kind: journal.Dispatched, Node: "n1", Step: "n1/010-power", Op: &step.Op{Sent: true}},
		{Kind: journal.Outcome, Node: "n1", Step: "n1/010-power", Result: "done"},
	}, append(extra, journal.Record{Kind: journal.Gate, Result: end})...) {
		must(t, j.Append(r))
	}
	must(t, j.Close())
	text, err := fsys.ReadFile(j.Path())
	must(t, err)
	return Journal{Name: filepath.Base(j.Path()), Text: text}
}

func TestCollectAndVerify(t *testing.T) {
	s := testSigner()
	parts := testParts(t)
	pack, err := Collect(parts, s, when)
	must(t, err)
	again, err := Collect(parts, s, when)
	must(t, err)
	if !bytes.Equal(pack, again) {
		t.Error("the same parts give two different packs")
	}
	rep, err := Verify(pack, s.Public(), VerifyOptions{
		Replan:  func(d rack.Design, o rack.Observation) (plan.Plan, error) { return plan.Plan{}, nil },
		Recheck: func(rack.Design, json.RawMessage) (json.RawMessage, error) { return testParts(t).Findings, nil },
	})
	must(t, err)
	for _, c := range rep.Checks {
		if !c.Assessed {
			t.Errorf("check %s was not assessed: %s", c.Name, c.Detail)
		}
	}
	if rep.Predicate.Blueprint != "lab" || !rep.Predicate.Time.Equal(when) || len(rep.Parts) != 9 || rep.Predicate.JournalHead == "" {
		t.Errorf("report %+v", rep)
	}
	if id, err := KeyID(s.Public()); err != nil || rep.KeyID != id {
		t.Errorf("key id %s, want %s", rep.KeyID, id)
	}
	rep, err = Verify(pack, s.Public(), VerifyOptions{})
	must(t, err)
	if n := len(rep.Checks); rep.Checks[n-1].Assessed || rep.Checks[n-2].Assessed {
		t.Error("checks that were not made are reported as made")
	}
}

// TestEveryByte flips each byte of a pack by each of three masks: all are refused, and the part that was hit is named.
func TestEveryByte(t *testing.T) {
	s := testSigner()
	pack, err := Collect(testParts(t), s, when)
	must(t, err)
	files, err := unpack(pack)
	must(t, err)
	bad := bytes.Clone(pack)
	for i := range pack {
		for _, mask := range []byte{0x01, 0x20, 0xff} {
			bad[i] = pack[i] ^ mask
			_, err := Verify(bad, s.Public(), VerifyOptions{})
			var r *Refusal
			if !errors.As(err, &r) {
				t.Fatalf("byte %d (in %s) ^ %#x: %v", i, placeOf(i, files), mask, err)
			}
			if !names(r, i, files) {
				t.Fatalf("byte %d is in %s, but %q is named: %v", i, placeOf(i, files), r.Part, err)
			}
		}
		bad[i] = pack[i]
	}
}

// names tells whether a refusal names the place of a byte: its part, or for a header, the part that it belongs to or follows.
func names(r *Refusal, offset int, files []file) bool {
	place := placeOf(offset, files)
	if r.Part == place {
		return true
	}
	head, isHeader := strings.CutPrefix(place, "the header of ")
	for i, f := range files {
		before := "the beginning"
		if i > 0 {
			before = files[i-1].name
		}
		if isHeader && f.name == head && (r.Part == head || r.Part == "the header after "+before) {
			return true
		}
	}
	return strings.HasPrefix(place, "the end") && strings.HasPrefix(r.Part, "the header after ")
}

func TestCutAndExtended(t *testing.T) {
	s := testSigner()
	pack, err := Collect(testParts(t), s, when)
	must(t, err)
	for n := 0; n < len(pack); n += 97 {
		if _, err := Verify(pack[:n], s.Public(), VerifyOptions{}); err == nil {
			t.Fatalf("a pack cut to %d of %d bytes was accepted", n, len(pack))
		}
	}
	if _, err := Verify(append(bytes.Clone(pack), 0), s.Public(), VerifyOptions{}); err == nil {
		t.Error("a pack with one byte more was accepted")
	}
}

// forge changes the parts of a pack after the signature: with a key of one's own everything can be signed anew.
func forge(t *testing.T, pack []byte, s *Signer, change func(files []file) []file) []byte {
	t.Helper()
	files, err := unpack(pack)
	must(t, err)
	files = change(files)
	if s != nil {
		manifest, err := encode(manifestOf(files[2:]))
		must(t, err)
		var env struct{ Payload []byte }
		must(t, json.Unmarshal(files[0].data, &env))
		var st Statement
		must(t, json.Unmarshal(env.Payload, &st))
		st.Subject[0].Digest["sha256"] = strings.TrimPrefix(string(digestOf(manifest)), "sha256:")
		for _, f := range files {
			if strings.HasPrefix(f.name, journalFolder) {
				if _, head, err := journal.Read(bytes.NewReader(f.data)); err == nil {
					st.Predicate.JournalHead = head
				}
			}
		}
		body, err := json.Marshal(st)
		must(t, err)
		files[1].data = manifest
		files[0].data, err = sign(s, body)
		must(t, err)
	}
	out, err := packFiles(files)
	must(t, err)
	return out
}

func set(name string, text []byte) func([]file) []file {
	return func(files []file) []file {
		for i := range files {
			if files[i].name == name {
				files[i].data = text
			}
		}
		return files
	}
}

func TestRefusals(t *testing.T) {
	s := testSigner()
	other := NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize)))
	parts := testParts(t)
	pack, err := Collect(parts, s, when)
	must(t, err)
	jname := journalFolder + parts.Journals[0].Name
	same := func(files []file) []file { return files }
	js := func(v any) []byte {
		b, err := encode(v)
		must(t, err)
		return b
	}
	moved := parts.After
	moved.Devices = nil
	full := parts.Replan
	full.Nodes = parts.Plan.Nodes
	noIntent := testJournal(t, parts.Plan, journal.Finished, journal.Record{Kind: journal.Outcome, Step: "n1/020", Result: "done"})
	otherPlan := parts.Plan
	otherPlan.Nodes = append([]plan.NodePlan{{Name: "n0"}}, otherPlan.Nodes...)
	otherPlan.Digest = otherPlan.ComputeDigest()
	for name, c := range map[string]struct {
		pack        []byte
		check, part string
	}{
		"signed by somebody else":  {forge(t, pack, other, same), "signature", statementName},
		"part removed":             {forge(t, pack, nil, func(f []file) []file { return f[:len(f)-1] }), "parts", jname},
		"part added":               {forge(t, pack, nil, func(f []file) []file { return append(f, file{"x", nil}) }), "parts", "x"},
		"part renamed":             {forge(t, pack, nil, func(f []file) []file { f[3].name = "plan2.json"; return f }), "parts", planName},
		"parts swapped":            {forge(t, pack, nil, func(f []file) []file { f[3], f[4] = f[4], f[3]; return f }), "parts", beforeName},
		"no statement":             {forge(t, pack, nil, func(f []file) []file { return f[1:] }), "archive", statementName},
		"after is not as stated":   {forge(t, pack, s, set(afterName, js(moved))), "parts", afterName},
		"replan holds steps":       {forge(t, pack, s, set(replanName, js(full))), "replan", replanName},
		"run not finished":         {forge(t, pack, s, set(jname, testJournal(t, parts.Plan, journal.Failed).Text)), "journal", jname},
		"outcome without intent":   {forge(t, pack, s, set(jname, noIntent.Text)), "journal", jname},
		"journal of another plan":  {forge(t, pack, s, set(jname, testJournal(t, otherPlan, journal.Finished).Text)), "plan", jname},
		"journal cut at a line":    {forge(t, pack, s, set(jname, cutLine(parts.Journals[0].Text))), "journal", jname},
		"journal missing, signed":  {forge(t, pack, s, func(f []file) []file { return f[:len(f)-1] }), "journal", journalFolder},
		"findings not JSON at all": {forge(t, pack, nil, set(findingsName, []byte("x"))), "parts", findingsName},
		"not a pack":               {[]byte("hello"), "archive", "the header after the beginning"},
		"empty":                    {nil, "archive", statementName},
	} {
		_, err := Verify(c.pack, s.Public(), VerifyOptions{})
		var r *Refusal
		if !errors.As(err, &r) || r.Check != c.check || r.Part != c.part {
			t.Errorf("%s: %v, want %s at %s", name, err, c.check, c.part)
		}
	}
	drifted := func(rack.Design, rack.Observation) (plan.Plan, error) { return full, nil }
	if _, err := Verify(pack, s.Public(), VerifyOptions{Replan: drifted}); err == nil {
		t.Error("a plan computed anew holds steps, and the pack was accepted")
	}
	others := func(rack.Design, json.RawMessage) (json.RawMessage, error) { return json.RawMessage(`[]`), nil }
	if _, err := Verify(pack, s.Public(), VerifyOptions{Recheck: others}); err == nil {
		t.Error("other findings, and the pack was accepted")
	}
}

func cutLine(text []byte) []byte {
	return text[:bytes.LastIndexByte(text[:len(text)-1], '\n')+1]
}

func TestCollectRefusesWhatDoesNotVerify(t *testing.T) {
	parts := testParts(t)
	parts.Replan.Nodes = parts.Plan.Nodes
	if _, err := Collect(parts, testSigner(), when); err == nil {
		t.Error("a rack that is not as designed was signed")
	}
	parts = testParts(t)
	parts.Journals = nil
	if _, err := Collect(parts, testSigner(), when); err == nil {
		t.Error("a plan without a journal was signed")
	}
	parts = testParts(t)
	parts.Journals, parts.Plan = nil, plan.Plan{} // nothing had to be done
	if _, err := Collect(parts, testSigner(), when); err != nil {
		t.Error(err)
	}
}

// TestNoSecret plants a secret somewhere in the parts, in one of the forms in which it could get there: nothing is written.
func TestNoSecret(t *testing.T) {
	s := testSigner()
	rapid.Check(t, func(rt *rapid.T) {
		secret := rapid.StringMatching(`[a-zA-Z0-9"\\<&é_-]{6,24}`).Draw(rt, "secret")
		parts := testParts(t)
		parts.Secrets = []string{"not-this-one", secret}
		form := secret
		switch rapid.IntRange(0, 2).Draw(rt, "form") {
		case 1:
			form = base64.StdEncoding.EncodeToString([]byte("user:" + secret))
		case 2:
			form = base64.StdEncoding.EncodeToString([]byte(secret))
		}
		place := rapid.IntRange(0, 3).Draw(rt, "place")
		switch place {
		case 0:
			parts.Design.Blueprint.Summary = "x" + form
			parts.Plan.Design, parts.Replan.Design = parts.Design.Digest(), parts.Design.Digest()
			parts.Plan.Digest, parts.Replan.Digest = parts.Plan.ComputeDigest(), parts.Replan.ComputeDigest()
			parts.Journals = []Journal{testJournal(t, parts.Plan, journal.Finished)}
		case 1:
			parts.Journals = []Journal{testJournal(t, parts.Plan, journal.Finished, journal.Record{Kind: journal.Note, Text: form})}
		case 2:
			text, err := json.Marshal([]string{form})
			must(t, err)
			parts.Findings = text
		case 3:
			parts.Tool = form
		}
		pack, err := Collect(parts, s, when)
		if err == nil {
			rt.Fatalf("a pack of %d bytes holds %q in place %d", len(pack), form, place)
		}
		if strings.Contains(err.Error(), secret) {
			rt.Fatalf("the error tells the secret: %v", err)
		}
		parts.Secrets = []string{"not-this-one"}
		if _, err := Collect(parts, s, when); err != nil {
			rt.Fatalf("without that secret: %v", err)
		}
	})
}

func TestKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys", "evidence.pem")
	s, made, err := OpenKey(file)
	must(t, err)
	if !made {
		t.Error("the first use does not say that a key was made")
	}
	s2, made, err := OpenKey(file)
	must(t, err)
	if made || !s.Public().Equal(s2.Public()) {
		t.Error("the second use has another key")
	}
	info, err := os.Stat(file)
	must(t, err)
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the key has mode %04o", info.Mode().Perm())
	}
	text, err := os.ReadFile(file + ".pub")
	must(t, err)
	pub, err := ParsePublic(text)
	must(t, err)
	if !pub.Equal(s.Public()) {
		t.Error("the public file is of another key")
	}
	private, err := os.ReadFile(file)
	must(t, err)
	if _, err := ParsePublic(private); err == nil {
		t.Error("a private key was taken for a public one")
	}
	if runtime.GOOS != "windows" {
		must(t, os.Chmod(file, 0o640))
		if _, _, err := OpenKey(file); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("a key that others can read was used: %v", err)
		}
		must(t, os.Chmod(file, 0o600))
	}
	must(t, os.WriteFile(file, private[:len(private)/2], 0o600))
	if _, _, err := OpenKey(file); err == nil {
		t.Error("half a key was used")
	}
}

// First uses at once get one key.
func TestFirstUsesAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys", "evidence")
	const uses = 16
	keys, made := make([]string, uses), make([]bool, uses)
	var wg sync.WaitGroup
	for i := range uses {
		wg.Go(func() {
			s, m, err := OpenKey(file)
			if err != nil {
				t.Error(err)
				return
			}
			keys[i], made[i] = string(s.Public()), m
		})
	}
	wg.Wait()
	makers := 0
	for i := range uses {
		if keys[i] != keys[0] {
			t.Errorf("use %d has another key than the first", i)
		}
		if made[i] {
			makers++
		}
	}
	if makers != 1 {
		t.Errorf("%d uses say that they made the key, want one", makers)
	}
}
