package plan

import (
	"fmt"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

const (
	certificateS   = 60                  // seconds, estimated: a key, a request, the web server anew
	certificateHPE = 240                 // HPE: a key is made in the background
	endsSoon       = 30 * 24 * time.Hour // what nobody renews is told of a month before
)

// planCertificate renews the certificate of the BMC when it is not the site's, or ends soon: before it happens.
func (n *nodeBuild) planCertificate() {
	spec, ours := n.d.CertificateOf(n.node)
	shown := n.dev.BMC.Certificate
	now := n.today()
	if !ours {
		if shown != nil && shown.NotAfter.Sub(now) < endsSoon && !now.IsZero() {
			n.warn("certificate.ends", "The BMC's certificate ends", fmt.Sprintf("%s. Nobody renews it: give bmc { certificate { … } }.%s",
				ends(*shown, now), " A pin outlives it; a binding by ca_file does not."), n.node.Origin)
		}
		return
	}
	origin := originOr(spec.Origin, n.node.Origin)
	service := n.dev.Certificates
	if shown == nil || service == nil {
		n.unreadable("certificate.read", "The BMC's certificate not readable", "How it can be replaced was not seen."+
			because(n.gapsNamed("certificateservice", "managers")), origin)
		return
	}
	if problem := replaceable(spec, *service); problem != "" {
		n.block("certificate.unsupported", "Unsupported on this BMC", problem+
			" Take certificate out of the blueprint for this node, or renew its certificate by hand.", origin)
		return
	}
	why := due(spec, *shown, *service, now)
	if why == "" || n.stopped {
		return
	}
	s := certificateStep(spec, *shown, *service)
	s.Origin, s.Why = origin, why
	n.add(&change{key: string(step.Certificate), step: s})
}

// today is when the BMC was looked at.
func (n *nodeBuild) today() time.Time {
	if !n.o.Taken.IsZero() {
		return n.o.Taken
	}
	return n.opt.Now
}

// due says why a certificate is to be replaced, or nothing.
func due(spec rack.RenewalSpec, c rack.Certificate, s rack.CertificateService, now time.Time) string {
	switch {
	case s.Pending > 0:
		return "a replacement was begun and not proven"
	case c.SelfSigned():
		return "nobody but the BMC itself has signed its certificate"
	case s.Issuer != "" && s.Issuer != c.Issuer:
		return "its certificate is signed by " + c.Issuer + ", not by the authority of the blueprint"
	case commonName(c.Subject) != "" && !strings.EqualFold(commonName(c.Subject), spec.CommonName):
		return fmt.Sprintf("its certificate is for %q", commonName(c.Subject))
	case !now.IsZero() && c.NotAfter.Sub(now) <= spec.RenewBefore():
		return ends(c, now)
	}
	return ""
}

// ends says when a certificate ends.
func ends(c rack.Certificate, now time.Time) string {
	left := c.NotAfter.Sub(now)
	day := c.NotAfter.UTC().Format("2006-01-02")
	if left <= 0 {
		return "its certificate ended on " + day
	}
	return fmt.Sprintf("its certificate ends on %s, in %s", day, plural(int(left/(24*time.Hour)), "day"))
}

// commonName reads the CN of a subject as crypto/x509/pkix writes it.
func commonName(subject string) string {
	for part := range strings.SplitSeq(subject, ",") {
		if cn, ok := strings.CutPrefix(strings.TrimSpace(part), "CN="); ok {
			return cn
		}
	}
	return ""
}

// replaceable says why this BMC cannot have the certificate that is wanted, or nothing.
func replaceable(spec rack.RenewalSpec, s rack.CertificateService) string {
	if lacks := s.Lacks(); lacks != "" {
		return lacks
	}
	if missing := spec.Missing(s.Required); len(missing) > 0 {
		return fmt.Sprintf("A certificate request of this BMC must have %s, which the certificate block does not give.", strings.Join(missing, ", "))
	}
	_, problem := s.KeyRequest(spec.Algorithm)
	return problem
}

// certificateStep replaces one certificate. A BMC that must restart, or does so by itself, is reset once in the plan.
func certificateStep(spec rack.RenewalSpec, c rack.Certificate, s rack.CertificateService) step.Step {
	out := step.Step{Kind: step.Certificate, Activation: step.None, EstimatedS: certificateS,
		Expect: step.Facts{"sha256": c.SHA256, "not_after": c.NotAfter.UTC().Format(time.RFC3339)},
		Want:   step.Facts{"common_name": spec.CommonName, "authority": spec.CA}}
	if s.Form == rack.FormHPE {
		out.EstimatedS = certificateHPE
	}
	if s.AfterReset || s.Restarts {
		out.Activation = step.BMCReset
	}
	if s.Restarts {
		out.Args.Method = step.CertificateRestarts
	}
	return out
}

// renewNow plans another certificate for one BMC whatever its end, or says why there can be none.
func renewNow(d rack.Design, n rack.Node, dev rack.Device) ([]step.Step, string) {
	spec, ok := d.CertificateOf(n)
	if !ok {
		return nil, "Its certificate is nobody's to renew: the blueprint has no bmc { certificate { … } } for this node."
	}
	if dev.Certificates == nil || dev.BMC.Certificate == nil {
		return nil, "Its BMC does not tell how its certificate can be replaced."
	}
	if problem := replaceable(spec, *dev.Certificates); problem != "" {
		return nil, problem
	}
	steps := []step.Step{certificateStep(spec, *dev.BMC.Certificate, *dev.Certificates)}
	if steps[0].Activation == step.BMCReset {
		if types := dev.Capabilities.ManagerResetTypes; len(types) > 0 && !offers(types, "GracefulRestart", "ForceRestart") {
			return nil, "It shows a new certificate only once it has restarted, and offers no restart of itself."
		}
		steps = append(steps, step.Step{Kind: step.Reset, Activation: step.BMCReset, EstimatedS: bmcResetS})
	}
	return steps, ""
}

// activate ties a reset to the staged steps before it.
func activate(steps []step.Step) {
	var staged []step.ID
	for i := range steps {
		s := &steps[i]
		if s.Kind == step.Reset && len(staged) > 0 {
			s.After, s.Activates, staged = staged, staged, nil
		} else if s.Kind == step.Certificate && s.Activation == step.BMCReset {
			staged = append(staged, s.ID)
		}
	}
}
