package bmc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/secret"
	"github.com/metalwright/metalwright/internal/step"
)

var errNoCredential = errors.New("no credential for this BMC")

// What becomes of the factory's account.
const (
	factoryDelete  = "delete"
	factoryDisable = "disable"
)

// accountReader is what reading and writing accounts needs of a client.
type accountReader interface {
	Get(ctx context.Context, uri string) (*redfish.Resource, error)
	MemberURIs(ctx context.Context, uri string) ([]string, []redfish.Problem, error)
	Patch(ctx context.Context, uri string, body any, opt redfish.PatchOptions) (*redfish.Response, error)
	PostUnless(ctx context.Context, uri string, body any, reached func(context.Context) (bool, error)) (*redfish.Response, error)
	Delete(ctx context.Context, uri string) (*redfish.Response, error)
}

// Accounts reads a BMC's accounts, and what the escrow knows of ours. Only the AccountService is asked for, so that a BMC which
// wants its password changed first answers (R68).
func (d *Driver) Accounts(ctx context.Context) (rack.AccountService, error) {
	s, err := readAccounts(ctx, d.c.rf)
	if err != nil {
		return rack.AccountService{}, fmt.Errorf("read the accounts: %w", classed(err))
	}
	if d.ep.Access != nil {
		e, err := d.ep.Access.Escrow.Read(ctx, d.ep.Access.Node)
		if err != nil {
			return rack.AccountService{}, err
		}
		s.Generation, s.Since, s.Pending = e.Generation, e.Since, e.Next != nil
		s.Factory = d.ep.Access.FactoryUser
	}
	return s, nil
}

// accountService reads the AccountService itself.
func accountService(ctx context.Context, c accountReader) (*redfish.Resource, error) {
	root, err := c.Get(ctx, "/redfish/v1/")
	if err != nil {
		return nil, err
	}
	path := root.Obj.Link("AccountService")
	if path == "" {
		return nil, unsupported("an AccountService")
	}
	return c.Get(ctx, path)
}

func readAccounts(ctx context.Context, c accountReader) (rack.AccountService, error) {
	service, err := accountService(ctx, c)
	if err != nil {
		return rack.AccountService{}, err
	}
	out := rack.AccountService{Path: service.Obj.Link("Accounts"), Accounts: []rack.Account{}}
	out.MinLength, out.MaxLength = whole(service.Obj, "MinPasswordLength"), whole(service.Obj, "MaxPasswordLength")
	out.LockoutThreshold = whole(service.Obj, "AccountLockoutThreshold")
	uris, problems, err := c.MemberURIs(ctx, out.Path)
	if err != nil {
		return out, err
	}
	if len(problems) > 0 {
		return out, transient("", "the list of accounts could not be read whole")
	}
	for _, uri := range uris {
		r, err := c.Get(ctx, uri)
		if forbidden(err) { // another's, while ours must be changed first
			out.ChangeRequired = true
			continue
		}
		if err != nil {
			return out, err
		}
		enabled, _ := r.Obj.Bool("Enabled")
		locked, _ := r.Obj.Bool("Locked")
		if must, _ := r.Obj.Bool("PasswordChangeRequired"); must {
			out.ChangeRequired = true
		}
		out.Accounts = append(out.Accounts, rack.Account{Path: r.URI, Username: r.Obj.Str("UserName"), Role: r.Obj.Str("RoleId"),
			Enabled: enabled, Locked: locked})
	}
	return out, nil
}

func forbidden(err error) bool {
	var e *redfish.Error
	return errors.As(err, &e) && e.Status == 403
}

func whole(o redfish.Object, key string) int {
	n, _ := o.Int(key)
	return int(n)
}

// find gives the account of a user, or nil.
func find(s rack.AccountService, user string) *rack.Account {
	for i := range s.Accounts {
		if s.Accounts[i].Username == user {
			return &s.Accounts[i]
		}
	}
	return nil
}

