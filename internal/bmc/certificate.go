package bmc

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/ca"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// Renewal is how the HTTPS certificate of one BMC is replaced.
type Renewal struct {
	Spec      rack.RenewalSpec
	Host      string                                      // as the binding names it
	Authority func(context.Context) (ca.Authority, error) // late: its key is a secret
	Trusted   TrustStore
	// Accepts tells whether the binding will trust a certificate, where it names an authority and no pin; nil = pins decide.
	Accepts func(*x509.Certificate) error
	// Issuer is the subject of the authority, as pkix.Name writes it; empty = not known before it signs.
	Issuer string
}

// TrustStore keeps which certificates of one BMC are trusted, beyond the life of the process. At every moment it trusts the one that
// the BMC shows: a new one from before it is installed, the old one until the new one is proven.
type TrustStore interface {
	// Begun lists the certificates that may have been installed and are not proven yet, oldest first.
	Begun(ctx context.Context) ([]Begun, error)
	// Begin trusts one more certificate. It is durable when Begin returns.
	Begin(ctx context.Context, c Begun) error
	// Proven trusts this certificate alone, from now on. It is durable when Proven returns, and may be called again.
	Proven(ctx context.Context, pin string) error
	// Pins lists the pins that are trusted now; none where an authority decides.
	Pins() []string
}

// Begun is a certificate that was signed for a BMC. Nothing of it is secret: the key is on the BMC.
type Begun struct {
	PinSHA256 string `json:"pin_sha256"` // of its public key
	SHA256    string `json:"sha256"`     // of all of it
	Chain     string `json:"chain"`      // PEM, the certificate first
}

// How long a BMC may take.
const (
	csrTries   = 300 // looks for a request that is made in the background: 10 min (HPE: RSA keys take minutes)
	certSettle = 6 * time.Minute
)

// shown is the certificate of the last trusted connection; nil before there was one.
func (d *Driver) shown() *rack.Certificate {
	if d.c.core == nil {
		return nil
	}
	c, ok := d.c.core.Shown()
	if !ok {
		return nil
	}
	return shownAs(c)
}

func shownAs(c redfish.CertInfo) *rack.Certificate {
	return &rack.Certificate{Subject: c.Subject, Issuer: c.Issuer, Serial: c.Serial, PinSHA256: c.PinSHA256, SHA256: c.SHA256,
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC()}
}

// addPending tells a plan that a replacement was begun and not ended.
func (d *Driver) addPending(ctx context.Context, dev *rack.Device) error {
	if d.ep.Renewal == nil || dev.Certificates == nil {
		return nil
	}
	begun, err := d.ep.Renewal.Trusted.Begun(ctx)
	if err != nil {
		return fmt.Errorf("read which certificates are trusted: %w", err)
	}
	dev.Certificates.Pending, dev.Certificates.Issuer = len(begun), d.ep.Renewal.Issuer
	return nil
}

// certificates finds how this BMC lets its certificate be replaced.
func (d *Driver) certificates(ctx context.Context) (rack.CertificateService, error) {
	l, err := d.layout(ctx)
	if err != nil {
		return rack.CertificateService{}, err
	}
	m, err := l.manager()
	if err != nil {
		return rack.CertificateService{}, err
	}
	var first error
	keep := func(err error) {
		if first == nil && err != nil && !redfish.IsNotFound(err) {
			first = err
		}
	}
	s := inventory.CertificateService(l.root, m.Obj, func(link string) redfish.Object {
		if link == "" {
			return nil
		}
		r, err := d.c.rf.Get(ctx, link)
		if keep(err); err != nil {
			return nil
		}
		return r.Obj
	}, func(link string) []string {
		uris, problems, err := d.c.rf.MemberURIs(ctx, link)
		keep(err)
		if len(problems) > 0 {
			keep(errors.New("the list of certificates could not be read whole"))
		}
		return uris
	})
	inventory.Mannered(&s, l.id)
	return s, first
}

func (d *Driver) glanceCertificates(ctx context.Context, _ vitals, dev *rack.Device, _ *rack.System) error {
	s, err := d.certificates(ctx)
	if err != nil {
		return fmt.Errorf("read the certificate service: %w", err)
	}
	dev.Certificates, dev.BMC.Certificate = &s, d.shown()
	return d.addPending(ctx, dev)
}

