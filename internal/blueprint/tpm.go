package blueprint

import (
	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// tpmSpec is the trusted platform module of a host.
var tpmSpec = object(nil, "enabled", "activated")

// tpmIntents are the intents of the catalog that say how each vendor spells it.
var tpmIntents = map[string]string{"enabled": "tpm", "activated": "tpm_activated"}

func (rd *reader) tpm() *rack.TPMSpec {
	e := &rack.TPMSpec{Origin: diag.At(rd.rng)}
	for _, x := range []struct {
		name string
		to   **bool
	}{{"enabled", &e.Enabled}, {"activated", &e.Activated}} {
		v, ok := rd.boolean(x.name, x.name)
		if !ok {
			continue
		}
		*x.to = &v
		if def, known := rd.s.m.r.opt.Catalog.BIOSIntents[tpmIntents[x.name]]; known {
			rd.s.m.r.useIntent(def, rd.at(x.name))
		}
	}
	if e.Activated != nil && *e.Activated && e.Enabled != nil && !*e.Enabled {
		rd.errorf(rd.at("activated"), "TPM activated and not enabled", "What is not shown to the operating system cannot be used by it.")
	}
	if e.Enabled == nil && e.Activated == nil {
		return nil
	}
	return e
}
