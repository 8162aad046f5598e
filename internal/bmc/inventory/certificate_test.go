package inventory_test

import (
	"testing"

	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim/recorded"
)

// TestCertificateServices: how the recorded BMCs let their certificate be replaced.
func TestCertificateServices(t *testing.T) {
	want := map[string]struct {
		form     string
		lacks    bool
		ecdsa384 bool // may be asked for
		rsa4096  bool
		reset    bool
	}{
		"dell-r750-idrac9-6.00":         {form: rack.FormRedfish},
		"hpe-dl380a-gen11-ilo6-h100nvl": {form: rack.FormHPE},
		"lenovo-sr670v2-xcc-2.83":       {form: rack.FormRedfish, ecdsa384: true, rsa4096: true, reset: true},
		"nvidia-dgx-h100":               {form: rack.FormRedfish},
		"nvidia-gb200-nvl":              {form: rack.FormRedfish, ecdsa384: true},
		"nvidia-bf3-dpu-24.10":          {form: rack.FormRedfish, ecdsa384: true},
		"supermicro-sys-821ge-h100":     {form: rack.FormRedfish, rsa4096: true},
		"liteon-powershelf":             {form: rack.FormRedfish, lacks: true},
	}
	for _, path := range trees(t) {
		w, known := want[treeName(path)]
		if !known {
			continue
		}
		t.Run(treeName(path), func(t *testing.T) {
			tree, err := recorded.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			dev, _ := readTree(t, tree, inventory.Options{Facets: []rack.Facet{rack.FacetCertificates}})
			s := dev.Certificates
			if s == nil || s.Form != w.form || (s.Lacks() != "") != w.lacks {
				t.Fatalf("%+v", s)
			}
			if _, problem := s.KeyRequest("ecdsa-p384"); !w.lacks && (problem == "") != w.ecdsa384 {
				t.Errorf("P-384: %q", problem)
			}
			if _, problem := s.KeyRequest("rsa-4096"); !w.lacks && (problem == "") != w.rsa4096 {
				t.Errorf("RSA 4096: %q", problem)
			}
			if s.AfterReset != w.reset || s.Restarts != (w.form == rack.FormHPE) {
				t.Errorf("after a reset %v, restarts %v", s.AfterReset, s.Restarts)
			}
		})
	}
}