// checkCertificate goes by what a handshake of its own shows. A new certificate that is shown and lets a login through is proven: then
// it alone is trusted, which is written down before it is called done.
func (d *Driver) checkCertificate(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	r := d.ep.Renewal
	if r == nil {
		return step.State{}, unsupported("a certificate of the site's authority: the blueprint has no certificate block for this node")
	}
	begun, err := r.Trusted.Begun(ctx)
	if err != nil {
		return step.State{}, err
	}
	is, err := redfish.Fetch(ctx, d.ep.URL, d.ep.Dial)
	if err != nil {
		return step.State{}, err
	}
	seen := step.Facts{"sha256": is.SHA256, "not_after": is.NotAfter.UTC().Format(time.RFC3339)}
	for _, b := range begun {
		if b.SHA256 == is.SHA256 {
			return d.proven(ctx, b, seen)
		}
	}
	switch {
	case is.SHA256 == textOf(s.Expect["sha256"]):
		return d.unchanged(ctx, s, op, seen)
	case len(begun) == 0 && d.trusts(is):
		return state(step.Done, seen, ""), nil
	}
	return state(step.Moved, seen, "it shows another certificate, serial %s, issued to %s", is.Serial, is.Subject), nil
}

// trusts tells whether the binding trusts a certificate now.
func (d *Driver) trusts(is redfish.CertInfo) bool {
	pins := d.ep.Renewal.Trusted.Pins()
	for _, p := range pins {
		if p == is.PinSHA256 {
			return true
		}
	}
	return len(pins) == 0 // by authority: the reads of this session have verified it
}

// unchanged judges a BMC that shows the certificate it had.
func (d *Driver) unchanged(ctx context.Context, s step.Step, op *step.Op, seen step.Facts) (step.State, error) {
	switch {
	case op == nil || !op.Sent: // what was cut off is installed again: the same certificate, for the same key
		return state(step.Ready, seen, ""), nil
	case s.Args.Method == step.CertificateRestarts && time.Since(op.Started) < d.paced(certSettle) && !d.activated(ctx, s, op):
		return state(step.Working, seen, "installed; the BMC restarts by itself"), nil
	case s.Activation == step.BMCReset && !d.activated(ctx, s, op):
		return state(step.Staged, seen, "installed; shown once the BMC has restarted"), nil
	case s.Activation == step.BMCReset:
		return state(step.Ready, seen, "the BMC has restarted and still shows its old certificate"), nil
	case time.Since(op.Started) < d.paced(certSettle):
		return state(step.Working, seen, "installed; the BMC still shows its old certificate"), nil
	}
	return step.State{}, step.Fail(step.Rejected, errors.New("the BMC took the new certificate and still shows its old one"),
		"Restart it with metalwright bmc reset, then run the same command again. Both certificates are trusted until then.")
}

// proven logs in over the new certificate alone, then trusts nothing else.
func (d *Driver) proven(ctx context.Context, b Begun, seen step.Facts) (step.State, error) {
	if _, err := d.c.rf.Get(ctx, d.managersURI(ctx)); err != nil { // it may be starting still
		if silent(err) {
			return state(step.Working, seen, "the BMC shows its new certificate and is not ready yet"), nil
		}
		return step.State{}, err
	}
	o := d.c.second
	if o.Base != "" { // not in tests of this package alone
		if len(d.ep.Renewal.Trusted.Pins()) > 0 {
			o.Trust = redfish.Trust{PinSHA256: b.PinSHA256}
		}
		c, err := redfish.New(o)
		if err != nil {
			return step.State{}, err
		}
		_, err = c.Get(ctx, d.managersURI(ctx))
		if err = errors.Join(err, c.Close(context.WithoutCancel(ctx))); err != nil {
			return step.State{}, fmt.Errorf("log in over the new certificate: %w", err)
		}
	}
	if err := d.ep.Renewal.Trusted.Proven(ctx, b.PinSHA256); err != nil {
		return step.State{}, step.Fail(step.Internal, fmt.Errorf("trust the new certificate alone: %w", err),
			"Make room, then run the same command again. Until then both are trusted.")
	}
	return state(step.Done, seen, ""), nil
}