// checkAccount compares generations: what was promoted has been proven by a login.
func (d *Driver) checkAccount(ctx context.Context, s step.Step) (step.State, error) {
	if d.ep.Access == nil {
		return step.State{}, unsupported("an account that is kept in escrow")
	}
	e, err := d.ep.Access.Escrow.Read(ctx, d.ep.Access.Node)
	if err != nil {
		return step.State{}, err
	}
	want := wholeOf(s.Want["generation"])
	seen := step.Facts{"generation": int64(e.Generation)}
	switch {
	case e.Generation == want-1:
		// A BMC that cannot be asked is waited for here: an act counts how often it was tried.
		if _, err := accountService(ctx, d.c.rf); err != nil {
			return step.State{}, fmt.Errorf("read the AccountService: %w", classed(err))
		}
		return state(step.Ready, seen, ""), nil
	case e.Generation != want:
		return state(step.Moved, seen, "the escrow holds generation %d, planned was %d", e.Generation, want), nil
	}
	left, err := d.factoryLeft(ctx, s)
	if err != nil {
		return step.State{}, err
	}
	if left {
		return state(step.Ready, seen, "the factory's account is still there"), nil
	}
	return state(step.Done, seen, ""), nil
}

func wholeOf(v any) int {
	switch n := v.(type) {
	case int64:
		return int(n)
	case int:
		return n
	default:
		return -1
	}
}

// factoryLeft tells whether the factory's account is still to be done away with.
func (d *Driver) factoryLeft(ctx context.Context, s step.Step) (bool, error) {
	if len(s.Args.Targets) == 0 || s.Args.Method != factoryDelete && s.Args.Method != factoryDisable {
		return false, nil
	}
	all, err := readAccounts(ctx, d.c.rf)
	if err != nil {
		return false, err
	}
	f := find(all, s.Args.Targets[0])
	return f != nil && (f.Enabled || s.Args.Method == factoryDelete), nil
}

// actAccount changes the account. A cut at any point leaves the BMC with what the escrow calls next or current, and a second Act
// goes on from there.
func (d *Driver) actAccount(ctx context.Context, a *act) error {
	if ok, err := a.begun(ctx); err != nil || !ok {
		return err
	}
	acc, want := d.ep.Access, textOf(a.s.Want["username"])
	// No look for leaks here: a BMC that wants its password changed first shows no detector, and no power is moved.
	a.op = step.Op{Step: a.s.ID, Baseline: step.Facts{"escrow": acc.Escrow.ID(acc.Node)}, Started: time.Now()}
	if err := a.tell(); err != nil {
		return err
	}
	e, err := acc.Escrow.Read(ctx, acc.Node)
	if err != nil {
		return err
	}
	for range 2 { // a factory account that must be changed first is a rotation of its own (R68)
		if e.Generation == wholeOf(a.s.Want["generation"]) {
			break
		}
		if e, err = d.rotate(ctx, a, e, want); err != nil {
			return err
		}
	}
	return d.endFactory(ctx, a)
}

// rotate makes one credential real: kept, set, proven, promoted.
func (d *Driver) rotate(ctx context.Context, a *act, e secret.Entry, want string) (secret.Entry, error) {
	acc := d.ep.Access
	all, err := readAccounts(ctx, d.c.rf)
	if err != nil {
		return e, err
	}
	used := acc.inUse()
	if used == nil {
		return e, transient("", "it is not known which credential the session was made with")
	}
	if e.Next == nil {
		user := want
		if all.ChangeRequired {
			user = used.Username
		}
		pass, err := secret.Generate(a.s.Args.Length)
		if err != nil {
			return e, step.Fail(step.Rejected, err, "")
		}
		e.Next = &secret.Credential{Username: user, Password: pass}
		if e.Current == nil || !e.Current.Same(*used) {
			e.Current = used
		}
		if err := acc.Escrow.Write(ctx, acc.Node, e); err != nil {
			return e, err
		}
	}
	if !used.Same(*e.Next) {
		if err := d.setAccount(ctx, all, *e.Next); err != nil {
			return e, err
		}
	}
	if err := a.sent(""); err != nil {
		return e, err
	}
	second := d.secondSession(*e.Next)
	if second.err != nil {
		return e, second.err
	}
	if err := second.prove(ctx); err != nil {
		return e, err
	}
	acc.proved(*e.Next) // the session may be older than the password
	e.Current, e.Next = e.Next, nil
	if e.Current.Username == want {
		e.Generation++
		e.Since = time.Now().UTC()
	}
	return e, acc.Escrow.Write(ctx, acc.Node, e)
}

