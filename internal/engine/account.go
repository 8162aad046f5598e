package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/secret"
	"github.com/metalwright/metalwright/internal/step"
)

// EscrowVariable names the environment variable that says where BMC passwords are kept: a folder, or vault:MOUNT/PATH. Without it
// they are in the folder escrow of the state folder.
const EscrowVariable = "METALWRIGHT_ESCROW"

// access is how a node's account is kept in escrow; nil when the blueprint does not ask for that. All drivers of a BMC share it, for
// it knows with which credential their session was made.
func (w *Workspace) access(n rack.Node, b rack.Binding) (*bmc.Access, error) {
	if n.BMC.Account == nil {
		return nil, nil
	}
	w.held.accessMu.Lock()
	defer w.held.accessMu.Unlock()
	if a := w.held.access[n.Name]; a != nil {
		return a, nil
	}
	a, err := w.newAccess(n, b)
	if err == nil {
		if w.held.access == nil {
			w.held.access = map[string]*bmc.Access{}
		}
		w.held.access[n.Name] = a
	}
	return a, err
}

func (w *Workspace) newAccess(n rack.Node, b rack.Binding) (*bmc.Access, error) {
	spec := n.BMC.Account
	for other, o := range w.Bindings {
		if other != n.Name && o.URL == b.URL {
			return nil, step.Fail(step.Rejected, fmt.Errorf("nodes %s and %s share one BMC", n.Name, other),
				"An account of a BMC is kept in escrow for one node: leave account out, and keep it by credential.")
		}
	}
	where, err := w.escrowOf(n)
	if err != nil {
		return nil, err
	}
	secrets := w.secretsOf(n)
	escrow, err := secrets.Escrow(where)
	if err != nil {
		return nil, err
	}
	ref, user := cmp.Or(b.Factory, spec.Factory), cmp.Or(b.FactoryUsername, spec.FactoryUsername)
	factory := func(ctx context.Context) (secret.Credential, error) {
		v, err := secrets.Resolve(ctx, ref)
		return secret.Credential{Username: user, Password: v}, err
	}
	a := &bmc.Access{Node: n.Name, Escrow: escrow, FactoryUser: b.FactoryUsername, Known: func(ctx context.Context) ([]secret.Credential, error) {
		return w.known(ctx, n, b, factory)
	}, Tried: func(c secret.Credential) error { return w.refused.check(n.Name, c.Username, c.Password.Reveal()) }}
	if ref != "" {
		a.Factory = factory
	} else {
		factory = nil
	}
	return a, nil
}

// siteOf finds the site that a node stands on.
func (w *Workspace) siteOf(n rack.Node) rack.Site {
	for _, r := range w.Design.Racks {
		for _, s := range w.Design.Sites {
			if r.Address == n.Rack && s.Address == r.Site {
				return s
			}
		}
	}
	return rack.Site{}
}

// secretsOf resolves the references of a node: what is in a vault by the vault of its site, where the blueprint names one.
func (w *Workspace) secretsOf(n rack.Node) *secret.Resolver {
	s, v := w.siteOf(n), secret.Vault{}
	if at := s.Endpoints["vault"]; len(at) == 1 {
		v.Address = at[0]
	}
	if s.Escrow != nil {
		v.Token = s.Escrow.Token
	}
	return w.resolver.With(v)
}

// escrowOf is where the account of a node is kept: as its site says, else the environment, else in the state folder. Two places that
// differ are refused: passwords that are looked for in the wrong one would lock people out.
func (w *Workspace) escrowOf(n rack.Node) (string, error) {
	lookup := w.opt.LookupEnv
	if lookup == nil {
		lookup = os.LookupEnv
	}
	env, _ := lookup(EscrowVariable)
	where := env
	if s := w.siteOf(n); s.Escrow != nil && s.Escrow.Location != "" {
		where = s.Escrow.Location
		if env != "" && env != where {
			return "", step.Fail(step.Rejected, fmt.Errorf("%s says %s, and %s says %s", s.Address, where, EscrowVariable, env),
				"Passwords are kept in one place: take one of the two away.")
		}
	}
	if where != "" {
		return where, nil
	}
	where, err := filepath.Abs(filepath.Join(w.opt.StateDir, "escrow"))
	if err != nil {
		return "", fmt.Errorf("find the escrow: %w", err)
	}
	return where, nil
}

// known gives what may be tried before the first claim: the site's own credential, where one is named, then the factory's (R70).
func (w *Workspace) known(ctx context.Context, n rack.Node, b rack.Binding, factory func(context.Context) (secret.Credential, error)) ([]secret.Credential, error) {
	var out []secret.Credential
	var absent error // of the site's own; only where there is nothing else it is worth more than a word in the log
	user, ref := n.BMC.Username, n.BMC.Credential
	if b.Credential != "" {
		ref = b.Credential
		if b.Username != "" {
			user = b.Username
		}
	}
	if ref != "" {
		v, err := w.secretsOf(n).Resolve(ctx, ref)
		if absent = err; err == nil {
			out = append(out, secret.Credential{Username: user, Password: v})
		}
	}
	if factory != nil {
		c, err := factory(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
		if absent != nil {
			w.opt.Log.Info("before the first claim the factory's account is all there is", "node", n.Name, "credential", w.Redact(absent.Error()))
		}
		return out, nil
	}
	if absent != nil {
		return nil, absent
	}
	if len(out) == 0 {
		return nil, step.Fail(step.Auth, errors.New("nothing to log in with before the first claim"),
			`Give account { factory = secret("…") } or credential in the bmc block of the node, or factory in `+BindingsFile+".")
	}
	return out, nil
}
