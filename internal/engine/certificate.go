package engine

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"

	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/ca"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// renewal is how a node's certificate is replaced; nil when the blueprint does not ask for that.
func (w *Workspace) renewal(n rack.Node, b rack.Binding) (*bmc.Renewal, error) {
	spec, ok := w.Design.CertificateOf(n)
	if !ok {
		return nil, nil
	}
	host := b.URL
	if u, err := url.Parse(b.URL); err == nil {
		host = u.Hostname()
	}
	for other, o := range w.Bindings {
		if n2, known := w.Design.Node(other); known && other != n.Name && o.URL == b.URL && n2.BMC.Certificate != nil {
			return nil, step.Fail(step.Rejected, fmt.Errorf("nodes %s and %s share one BMC", n.Name, other),
				"Its certificate is renewed for one of them: give the certificate block to one node alone. The pin moves for both.")
		}
	}
	r := &bmc.Renewal{Spec: spec, Host: host, Trusted: &trusted{w: w, node: n.Name}}
	if mount, role, vault := spec.Vault(); vault {
		r.Authority = func(context.Context) (ca.Authority, error) { return ca.Vault(w.resolver, mount, role), nil }
	} else {
		cert, err := w.authorityFile(spec)
		if err != nil {
			return nil, err
		}
		leaf, err := ca.Leaf(cert)
		if err != nil {
			return nil, step.Fail(step.Rejected, fmt.Errorf("%s holds no certificate in PEM form", spec.CA), "Correct ca of the certificate block.")
		}
		r.Issuer = leaf.Subject.String()
		r.Authority = func(ctx context.Context) (ca.Authority, error) {
			key, err := w.resolver.Resolve(ctx, spec.CAKey)
			if err != nil {
				return nil, notLogin(err)
			}
			return ca.Local(cert, []byte(key.Reveal()))
		}
	}
	if b.PinSHA256 == "" && b.CAFile != "" {
		r.Accepts = func(c *x509.Certificate) error { return w.acceptedBy(b, host, c) }
	}
	return r, nil
}

// notLogin gives the failure of a secret that is no BMC's credential another class, so that it does not count as a login.
func notLogin(err error) error {
	if step.ClassOf(err) != step.Auth {
		return err
	}
	return step.Fail(step.Rejected, err, step.AdviceOf(err))
}

