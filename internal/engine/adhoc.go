package engine

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/rack"
)

// ByAddress names BMCs that a verb is said to without a blueprint.
type ByAddress struct {
	URLs        []string
	Username    string
	PasswordEnv string // environment variable that holds the password
	Pin         string // one certificate for all; empty = as recorded or bound
	TrustNew    bool   // accept and record an unknown certificate; a changed one is refused
}

// adHoc is how the BMCs of a workspace without a blueprint are trusted.
type adHoc struct {
	known    *known
	trustNew bool
}

// save records the certificates that were newly accepted.
func (a *adHoc) save() error {
	if a == nil {
		return nil
	}
	return a.known.save()
}

// AdHoc is a workspace of BMCs by their address: one node each, named by its host, with the leases, journals and
// recorded certificates of the folder's state. A BMC that the folder's bindings know has the name of its node, so that
// it is the same lease that a run of the blueprint holds. Nothing of a blueprint is read.
func AdHoc(opt Options, by ByAddress) (*Workspace, error) {
	w := newWorkspace(opt)
	k, err := openKnown(filepath.Join(w.opt.StateDir, "known_bmcs.json"))
	if err != nil {
		return nil, err
	}
	w.adHoc = &adHoc{known: k, trustNew: by.TrustNew}
	bound, err := boundIn(opt.Dir)
	if err != nil {
		return nil, err
	}
	w.Design = rack.Design{Format: rack.DesignFormat, Blueprint: rack.Meta{Name: "ad hoc"}}
	w.Bindings = map[string]rack.Binding{}
	for _, raw := range by.URLs {
		base, err := BaseURL(raw)
		if err != nil {
			return nil, err
		}
		b := rack.Binding{Node: hostName(base), URL: base, PinSHA256: by.Pin, Username: by.Username,
			Credential: rack.SecretRef("env:" + by.PasswordEnv)}
		for _, old := range bound {
			if same, err := BaseURL(old.URL); err == nil && same == base {
				b.Node, b.System = old.Node, old.System
				if by.Pin == "" && !by.TrustNew {
					b.PinSHA256, b.NextPins, b.CAFile = old.PinSHA256, old.NextPins, old.CAFile
				}
			}
		}
		if _, twice := w.Bindings[b.Node]; twice {
			return nil, fmt.Errorf("BMC %s is named twice", base)
		}
		w.Bindings[b.Node] = b
		w.Design.Nodes = append(w.Design.Nodes, rack.Node{Address: rack.Address("bmc[" + fmt.Sprintf("%q", b.Node) + "]"), Name: b.Node})
	}
	slices.SortFunc(w.Design.Nodes, func(a, b rack.Node) int { return strings.Compare(string(a.Address), string(b.Address)) })
	w.sim = readSimulated(filepath.Join(w.opt.StateDir, simFile), w.Bindings)
	return w, nil
}

// boundIn reads the bindings of a folder; a folder without any has none.
func boundIn(dir string) ([]rack.Binding, error) {
	text, err := os.ReadFile(filepath.Join(dir, BindingsFile))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", BindingsFile, cause(err))
	}
	list, diags := blueprint.ParseBindings(BindingsFile, text)
	return list, diags.Err()
}

// hostName is what a BMC without a node is called: its host, and its port when that is not the usual one.
func hostName(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	if u.Port() == "" || u.Port() == "443" {
		return u.Hostname()
	}
	return u.Host
}
