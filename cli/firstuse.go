package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/survey"
)

// serialsGiven refuses trust on first use for a node that is not known by its serial number: that is what confirms the BMC.
func serialsGiven(wants []survey.Want) error {
	for _, w := range wants {
		if w.Serial == "" && w.Pin == "" {
			return fmt.Errorf("node %s: --trust-new takes a BMC for the right one by its serial number: give %s=SERIAL, or the column serial", w.Node, w.Node)
		}
	}
	return nil
}

// firstUse takes the certificate of a BMC that no node is bound to yet. A node that is bound keeps its pin: another is refused.
func (a *app) firstUse(ctx context.Context, w *engine.Workspace, base string) (string, error) {
	cert, err := engine.Certificate(ctx, base)
	if err != nil {
		return "", err
	}
	for _, b := range w.Bindings {
		if same, err := engine.BaseURL(b.URL); err == nil && same == base && b.PinSHA256 != "" && !slices.Contains(b.Trusted(), cert.PinSHA256) {
			return "", fmt.Errorf("its certificate is another than the one that %s is bound to (SHA-256 of its public key %s, serial %s); "+
				"compare it at the machine and bind it with --confirm", b.Node, cert.PinSHA256, cert.Serial)
		}
	}
	a.say("%s shows certificate serial %s, issued to %s; bound if its serial number is the one given", base, cert.Serial, cert.Subject)
	a.say("  SHA-256 of its public key %s", cert.PinSHA256)
	return cert.PinSHA256, nil
}

// unpinned refuses bindings that nothing could be trusted by: a URL whose certificate was not confirmed.
func unpinned(bindings []rack.Binding) error {
	var names []string
	for _, b := range bindings {
		if b.PinSHA256 == "" && b.CAFile == "" {
			names = append(names, b.Node)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return errors.New("the certificate was not confirmed of " + strings.Join(names, ", ") + "; nothing was bound")
}

// sayMachines says which machine a node became that was given no serial number, for people to compare.
func (a *app) sayMachines(bindings []rack.Binding, found []survey.Candidate) {
	for _, b := range bindings {
		for _, c := range found {
			if b.Serial == "" && c.URL == b.URL && len(c.Serials) > 0 {
				a.say("%s is the machine with serial number %s; nothing was given to hold it against", b.Node, c.Serials[0])
			}
		}
	}
}