// managersURI is something that only a login shows.
func (d *Driver) managersURI(ctx context.Context) string {
	if l, err := d.layout(ctx); err == nil {
		if link := l.root.Link("Managers"); link != "" {
			return link
		}
	}
	return rootPath + "Managers"
}

// actCertificate replaces the certificate. A cut at any point leaves a BMC whose certificate is trusted, and a second Act goes on: it
// installs again what was signed, or has another one made where the BMC no longer takes that.
func (d *Driver) actCertificate(ctx context.Context, a *act) error {
	if ok, err := a.begun(ctx); err != nil || !ok {
		return err
	}
	v, err := d.vitals(ctx, a.s, true)
	if err != nil {
		return err
	}
	service, err := d.certificates(ctx)
	if err != nil {
		return err
	}
	if lacks := service.Lacks(); lacks != "" {
		return step.Fail(step.Unsupported, errors.New(lacks), "Take certificate out of the blueprint for this node, or install one by hand.")
	}
	if err := a.intend(ctx, v.facts()); err != nil {
		return err
	}
	if err := d.clockRight(ctx, a); err != nil { // a certificate of today is not valid yet for a clock of years ago (R47)
		return err
	}
	begun, err := d.ep.Renewal.Trusted.Begun(ctx)
	if err != nil {
		return err
	}
	if n := len(begun); n > 0 && d.stillGood(begun[n-1]) {
		err := d.installCertificate(ctx, a, service, begun[n-1])
		if step.ClassOf(err) != step.Rejected {
			return err
		}
	}
	b, err := d.signed(ctx, service)
	if err != nil {
		return err
	}
	if err := d.ep.Renewal.Trusted.Begin(ctx, b); err != nil {
		return step.Fail(step.Internal, fmt.Errorf("trust the new certificate before it is installed: %w", err),
			"Make room for the bindings, then run the same command again. The BMC's certificate is what it was.")
	}
	return d.installCertificate(ctx, a, service, b)
}

// stillGood tells whether a certificate that was signed before is worth installing.
func (d *Driver) stillGood(b Begun) bool {
	leaf, err := ca.Leaf([]byte(b.Chain))
	spec := d.ep.Renewal.Spec
	return err == nil && leaf.Subject.CommonName == spec.CommonName && time.Now().Add(spec.RenewBefore()).Before(leaf.NotAfter)
}

// signed has the BMC make a key and a request, and the authority sign it.
func (d *Driver) signed(ctx context.Context, service rack.CertificateService) (Begun, error) {
	r := d.ep.Renewal
	authority, err := r.Authority(ctx) // before the BMC makes a key for nothing
	if err != nil {
		return Begun{}, err
	}
	text, err := d.requestCSR(ctx, service)
	if err != nil {
		return Begun{}, err
	}
	csr, err := ca.ParseCSR(text)
	if err != nil {
		return Begun{}, err
	}
	req := ca.Request{CSR: csr, Spec: r.Spec, Host: r.Host, Now: time.Now()}
	if err := req.Check(); err != nil {
		return Begun{}, err
	}
	chain, err := authority.Sign(ctx, req)
	if err != nil {
		return Begun{}, err
	}
	leaf, err := req.CheckSigned(chain)
	if err != nil {
		return Begun{}, err
	}
	if r.Accepts != nil {
		if err := r.Accepts(leaf); err != nil {
			return Begun{}, step.Fail(step.Trust, fmt.Errorf("the binding would not trust the new certificate: %w", err),
				"Let ca_file of the binding name the authority that signs. Nothing was installed.")
		}
	}
	pin, whole := ca.Pins(leaf)
	return Begun{PinSHA256: pin, SHA256: whole, Chain: string(chain)}, nil
}

