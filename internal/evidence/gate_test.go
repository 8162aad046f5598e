package evidence

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/plan"
)

func testKey(b byte) *Signer { return NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, 32))) }

// gated writes a journal with gates, signed by the keys given, nil for none.
func gated(t *testing.T, keys ...*Signer) []byte {
	t.Helper()
	disk := &journal.Memory{}
	p := plan.Plan{Format: plan.Format}
	p.Digest = p.ComputeDigest()
	j, err := journal.Create(disk, "d", p, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		j.SignGates(nil)
		if k != nil {
			j.SignGates(k.SignGate)
		}
		for _, r := range []journal.Record{{Kind: journal.Note, Text: `a note with ,"signature":{"keyid":"x"}} in it`}, {Kind: journal.Gate, Result: journal.Passed, Text: "wave 1"}} {
			if err := j.Append(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := j.Append(journal.Record{Kind: journal.Note, Text: "the end"}); err != nil {
		t.Fatal(err)
	}
	data, err := disk.ReadFile(j.Path())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestVerifyGates(t *testing.T) {
	a, b := testKey(1), testKey(2)
	for name, c := range map[string]struct {
		keys []*Signer
		want Gates
		says string
	}{
		"signed":                {[]*Signer{a, a}, Gates{Lines: 6, Gates: 2, Signed: 2, Upto: 5}, ""},
		"never signed":          {[]*Signer{nil, nil}, Gates{Lines: 6, Gates: 2}, ""},
		"signed from then on":   {[]*Signer{nil, a}, Gates{Lines: 6, Gates: 2, Signed: 1, Upto: 5}, ""},
		"left out afterwards":   {[]*Signer{a, nil}, Gates{}, "line 5: the gate \"passed\" has no signature"},
		"signed by another key": {[]*Signer{b, a}, Gates{Lines: 6, Gates: 2, Signed: 1, Upto: 5, Others: 1}, ""},
	} {
		got, err := VerifyGates(bytes.NewReader(gated(t, c.keys...)), a.Public())
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		c.want.KeyID = got.KeyID
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v %v, want %+v", name, got, err, c.want)
		}
	}
}

// A journal that was written anew with a whole chain and the old signature in it is caught, and the line is named: that is
// what a hash chain alone cannot show.
func TestForgedJournal(t *testing.T) {
	a := testKey(1)
	disk := &journal.Memory{}
	p := plan.Plan{Format: plan.Format}
	p.Digest = p.ComputeDigest()
	var old journal.Signature
	for _, text := range []string{"the truth", "a lie"} {
		j, err := journal.Create(disk, "d", p, 1)
		if err != nil {
			t.Fatal(err)
		}
		j.SignGates(func(payload []byte) (journal.Signature, error) {
			if old.Sig == nil {
				var err error
				old, err = a.SignGate(payload)
				return old, err
			}
			return old, nil
		})
		for _, r := range []journal.Record{{Kind: journal.Note, Text: text}, {Kind: journal.Gate, Result: journal.Finished}} {
			if err := j.Append(r); err != nil {
				t.Fatal(err)
			}
		}
		data, err := disk.ReadFile(j.Path())
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := journal.Read(bytes.NewReader(data)); err != nil {
			t.Fatalf("the chain is not whole: %v", err)
		}
		_, err = VerifyGates(bytes.NewReader(data), a.Public())
		var damage *journal.Damage
		if (err != nil) != (text == "a lie") || err != nil && (!errors.As(err, &damage) || damage.Line != 3) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// One changed byte of any line up to a signed gate is refused, wherever it is.
func TestGateBytes(t *testing.T) {
	a := testKey(1)
	data := gated(t, a)
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 1
		if _, err := VerifyGates(bytes.NewReader(bad), a.Public()); err == nil {
			t.Fatalf("byte %d was changed, and nothing was said", i)
		}
	}
}
