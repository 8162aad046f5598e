package blueprint

import (
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/rack"
)

// TestCertificateBlock: what a certificate block means, and every mistake in it.
func TestCertificateBlock(t *testing.T) {
	for _, c := range []struct {
		name, body, says string
		check            func(rack.RenewalSpec) bool
	}{
		{name: "short", body: `
      ca     = "file:ca/site.pem"
      ca_key = secret("age:ca/site.key.age")`, check: func(s rack.RenewalSpec) bool {
			return s.CommonName == "n1" && s.RenewBeforeS == 30*86400 && s.ValidForS == 365*86400 && s.CAKey == "age:ca/site.key.age" && s.Algorithm == ""
		}},
		{name: "whole", body: `
      ca           = "vault:pki/racks/sign/bmc"
      renew_before = "720h"
      valid_for    = "90d"
      algorithm    = "ecdsa-p384"
      common_name  = "${each.key}.bmc.example"
      names        = ["alias.example", "10.0.0.9"]
      organization = "Example"
      unit         = "Racks"
      locality     = "Brisbane"
      state        = "Queensland"
      country      = "NZ"
      email        = "racks@example.org"`, check: func(s rack.RenewalSpec) bool {
			mount, role, ok := s.Vault()
			return ok && mount == "pki/racks" && role == "bmc" && s.CommonName == "n1.bmc.example" && len(s.Names) == 2 && s.Country == "NZ" &&
				s.RenewBefore().Hours() == 720 && s.ValidFor().Hours() == 90*24 && s.Subject()["OrganizationalUnit"] == "Racks"
		}},
		{name: "no authority", body: `renew_before = "720h"`, says: `"ca"`},
		{name: "unknown authority", body: `ca = "https://ca.example"`, says: `"file:PATH"`},
		{name: "a role is missing", body: `ca = "vault:pki/sign"`, says: `"vault:MOUNT/sign/ROLE"`},
		{name: "no key", body: `ca = "file:ca.pem"`, says: "ca_key = secret("},
		{name: "a key in the text", body: "ca = \"file:ca.pem\"\n ca_key = \"-----BEGIN\"", says: "secret"},
		{name: "a key for vault", body: "ca = \"vault:pki/sign/bmc\"\n ca_key = secret(\"env:X\")", says: "stays in Vault"},
		{name: "for ever", body: "ca = \"vault:pki/sign/bmc\"\n valid_for = \"30d\"\n renew_before = \"31d\"", says: "renewed at once, for ever"},
		{name: "no duration", body: "ca = \"vault:pki/sign/bmc\"\n renew_before = \"10GiB\"", says: "duration"},
		{name: "too short", body: "ca = \"vault:pki/sign/bmc\"\n renew_before = \"5s\"", says: "between one hour"},
		{name: "unknown algorithm", body: "ca = \"vault:pki/sign/bmc\"\n algorithm = \"rsa-2049\"", says: `Did you mean "rsa-2048"?`},
		{name: "no name", body: "ca = \"vault:pki/sign/bmc\"\n names = [\"a b\"]", says: `"a b" is no DNS name`},
		{name: "a name twice", body: "ca = \"vault:pki/sign/bmc\"\n names = [\"a\", \"a\"]", says: "twice"},
		{name: "no country", body: "ca = \"vault:pki/sign/bmc\"\n country = \"Australia\"", says: "two capital letters"},
		{name: "too long", body: "ca = \"vault:pki/sign/bmc\"\n common_name = \"" + strings.Repeat("x", 65) + "\"", says: "64 is the most"},
		{name: "unknown word", body: "ca = \"vault:pki/sign/bmc\"\n renew_befor = \"1d\"", says: `"renew_before"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(certificateRack, "BODY", c.body, 1)
			bp, diags := Parse(map[string][]byte{"main.mw.hcl": []byte(text)})
			d, more := Resolve(bp, options(t))
			diags = append(diags, more...)
			if c.says != "" {
				if !diags.HasErrors() || !strings.Contains(diags.Err().Error(), c.says) || strings.Contains(diags.Err().Error(), "BEGIN") {
					t.Errorf("%v", diags.Err())
				}
				return
			}
			if diags.HasErrors() {
				t.Fatal(diags.Err())
			}
			spec, ok := d.CertificateOf(d.Nodes[0])
			if !ok || !c.check(spec) {
				t.Errorf("%+v", spec)
			}
			if d.Nodes[0].BMC.Certificate.Country == "" && spec.Country != "AU" {
				t.Errorf("the country is %q, not the site's", spec.Country)
			}
		})
	}
}

const certificateRack = `
region "home" {
  jurisdiction = "AU"
  policy       = policies.au.baseline
}
site "lab" {
  region  = region.home
  country = "AU"
}
rack "r1" {
  site  = site.lab
  model = hw.rack.eia_48u
}
node "svc" {
  for_each = { n1 = 1 }
  hardware = hw.server.dell_r750
  at       = { rack = rack.r1, u = each.value }
  bmc {
    credential = secret("env:BMC_PASSWORD")
    certificate {
      BODY
    }
  }
}
`