// requestCSR has the BMC make a key and a request. To make another one is harmless, so a lost answer is asked for again.
func (d *Driver) requestCSR(ctx context.Context, service rack.CertificateService) (string, error) {
	never := func(context.Context) (bool, error) { return false, nil }
	spec := d.ep.Renewal.Spec
	if service.Form == rack.FormHPE {
		return d.requestHPE(ctx, service, never)
	}
	key, problem := service.KeyRequest(spec.Algorithm)
	if problem != "" {
		return "", step.Fail(step.Unsupported, errors.New(problem), "Leave algorithm out of the certificate block for this node.")
	}
	body := map[string]any{"CertificateCollection": map[string]any{"@odata.id": service.Collection}}
	maps.Copy(body, key)
	for k, v := range spec.Subject() {
		body[k] = v
	}
	body["AlternativeNames"] = d.alternatives()
	resp, err := d.c.rf.PostUnless(ctx, service.GenerateCSR, body, never)
	if err != nil {
		return "", fmt.Errorf("have the BMC make a certificate request: %w", err)
	}
	text := resp.Obj.Str("CSRString")
	if text == "" {
		return "", rejected("the BMC's answer to GenerateCSR holds no request (CSRString)")
	}
	return text, nil
}

func (d *Driver) alternatives() []string {
	dns, ips := ca.Request{Spec: d.ep.Renewal.Spec, Host: d.ep.Renewal.Host}.Names()
	for _, ip := range ips {
		dns = append(dns, ip.String())
	}
	return dns
}

// requestHPE asks an iLO, which makes the request in the background and shows it in HttpsCert.
func (d *Driver) requestHPE(ctx context.Context, service rack.CertificateService, never func(context.Context) (bool, error)) (string, error) {
	if _, problem := service.KeyRequest(d.ep.Renewal.Spec.Algorithm); problem != "" {
		return "", step.Fail(step.Unsupported, errors.New(problem), "Leave algorithm out of the certificate block for this node.")
	}
	before, err := d.c.rf.Get(ctx, service.Resource)
	if err != nil {
		return "", err
	}
	s := d.ep.Renewal.Spec
	body := map[string]any{"CommonName": s.CommonName, "OrgName": s.Organization, "OrgUnit": s.Unit, "City": s.Locality, "State": s.State,
		"Country": s.Country, "IncludeIP": true}
	old := before.Obj.Str("CertificateSigningRequest")
	_, busy := d.c.rf.PostUnless(ctx, service.GenerateCSR, body, never)
	if class := step.ClassOf(busy); busy != nil && (old != "" || class != step.Rejected && class != step.Transient) {
		return "", fmt.Errorf("have the BMC make a certificate request: %w", busy)
	}
	return d.awaitCSR(ctx, service.Resource, old, busy)
}

// awaitCSR waits for a request that is made in the background. busy is why another one was refused: one is being made already, by
// whoever was cut off; it will do, if it is for the same name.
func (d *Driver) awaitCSR(ctx context.Context, resource, old string, busy error) (string, error) {
	text := ""
	for range csrTries {
		now, err := d.c.rf.Get(ctx, resource)
		switch {
		case err != nil && !silent(err):
			return "", err
		case err == nil:
			text = now.Obj.Str("CertificateSigningRequest")
			if text != "" && text != old {
				return text, nil
			}
			if text == "" {
				old = "" // it is being made: whatever comes is new
			}
		}
		if err := d.pause(ctx, 1); err != nil {
			return "", err
		}
	}
	switch {
	case text != "": // the same key and subject give the same request
		return text, nil
	case busy != nil:
		return "", fmt.Errorf("have the BMC make a certificate request: %w", busy)
	}
	return "", transient("Look at the BMC's own log; run the same command again.", "the BMC made no certificate request in %s", csrTries*d.opt.Pace)
}

// installCertificate gives the BMC its certificate. A lost answer is the normal one where the web server restarts: Check looks.
func (d *Driver) installCertificate(ctx context.Context, a *act, service rack.CertificateService, b Begun) error {
	text, err := ca.First([]byte(b.Chain))
	if err != nil {
		return err
	}
	if err := a.note("certificate", b.SHA256); err != nil {
		return err
	}
	if err := a.note("pin", b.PinSHA256); err != nil {
		return err
	}
	body := map[string]any{"CertificateString": text, "CertificateType": "PEM", "CertificateUri": map[string]any{"@odata.id": service.Resource}}
	if service.Form == rack.FormHPE {
		body = map[string]any{"Certificate": text}
	}
	a.op.Started = time.Now() // the wait for the new certificate begins here
	resp, err := d.c.rf.Post(ctx, service.Install, body)
	if err != nil && !redfish.IsSentUnknown(err) {
		return fmt.Errorf("install the certificate: %w", err)
	}
	d.c.forget()
	return a.sent(resp.Handle())
}