func (w *Workspace) authorityFile(spec rack.RenewalSpec) ([]byte, error) {
	file := strings.TrimPrefix(spec.CA, "file:")
	path := file
	if !filepath.IsAbs(path) {
		path = filepath.Join(w.Dir, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, step.Fail(step.Rejected, fmt.Errorf("read the site's authority %s: %w", file, cause(err)), "Put its certificate there, or correct ca of the certificate block.")
	}
	return text, nil
}

// acceptedBy tells whether a binding by authority will trust a certificate.
func (w *Workspace) acceptedBy(b rack.Binding, host string, c *x509.Certificate) error {
	t, err := w.trust(b)
	if err != nil {
		return err
	}
	_, err = c.Verify(x509.VerifyOptions{Roots: t.CAs, DNSName: host, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return err
}

// trusted is what is trusted of one node, in site.bind.hcl, or in the state folder where the bindings come from elsewhere (Terraform).
// What was begun is kept in the state folder in both cases: it is public, and is installed again after a cut.
type trusted struct {
	w    *Workspace
	node string
}

// trustFile is certificates/NODE.json of the state folder.
type trustFile struct {
	Format int         `json:"format"`
	Was    string      `json:"was"`           // the pin of the binding when the replacement was begun
	Pin    string      `json:"pin,omitempty"` // what took its place, where the binding is not ours to write
	Begun  []bmc.Begun `json:"begun,omitempty"`
}

const trustFormat = 1

func (t *trusted) path() string {
	return filepath.Join(t.w.opt.StateDir, "certificates", url.PathEscape(t.node)+".json")
}

func (t *trusted) read() (trustFile, error) {
	f := trustFile{Format: trustFormat}
	err := readJSON(t.path(), &f)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return trustFile{Format: trustFormat}, nil
	case err == nil && f.Format != trustFormat:
		err = fmt.Errorf("%s is not of this version", t.path())
	}
	if err != nil {
		return f, step.Fail(step.Internal, err, "Restore it from a backup, or bind the node again.")
	}
	return f, nil
}

// Begun implements bmc.TrustStore.
func (t *trusted) Begun(ctx context.Context) ([]bmc.Begun, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t.w.trustLock.Lock()
	defer t.w.trustLock.Unlock()
	f, err := t.read()
	if err != nil {
		return nil, err
	}
	if f.Was != t.base() { // bound again since: what was begun before is of another certificate
		return nil, nil
	}
	return f.Begun, nil
}

// base is the pin of the binding as whoever keeps the bindings has it; the caller holds trustLock.
func (t *trusted) base() string {
	if t.w.opt.Bindings != nil {
		return t.w.Bindings[t.node].PinSHA256
	}
	return t.w.binding(t.node).PinSHA256
}

// Pins implements bmc.TrustStore.
func (t *trusted) Pins() []string {
	return t.w.pins(t.node)
}

// Begin implements bmc.TrustStore: the state folder first, then the bindings; the BMC is told after both.
func (t *trusted) Begin(ctx context.Context, c bmc.Begun) error {
	return t.change(ctx, func(f *trustFile, b *rack.Binding) {
		if f.Was != t.base() {
			*f = trustFile{Format: trustFormat, Was: t.base()}
		}
		if !slices.ContainsFunc(f.Begun, func(x bmc.Begun) bool { return x.SHA256 == c.SHA256 }) {
			f.Begun = append(f.Begun, c)
		}
		if b.PinSHA256 != "" && !slices.Contains(b.Trusted(), c.PinSHA256) {
			b.NextPins = strings.TrimSpace(b.NextPins + " " + c.PinSHA256)
		}
	}, false)
}

// Proven implements bmc.TrustStore: the bindings first, so that a cut leaves something that is still begun.
func (t *trusted) Proven(ctx context.Context, pin string) error {
	return t.change(ctx, func(f *trustFile, b *rack.Binding) {
		f.Begun = nil
		if b.PinSHA256 != "" {
			b.PinSHA256, b.NextPins = pin, ""
			if t.w.opt.Bindings == nil {
				f.Was = pin
			} else {
				f.Pin = pin
			}
		}
	}, true)
}

// change writes both files, under a lock: nodes are done side by side, and so are processes.
func (t *trusted) change(ctx context.Context, do func(*trustFile, *rack.Binding), bindingsFirst bool) error {
	w := t.w
	if err := ctx.Err(); err != nil {
		return err
	}
	w.trustLock.Lock()
	defer w.trustLock.Unlock()
	if err := os.MkdirAll(filepath.Dir(t.path()), 0o700); err != nil {
		return fmt.Errorf("make folder of %s: %w", t.path(), cause(err))
	}
	lock := flock.New(filepath.Join(w.opt.StateDir, "certificates", ".lock"))
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("lock the bindings: %w", err)
	}
	defer func() { _ = lock.Unlock() }()
	f, err := t.read()
	if err != nil {
		return err
	}
	b := w.binding(t.node)
	do(&f, &b)
	moved := w.samePins(b)
	writes := []func() error{func() error { return writeJSON(t.path(), f) }, func() error { return w.bind(moved) }}
	if bindingsFirst {
		slices.Reverse(writes)
	}
	for _, write := range writes {
		if err := write(); err != nil {
			return err
		}
	}
	for _, b := range moved {
		w.moved[b.Node] = b
	}
	return w.simulatedPins(b)
}

// samePins gives a binding, and those of the nodes behind the same BMC that are bound by a pin, with the same pins.
func (w *Workspace) samePins(b rack.Binding) []rack.Binding {
	out := []rack.Binding{b}
	for name, o := range w.Bindings {
		if name != b.Node && o.URL == b.URL && o.PinSHA256 != "" {
			o = w.binding(name)
			o.PinSHA256, o.NextPins = b.PinSHA256, b.NextPins
			out = append(out, o)
		}
	}
	return out
}

// bind writes bindings to site.bind.hcl, and leaves the others as somebody else may have written them meanwhile.
func (w *Workspace) bind(moved []rack.Binding) error {
	if w.opt.Bindings != nil || moved[0].PinSHA256 == "" {
		return nil
	}
	path := filepath.Join(w.Dir, BindingsFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", BindingsFile, cause(err))
	}
	list, diags := blueprint.ParseBindings(BindingsFile, text)
	if diags.HasErrors() {
		return diags.Err()
	}
	for _, b := range moved {
		i := slices.IndexFunc(list, func(x rack.Binding) bool { return x.Node == b.Node })
		if i < 0 {
			return fmt.Errorf("node %s is no longer bound in %s", b.Node, BindingsFile)
		}
		list[i].PinSHA256, list[i].NextPins = b.PinSHA256, b.NextPins
	}
	out, err := blueprint.WriteBindings(list, text)
	if err != nil {
		return err
	}
	return writeFile(path, out, 0o644)
}

// binding is a node's binding as it is now: pins move while certificates are replaced. The caller holds trustLock.
func (w *Workspace) binding(node string) rack.Binding {
	if b, ok := w.moved[node]; ok {
		return b
	}
	b := w.Bindings[node]
	if w.opt.Bindings == nil || b.PinSHA256 == "" {
		return b
	}
	t := trusted{w: w, node: w.renewer(node)}
	f, err := t.read()
	if err != nil || f.Was != b.PinSHA256 { // the one who keeps the bindings has followed, or has never been left behind
		return b
	}
	if f.Pin != "" {
		b.PinSHA256 = f.Pin
	}
	for _, x := range f.Begun {
		b.NextPins = strings.TrimSpace(b.NextPins + " " + x.PinSHA256)
	}
	return b
}

// renewer is the node whose certificate block renews the certificate of a node's BMC: itself, or one behind the same BMC.
func (w *Workspace) renewer(node string) string {
	for name, o := range w.Bindings {
		if n, ok := w.Design.Node(name); ok && n.BMC.Certificate != nil && o.URL == w.Bindings[node].URL {
			return name
		}
	}
	return node
}

// pins lists what is trusted of a node at this moment.
func (w *Workspace) pins(node string) []string {
	w.trustLock.Lock()
	defer w.trustLock.Unlock()
	return w.binding(node).Trusted()
}

// simulatedPins tells the record of a simulator on this machine of a certificate that it shows now, so that it is still known as one.
func (w *Workspace) simulatedPins(b rack.Binding) error {
	if _, err := os.Stat(filepath.Join(w.opt.StateDir, simFile)); w.sim == nil || err != nil {
		return nil // hardware, or its simulator has ended
	}
	for _, p := range b.Trusted() {
		if !slices.Contains(w.sim.Pins, p) {
			w.sim.Pins = append(w.sim.Pins, p)
		}
	}
	return WriteSimulated(w.opt.StateDir, *w.sim)
}
