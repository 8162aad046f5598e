package engine

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
	"github.com/metalwright/metalwright/internal/survey"
)

// driver opens the driver of one node of the Design by its binding. Nothing is sent yet.
func (w *Workspace) driver(ctx context.Context, node string) (*bmc.Driver, error) {
	ep, err := w.endpoint(node)
	if err != nil {
		return nil, err
	}
	pace := time.Duration(float64(2*time.Second) / w.pace())
	opt := bmc.Options{Images: w.firmwareFile, Keys: w.keyFile, Pace: max(pace, 10*time.Millisecond), Log: w.opt.Log, Redact: w.resolver.Redact}
	opt.Secrets = func(ctx context.Context, ref rack.SecretRef) (string, error) {
		v, err := w.resolver.Resolve(ctx, ref)
		if err != nil {
			return "", err
		}
		return v.Reveal(), nil
	}
	switch {
	case w.opt.Mirror != "":
		opt.ImageURL = func(file string) (string, error) {
			return strings.TrimSuffix(w.opt.Mirror, "/") + "/" + url.PathEscape(file), nil
		}
	case w.opt.Dial == nil:
		opt.ImageURL = func(file string) (string, error) { return w.images.urlFor(ctx, ep.URL, file) }
	default: // in memory: the simulator asks for the file by its name
		opt.ImageURL = func(file string) (string, error) { return "http://" + memoryHost + "/" + url.PathEscape(file), nil }
	}
	return w.pool.Open(ctx, ep, opt)
}

// memoryHost is the mirror of a simulator in memory; see Workspace.FetchImage.
const memoryHost = "mirror.sim"

// FetchImage is what a simulator in memory fetches firmware files with (sim.Options.Fetch).
func (w *Workspace) FetchImage(from string) (io.ReadCloser, error) {
	u, err := url.Parse(from)
	if err != nil || u.Host != memoryHost {
		return nil, fmt.Errorf("no mirror at %q", from)
	}
	f, size, err := w.firmwareFile(path.Base(u.Path))
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, 0, size), closerOf(f)}, nil
}

func closerOf(v any) io.Closer {
	if c, ok := v.(io.Closer); ok {
		return c
	}
	return io.NopCloser(nil)
}

// reader reads one node through its driver, so that a survey and an apply share the session.
type reader struct {
	*bmc.Driver
	facets []rack.Facet
}

// Read implements survey.Reader.
func (r reader) Read(ctx context.Context) (rack.Device, []rack.Gap, error) {
	return r.Survey(ctx, inventory.Options{Facets: r.facets})
}

// reader opens the reader of one node.
func (w *Workspace) reader(ctx context.Context, n rack.Node, facets []rack.Facet) (survey.Reader, error) {
	d, err := w.driver(ctx, n.Name)
	if err != nil {
		return nil, err
	}
	return reader{d, facets}, nil
}

func (w *Workspace) endpoint(node string) (bmc.Endpoint, error) {
	b, ok := w.Bindings[node]
	if !ok || b.URL == "" {
		return bmc.Endpoint{}, step.Fail(step.Unreachable, fmt.Errorf("node %s is not bound to a BMC", node),
			"Find its BMC with metalwright discover, then bind it with metalwright bind.")
	}
	n, ok := w.holder(node)
	if !ok {
		return bmc.Endpoint{}, fmt.Errorf("node %s is not in the blueprint", node)
	}
	trust, err := w.trust(b)
	if err != nil {
		return bmc.Endpoint{}, err
	}
	access, err := w.access(n, b)
	if err != nil {
		return bmc.Endpoint{}, err
	}
	renewal, err := w.renewal(n, b)
	if err != nil {
		return bmc.Endpoint{}, err
	}
	return bmc.Endpoint{URL: b.URL, System: b.System, Trust: trust, Login: w.login(n, b), Dial: w.opt.Dial, Access: access, IPMI: w.ipmi(n),
		Renewal: renewal}, nil
}

func (w *Workspace) trust(b rack.Binding) (redfish.Trust, error) {
	if w.adHoc != nil && b.CAFile == "" {
		t := w.adHoc.known.trust(b.URL, b.PinSHA256, w.adHoc.trustNew)
		if b.NextPins != "" {
			t.Pins = b.Trusted
		}
		return t, nil
	}
	pins := func() []string { return w.pins(b.Node) }
	if b.CAFile == "" {
		return redfish.Trust{PinSHA256: b.PinSHA256, Pins: pins}, nil
	}
	file := b.CAFile
	if !filepath.IsAbs(file) {
		file = filepath.Join(w.Dir, file)
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return redfish.Trust{}, step.Fail(step.Trust, fmt.Errorf("read certificate authority %s: %w", b.CAFile, cause(err)),
			"Put the site's CA there, or bind the BMC by its pin.")
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return redfish.Trust{}, step.Fail(step.Trust, fmt.Errorf("%s holds no certificate in PEM form", b.CAFile), "")
	}
	return redfish.Trust{PinSHA256: b.PinSHA256, Pins: pins, CAs: pool}, nil
}

// login resolves the credential when it is needed: that of the binding, else that of the blueprint.
func (w *Workspace) login(n rack.Node, b rack.Binding) func(context.Context) (string, string, error) {
	user, ref := b.Username, b.Credential
	if user == "" {
		user = n.BMC.Username
	}
	if ref == "" {
		ref = n.BMC.Credential
	}
	return func(ctx context.Context) (string, string, error) {
		if user == "" || ref == "" {
			return "", "", step.Fail(step.Auth, fmt.Errorf("no credential for the BMC of %s", n.Name),
				`Give bmc { username = … credential = secret("env:NAME") } in the blueprint, or username and credential in `+BindingsFile+".")
		}
		v, err := w.secretsOf(n).Resolve(ctx, ref)
		if err != nil {
			return "", "", err
		}
		if err := w.refused.check(n.Name, user, v.Reveal()); err != nil {
			return "", "", err
		}
		return user, v.Reveal(), nil
	}
}