// setAccount gives a user a password, and makes the user where there is none: in a free slot where slots are fixed (R45).
func (d *Driver) setAccount(ctx context.Context, all rack.AccountService, c secret.Credential) error {
	never := func(context.Context) (bool, error) { return false, nil } // a password cannot be read back; setting it twice is harmless
	if have := find(all, c.Username); have != nil {
		body := map[string]any{"Password": c.Password.Reveal()}
		if !have.Enabled {
			body["Enabled"] = true
		}
		return d.cleaned(c, second(d.c.rf.Patch(ctx, have.Path, body, redfish.PatchOptions{Reached: never})))
	}
	body := map[string]any{"UserName": c.Username, "Password": c.Password.Reveal(), "RoleId": "Administrator", "Enabled": true}
	slots := false
	for _, s := range all.Accounts {
		if s.Username != "" {
			continue
		}
		slots = true
		if strings.HasSuffix(strings.TrimRight(s.Path, "/"), "/1") {
			continue // Dell keeps the first slot for itself
		}
		return d.cleaned(c, second(d.c.rf.Patch(ctx, s.Path, body, redfish.PatchOptions{Reached: never})))
	}
	if slots {
		return rejected("no slot for another account is free")
	}
	_, err := d.c.rf.PostUnless(ctx, all.Path, body, func(ctx context.Context) (bool, error) {
		now, err := readAccounts(ctx, d.c.rf)
		return err == nil && find(now, c.Username) != nil, err
	})
	return d.cleaned(c, err)
}

func second(_ *redfish.Response, err error) error { return err }

// cleaned keeps a password that a BMC repeats out of an error.
func (d *Driver) cleaned(c secret.Credential, err error) error {
	if err == nil || !strings.Contains(err.Error(), c.Password.Reveal()) {
		return err
	}
	return step.Fail(step.ClassOf(err), errors.New("the BMC refused the new password; its answer is not shown, because it holds it"), "")
}

// session2 is a session beside the driver's own.
type session2 struct {
	c    *redfish.Client
	conn *conn
	err  error
}

func (d *Driver) secondSession(c secret.Credential) session2 {
	o := d.c.second
	o.Login = func(context.Context) (string, string, error) { return c.Username, c.Password.Reveal(), nil }
	cl, err := redfish.New(o)
	return session2{cl, d.c, err}
}

// prove logs in, reads what only a login shows, and logs out.
func (s session2) prove(ctx context.Context) error {
	all, err := readAccounts(ctx, s.c)
	err = errors.Join(err, s.conn.end(ctx, s.c))
	if err != nil {
		return step.Fail(step.ClassOf(classed(err)), fmt.Errorf("log in with the new credential: %w", err),
			"The old and the new credential are both in escrow. Run the same command again: it tries the new one, then the old one.")
	}
	if all.ChangeRequired {
		return transient("", "the BMC still wants its password changed")
	}
	return nil
}

// endFactory disables or deletes the factory's account, from a session of ours.
func (d *Driver) endFactory(ctx context.Context, a *act) error {
	left, err := d.factoryLeft(ctx, a.s)
	if err != nil || !left {
		return err
	}
	e, err := d.ep.Access.Escrow.Read(ctx, d.ep.Access.Node)
	if err != nil {
		return err
	}
	if e.Current == nil || e.Current.Username == a.s.Args.Targets[0] {
		return rejected("the factory's account is the one in use")
	}
	s := d.secondSession(*e.Current)
	if s.err != nil {
		return s.err
	}
	err = endAccount(ctx, s.c, a.s.Args.Targets[0], a.s.Args.Method)
	return errors.Join(err, s.conn.end(ctx, s.c))
}

func endAccount(ctx context.Context, c accountReader, user, method string) error {
	all, err := readAccounts(ctx, c)
	if err != nil {
		return err
	}
	f := find(all, user)
	if f == nil {
		return nil
	}
	slots := find(all, "") != nil
	if method == factoryDelete && !slots {
		_, err := c.Delete(ctx, f.Path)
		if redfish.IsNotFound(err) {
			return nil
		}
		return err
	}
	body := map[string]any{"Enabled": false}
	if method == factoryDelete {
		body["UserName"] = "" // a slot cannot be deleted; it is emptied (R45)
	}
	_, err = c.Patch(ctx, f.Path, body, redfish.PatchOptions{})
	return err
}
