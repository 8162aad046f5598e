package engine

import (
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

// access is how a node's account is kept in escrow; nil when the blueprint does not ask for that.
func (w *Workspace) access(n rack.Node, b rack.Binding) (*bmc.Access, error) {
	spec := n.BMC.Account
	if spec == nil {
		return nil, nil
	}
	for other, o := range w.Bindings {
		if other != n.Name && o.URL == b.URL {
			return nil, step.Fail(step.Rejected, fmt.Errorf("nodes %s and %s share one BMC", n.Name, other),
				"An account of a BMC is kept in escrow for one node: leave account out, and keep it by credential.")
		}
	}
	where, err := filepath.Abs(filepath.Join(w.opt.StateDir, "escrow"))
	if err != nil {
		return nil, fmt.Errorf("find the escrow: %w", err)
	}
	lookup := w.opt.LookupEnv
	if lookup == nil {
		lookup = os.LookupEnv
	}
	if s, ok := lookup(EscrowVariable); ok && s != "" {
		where = s
	}
	escrow, err := w.resolver.Escrow(where)
	if err != nil {
		return nil, err
	}
	factory := func(ctx context.Context) (secret.Credential, error) {
		v, err := w.resolver.Resolve(ctx, spec.Factory)
		return secret.Credential{Username: spec.FactoryUsername, Password: v}, err
	}
	a := &bmc.Access{Node: n.Name, Escrow: escrow, Known: func(ctx context.Context) ([]secret.Credential, error) {
		return w.known(ctx, n, b, factory)
	}, Tried: func(c secret.Credential) error { return w.refused.check(n.Name, c.Username, c.Password.Reveal()) }}
	if spec.Factory != "" {
		a.Factory = factory
	}
	return a, nil
}

// known gives what may be tried before the first claim: the site's own credential, where one is named, then the factory's (R70).
func (w *Workspace) known(ctx context.Context, n rack.Node, b rack.Binding, factory func(context.Context) (secret.Credential, error)) ([]secret.Credential, error) {
	var out []secret.Credential
	user, ref := n.BMC.Username, n.BMC.Credential
	if b.Credential != "" {
		ref = b.Credential
		if b.Username != "" {
			user = b.Username
		}
	}
	if ref != "" {
		v, err := w.resolver.Resolve(ctx, ref)
		if err != nil {
			return nil, err
		}
		out = append(out, secret.Credential{Username: user, Password: v})
	}
	if n.BMC.Account.Factory != "" {
		c, err := factory(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, step.Fail(step.Auth, errors.New("nothing to log in with before the first claim"),
			`Give account { factory = secret("…") } or credential in the bmc block of the node.`)
	}
	return out, nil
}
