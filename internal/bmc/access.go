package bmc

import (
	"context"
	"slices"
	"sync"

	"github.com/metalwright/metalwright/internal/secret"
	"github.com/metalwright/metalwright/internal/step"
)

// Access is the account of one BMC whose password is kept in escrow. It gives a login what to try: the next credential, then the
// current one; before the first claim what the blueprint knows (quirk R70: the site's own, then the factory's). Never more than
// two, each once, so that no account is locked. It is safe for concurrent use.
type Access struct {
	Node   string
	Escrow secret.Escrow
	// Known gives what may be tried while the escrow holds nothing, likeliest first; two at most count.
	Known func(context.Context) ([]secret.Credential, error)
	// Factory gives the credential that a BMC has again after a reset to factory defaults; nil = none.
	Factory func(context.Context) (secret.Credential, error)
	// FactoryUser is the user of the factory's account, where the binding names it; empty = as the blueprint says.
	FactoryUser string
	// Tried is asked before a credential is sent, and may refuse: it was refused by this BMC lately. nil = it never does.
	Tried func(secret.Credential) error

	mu   sync.Mutex
	last *secret.Credential
}

// candidates lists what may be tried.
func (a *Access) candidates(ctx context.Context) ([]secret.Credential, error) {
	e, err := a.Escrow.Read(ctx, a.Node)
	if err != nil {
		return nil, err
	}
	var out []secret.Credential
	switch {
	case e.Current == nil:
		out, err = a.Known(ctx)
	case e.Next != nil:
		out = []secret.Credential{*e.Next, *e.Current}
	default:
		out = []secret.Credential{*e.Current}
		if a.Factory != nil {
			var f secret.Credential
			f, err = a.Factory(ctx)
			out = append(out, f)
		}
	}
	return out[:min(len(out), 2)], err
}

// login gives the credential for a login after so many refused ones. What worked last comes first.
func (a *Access) login(ctx context.Context, failed int) (user, pass string, err error) {
	list, err := a.candidates(ctx)
	if err != nil {
		return "", "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if failed == 0 && a.last != nil { // refused ones are counted, so this one was not
		if i := slices.IndexFunc(list, a.last.Same); i > 0 {
			list[0], list[i] = list[i], list[0]
		}
	} else if failed > 0 && len(list) > 1 && a.last != nil && list[0].Same(*a.last) {
		list[0], list[1] = list[1], list[0]
	}
	if len(list) == 0 {
		return "", "", step.Fail(step.Auth, errNoCredential, "Give credential or factory in the bmc block of the node.")
	}
	c := list[0]
	if a.Tried != nil {
		if err := a.Tried(c); err != nil {
			return "", "", err
		}
	}
	a.last = &c
	return c.Username, c.Password.Reveal(), nil
}

// inUse is the credential that the last login was made with.
func (a *Access) inUse() *secret.Credential {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}

// proved says that a credential works, by another login than that of this session.
func (a *Access) proved(c secret.Credential) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = &c
}
