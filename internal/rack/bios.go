package rack

import "github.com/metalwright/metalwright/internal/diag"

// BIOSIntent is what is wanted of a firmware setup, in a word that no vendor owns: sr_iov = on. The plan turns it into the
// attributes of the node's own registry.
type BIOSIntent struct {
	Name   string      `json:"name"`
	Value  string      `json:"value"`
	From   string      `json:"from,omitempty"` // "profile training", else empty
	Origin diag.Origin `json:"origin,omitzero"`
}

// BIOSIntentDef is an intent of the catalog and how vendors spell it.
type BIOSIntentDef struct {
	Name    string      `json:"name"`
	Summary string      `json:"summary,omitempty"`
	Offers  []BIOSOffer `json:"offers"` // in file order: the first that a registry takes counts
	Digest  Digest      `json:"digest"` // of the catalog file
}

// Values lists the values of an intent, in file order.
func (d BIOSIntentDef) Values() []string {
	var out []string
	seen := map[string]bool{}
	for _, o := range d.Offers {
		if !seen[o.Value] {
			seen[o.Value] = true
			out = append(out, o.Value)
		}
	}
	return out
}

// BIOSOffer is one vendor's way to one value of an intent. Which vendor a node is of is not asked: a registry that has all
// the attributes, with these values, takes it.
type BIOSOffer struct {
	Value    string     `json:"value"`
	Platform string     `json:"platform"` // for people: whose registry has these names
	Set      Attributes `json:"set"`
	Source   string     `json:"source"`
	Verified bool       `json:"verified"`
}

// BIOSProfile is a named set of intents that fits every platform.
type BIOSProfile struct {
	Name    string            `json:"name"`
	Summary string            `json:"summary,omitempty"`
	Intents map[string]string `json:"intents"`
	Digest  Digest            `json:"digest"`
}

// BIOSReset asks that everything that the blueprint does not name be at the registry's default.
type BIOSReset struct {
	Owner  string      `json:"owner"`
	Reason string      `json:"reason"`
	Origin diag.Origin `json:"origin,omitzero"`
}

// The scopes of drift.
const (
	DriftDeclared = "declared" // what the blueprint names: the default
	DriftAll      = "all"      // besides, everything as it was after the last clean apply
	DriftChosen   = "chosen"   // besides, these attributes as they were then
)

// BIOSDrift says what beyond the declared attributes counts as drift.
type BIOSDrift struct {
	Scope string   `json:"scope"`
	Names []string `json:"names,omitempty"` // of DriftChosen, sorted
}
