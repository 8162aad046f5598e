package evidence

import (
	"crypto/ed25519"
	"fmt"
	"io"

	"github.com/metalwright/metalwright/internal/journal"
)

// Gates is what the signatures in a journal say.
type Gates struct {
	Lines  int    `json:"lines"`
	Gates  int    `json:"gates"`
	Signed int    `json:"signed"`           // by the key
	Upto   int    `json:"signed_upto"`      // line of the last signed gate: that and all before it are covered
	KeyID  string `json:"keyid,omitempty"`  // of the key that the gates were held against
	Others int    `json:"others,omitempty"` // signed by keys that were not given
}

// VerifyGates verifies the chain of a journal and the signatures of its gates with pub. A signature that is said to be of
// that key and is not over these lines is a *journal.Damage that names the line; so is a gate without a signature after a signed
// one, for no program that signs leaves one out.
func VerifyGates(in io.Reader, pub ed25519.PublicKey) (Gates, error) {
	id, err := KeyID(pub)
	if err != nil {
		return Gates{}, err
	}
	list, lines, err := journal.Gates(in)
	out := Gates{Lines: lines, Gates: len(list), KeyID: id}
	if err != nil {
		return out, err
	}
	before := false
	for _, g := range list {
		switch {
		case g.Signature == nil && before:
			return out, &journal.Damage{Line: g.Line, Reason: fmt.Sprintf("the gate %q has no signature, and one before it has", g.Result)}
		case g.Signature == nil:
		case g.Signature.KeyID != id:
			out.Others++
			before = true
		case !ed25519.Verify(pub, g.Payload, g.Signature.Sig):
			return out, &journal.Damage{Line: g.Line, Reason: fmt.Sprintf("the signature of the gate %q is not of key %.8s over the lines before it", g.Result, id)}
		default:
			out.Signed, out.Upto, before = out.Signed+1, g.Line, true
		}
	}
	return out, nil
}
