package residency

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

var today = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func profiles() map[string]Profile {
	return map[string]Profile{
		"au.strategic": {Key: "au.strategic", Jurisdiction: "AU", Reviewed: "2026-11-01", Rules: map[string]Rule{
			"endpoint.closed": {Severity: "error", Waivable: true, Evidences: []string{"ism-0631"}},
			"place.match":     {Severity: "error"}, "bmc.creds": {Severity: "warning", Waivable: true}}},
		"eu.baseline": {Key: "eu.baseline", Jurisdiction: "EU", Reviewed: "2026-01-01"},
		"au.shared": {Key: "au.shared", Jurisdiction: "AU", Reviewed: "2026-11-01",
			Reside: map[string][]string{"storage": {"AU", "NZ"}, "processing": {"AU", "NZ"}, "keys": {"AU"},
				"artifacts": {"AU", "SG"}}},
	}
}

func design(policy, jurisdiction, country string, endpoints map[string][]string) rack.Design {
	return rack.Design{
		Regions: []rack.Region{{Address: "region.r", Name: "r", Jurisdiction: jurisdiction, Policy: policy}},
		Sites: []rack.Site{{Address: "site.s", Name: "s", Region: "region.r", Country: country, Endpoints: endpoints,
			Networks: []rack.Network{{Name: "m", CIDR: "10.20.8.0/22"}, {Name: "edge", CIDR: "198.51.100.0/24"}}}},
		Racks: []rack.Rack{{Address: "rack.a", Site: "site.s"}},
	}
}

// found gives the status of one rule at one element; the worst when there are several.
func found(fs []Finding, rule string, a rack.Address) Status {
	worst, any := Met, false
	for _, f := range fs {
		if f.Rule == rule && f.Address == a {
			any = true
			if f.Status != Met {
				worst = f.Status
			}
		}
	}
	if !any {
		return NotAssessed
	}
	return worst
}

func TestPlaceMatch(t *testing.T) {
	for _, c := range []struct {
		policy, jurisdiction, country string
		region, site                  Status
	}{
		{"au.strategic", "AU", "AU", Met, Met},
		{"au.strategic", "AU", "SG", Met, NotMet},
		{"au.strategic", "JP", "JP", NotMet, NotMet},
		{"au.strategic", "AU", "NZ", Met, NotMet},
		{"au.shared", "AU", "NZ", Met, NotMet}, // the policy lists NZ, the region is AU's
		{"au.shared", "NZ", "NZ", Met, Met},
		{"eu.baseline", "EU", "DE", Met, Met},
		{"eu.baseline", "DE", "DE", Met, Met},
		{"eu.baseline", "EU", "CH", Met, NotMet},
		{"eu.baseline", "DE", "FR", Met, NotMet},
		{"none", "AU", "AU", NotAssessed, NotAssessed},
	} {
		fs := Check(Facts{Design: design(c.policy, c.jurisdiction, c.country, nil)}, profiles(), today)
		if r, s := found(fs, "place.match", "region.r"), found(fs, "place.match", "site.s"); r != c.region ||
			s != c.site {
			t.Errorf("%s, region %s, site %s: got %s, %s; want %s, %s", c.policy, c.jurisdiction, c.country, r, s,
				c.region, c.site)
		}
	}
}

func TestEndpoints(t *testing.T) {
	for _, c := range []struct {
		policy, role, endpoint string
		want                   Status
	}{
		{"au.strategic", "registry", "https://registry.bne1.example", Met},
		{"au.strategic", "registry", "https://registry.us-west-2.example", NotMet},
		{"au.strategic", "registry", "https://REGISTRY.US-WEST-2.EXAMPLE.:443/v2/", NotMet},
		{"au.strategic", "registry", "https://bucket.s3-us-east-1.store.example", NotMet},
		{"au.strategic", "registry", "https://s3.ap-southeast-2.store.example", Met},
		{"au.strategic", "registry", "https://s3.ap-southeast-1.store.example", NotMet},
		{"au.strategic", "registry", "https://australiaeast.store.example", Met},
		{"au.strategic", "registry", "https://japaneast.store.example", NotMet},
		{"au.strategic", "registry", "https://us-central1-docker.pkg.dev", NotMet},
		{"au.strategic", "registry", "https://australia-southeast1.run.example", Met},
		{"au.strategic", "registry", "https://registry.example.jp", NotMet},
		{"au.strategic", "registry", "https://registry.example.com.au", Met},
		{"au.strategic", "registry", "https://registry.example.co.uk", NotMet},
		{"au.strategic", "registry", "https://registry.example.eu", NotMet},
		{"au.strategic", "registry", "https://registry.example.io", Met}, // says nothing
		{"au.strategic", "registry", "https://nvcr.io", NotMet},
		{"au.strategic", "registry", "https://myquay.io", Met},
		{"au.strategic", "verifier", "https://ocsp.ndis.nvidia.com", NotMet},
		{"au.strategic", "ntp", "10.99.0.1", Met},
		{"au.strategic", "ntp", "198.51.100.7:123", Met},
		{"au.strategic", "ntp", "203.0.113.7", NotAssessed},
		{"au.strategic", "ntp", "[2001:db8::1]:123", NotAssessed},
		{"au.strategic", "ntp", "fd00::1", Met},
		{"au.strategic", "ntp", "localhost", Met},
		{"au.shared", "registry", "https://mirror.example.sg", Met}, // artifacts may be in SG
		{"au.shared", "kms", "https://kms.example.sg", NotMet},      // keys may not
		{"au.shared", "telemetry", "https://otlp.example.nz", NotMet},
		{"eu.baseline", "registry", "https://registry.example.de", Met},
		{"eu.baseline", "registry", "https://registry.example.eu", Met},
		{"eu.baseline", "registry", "https://registry.example.ch", NotMet},
	} {
		country := map[string]string{"eu.baseline": "DE"}[c.policy]
		if country == "" {
			country = "AU"
		}
		d := design(c.policy, country, country, map[string][]string{c.role: {c.endpoint}})
		if got := found(Check(Facts{Design: d}, profiles(), today), "endpoint.closed", "site.s"); got != c.want {
			t.Errorf("%s %s %s: got %s, want %s", c.policy, c.role, c.endpoint, got, c.want)
		}
	}
}

func TestClosedList(t *testing.T) {
	d := design("au.strategic", "AU", "AU", map[string][]string{"artifacts": {"https://mirror.example:8443"}})
	add := func(name, image string) {
		d.Nodes = append(d.Nodes, rack.Node{Address: rack.Address("node." + name), Name: name, Rack: "rack.a",
			Media: &rack.MediaSpec{Image: image, OS: "os.o"}})
	}
	add("good", "https://mirror.example:8443/images/x.iso")
	add("other", "https://elsewhere.example/x.iso")
	add("in", "http://10.20.9.4/x.iso")
	add("out", "http://10.20.99.4/x.iso")
	for name, addr := range map[string]string{"in": "10.20.8.40", "out": "172.16.0.1"} {
		d.Unplanned = append(d.Unplanned, rack.Element{Kind: "storage", Address: rack.Address("storage." + name),
			Values: json.RawMessage(fmt.Sprintf(`{"at":{"address":%q}}`, addr))})
	}
	fs := Check(Facts{Design: d}, profiles(), today)
	for a, want := range map[rack.Address]Status{"node.good": Met, "node.other": NotMet, "node.in": Met,
		"node.out":   NotMet,
		"storage.in": Met, "storage.out": NotMet} {
		if got := found(fs, "endpoint.closed", a); got != want {
			t.Errorf("%s: got %s, want %s", a, got, want)
		}
	}
	// Removing the facts never turns a finding to Met.
	d.Sites[0].Endpoints, d.Sites[0].Networks = nil, nil
	fs = Check(Facts{Design: d}, profiles(), today)
	for _, a := range []rack.Address{"node.good", "node.other", "node.in", "storage.in", "storage.out"} {
		if got := found(fs, "endpoint.closed", a); got != NotMet {
			t.Errorf("without a closed list, %s: got %s", a, got)
		}
	}
}

func TestWaivers(t *testing.T) {
	d := design("au.strategic", "AU", "SG", map[string][]string{"registry": {"https://registry.us-west-2.example"}})
	status := func(w rack.Waiver) (endpoint, place Status) {
		d.Waivers = []rack.Waiver{w}
		fs := Check(Facts{Design: d}, profiles(), today)
		return found(fs, "endpoint.closed", "site.s"), found(fs, "place.match", "site.s")
	}
	for _, c := range []struct {
		w               rack.Waiver
		endpoint, place Status
	}{
		{rack.Waiver{Rule: "endpoint.closed", Expires: "2026-12-01"}, Waived, NotMet},
		{rack.Waiver{Rule: "endpoint.closed", Expires: "2026-11-25"}, Waived, NotMet}, // its last day is today
		{rack.Waiver{Rule: "endpoint.closed", Expires: "2026-11-24"}, NotMet, NotMet},
		{rack.Waiver{Rule: "endpoint.closed", Expires: "never"}, NotMet, NotMet},
		{rack.Waiver{Rule: "endpoint.closed", Expires: "2026-12-01", Targets: []rack.Address{"site.other"}}, NotMet,
			NotMet},
		{rack.Waiver{Rule: "endpoint.closed", Expires: "2026-12-01", Targets: []rack.Address{"site.s"}}, Waived,
			NotMet},
		{rack.Waiver{Rule: "place.match", Expires: "2026-12-01"}, NotMet, NotMet}, // not waivable
	} {
		if e, p := status(c.w); e != c.endpoint || p != c.place {
			t.Errorf("%+v: got %s, %s; want %s, %s", c.w, e, p, c.endpoint, c.place)
		}
	}
	// A waived finding is said, as a warning that names the waiver.
	d.Waivers = []rack.Waiver{{Address: "waiver.w", Rule: "endpoint.closed", Expires: "2026-12-01"}}
	for _, x := range Diagnostics(Check(Facts{Design: d}, profiles(), today)) {
		if x.Rule == "endpoint.closed" && (x.Severity != diag.Warning || !strings.Contains(x.Detail,
			"Waived by waiver.w")) {
			t.Errorf("%+v", x)
		}
		if x.Rule == "place.match" && x.Severity != diag.Error {
			t.Errorf("%+v", x)
		}
	}
}

func TestReviewAndUnassessed(t *testing.T) {
	fs := Check(Facts{Design: design("eu.baseline", "EU", "DE", nil)}, profiles(), today)
	if got := found(fs, "catalog.fresh", "region.r"); got != NotMet {
		t.Errorf("a review of 328 days: %s", got)
	}
	if diags := Diagnostics(fs); diags.HasErrors() || len(diags) != 1 {
		t.Errorf("an old review is one warning: %v", diags)
	}
	fs = Check(Facts{Design: design("eu.baseline", "EU", "DE", nil)}, profiles(), time.Time{})
	if got := found(fs, "catalog.fresh", "region.r"); got != NotAssessed {
		t.Errorf("without a day: %s", got)
	}
	fs = Check(Facts{Design: design("au.strategic", "AU", "AU", nil)}, profiles(), today)
	if got := found(fs, "bmc.creds", "region.r"); got != NotAssessed || !slices.ContainsFunc(fs,
		func(f Finding) bool { return f.Rule == "bmc.creds" }) {
		t.Errorf("a rule that needs a survey: %s", got)
	}
	again := Check(Facts{Design: design("au.strategic", "AU", "AU", nil)}, profiles(), today)
	if diff := cmp.Diff(fs, again); diff != "" {
		t.Error(diff)
	}
	b, err := json.Marshal(fs)
	if err != nil || !strings.Contains(string(b), `"status":"not_assessed"`) {
		t.Errorf("%s %v", b, err)
	}
	var back []Finding
	if err := json.Unmarshal(b, &back); err != nil || cmp.Diff(fs, back) != "" {
		t.Errorf("%v\n%s", err, cmp.Diff(fs, back))
	}
}

const parentChild = `
policy "au" "base" {
  jurisdiction = "AU"
  serial       = 1
  reviewed     = "2026-11-01"
  reside {
    storage = ["AU", "NZ"]
    keys    = ["AU"]
  }
  erase "flash" {
    accept {
      method = "overwrite"
      passes = 2
      read_back = "full"
    }
    then = ["block"]
  }
  rule "bmc.creds" {
    severity   = "error"
    waivable   = false
    min_length = 30
    evidences  = ["ism-0383"]
  }
  rule "catalog.fresh" {
    severity = "warning"
    max_days = 90
  }
}
policy "au" "child" {
  extends = policies.au.base
  waiver_days = 30
  reside {
    storage = ["AU"]
    logs    = ["AU"]
  }
  erase "flash" {
    accept {
      method = "crypto"
    }
    accept {
      method    = "overwrite"
      passes    = 3
      read_back = "full"
    }
  }
  rule "bmc.creds" {
    severity = "warning"
    waivable = true
    min_length = 40
  }
  rule "catalog.fresh" { severity = "error" }
}
`

func TestExtendsOnlyTightens(t *testing.T) {
	list, diags := DecodeProfiles("p.hcl", []byte(parentChild))
	if len(diags) > 0 || len(list) != 2 {
		t.Fatalf("%v", diags)
	}
	in := map[string]Profile{}
	for _, p := range list {
		in[p.Key] = p
	}
	merged, diags := Merge(in)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	c := merged["au.child"]
	want := Profile{Jurisdiction: "AU", WaiverDays: 30, Reside: map[string][]string{"storage": {"AU"}, "keys": {"AU"},
		"logs": {"AU"}},
		Erase: []Erase{{Media: "flash", Accept: []EraseAccept{{Method: "overwrite", Passes: 3, ReadBack: "full"}}}},
		Rules: map[string]Rule{
			"bmc.creds": {Severity: "error", Evidences: []string{"ism-0383"},
				Params: map[string]any{"min_length": 40.0}},
			"catalog.fresh": {Severity: "error", Waivable: true, Params: map[string]any{"max_days": 90.0}}}}
	got := Profile{Jurisdiction: c.Jurisdiction, WaiverDays: c.WaiverDays, Reside: c.Reside, Erase: c.Erase,
		Rules: c.Rules}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for name, text := range map[string]string{
		"reside":       "policy \"au\" \"c\" {\n extends = policies.au.base\n reside { storage = [\"SG\"] }\n}",
		"jurisdiction": "policy \"au\" \"c\" {\n extends = policies.au.base\n jurisdiction = \"SG\"\n}",
		"unknown":      "policy \"au\" \"c\" {\n extends = policies.au.bas\n}",
		"itself":       "policy \"au\" \"c\" {\n extends = policies.au.c\n}",
	} {
		more, diags := DecodeProfiles("c.hcl", []byte(text))
		if len(more) != 1 || len(diags) > 0 {
			t.Fatalf("%s: %v", name, diags)
		}
		all := maps.Clone(in)
		for _, p := range more {
			all[p.Key] = p
		}
		if _, diags := Merge(all); !diags.HasErrors() {
			t.Errorf("%s: loosening passes", name)
		}
	}
}

func TestDecodeWrong(t *testing.T) {
	_, diags := DecodeProfiles("p.hcl", []byte(`
policy "au" {}
polcy "au" "x" {}
policy "au" "y" {
  jurisdiction = "AX1"
  extends      = "au.base"
  serial       = 1.5
  reviewed     = "yesterday"
  sumary       = "x"
  reside {
    storage = ["XX"]
    stroage = ["AU"]
  }
  rule "bmc.cred" {}
  rule "bmc.creds" {
    severity   = "fatal"
    min_lenght = 3
  }
  erase "volatile" { power_off = "ten" }
}
`))
	var got strings.Builder
	for _, d := range diags {
		fmt.Fprintf(&got, "%d %s %s\n", d.Subject.Start.Line, d.Summary, d.Detail)
	}
	for _, want := range []string{"2 Wrong labels", "3 Unknown block", "5 Unknown jurisdiction", "6 Wrong reference",
		"7 Wrong number", "8 Wrong date",
		`Did you mean "summary"?`, "11 Unknown jurisdiction", `Did you mean "storage"?`, `Did you mean "bmc.creds"?`,
		"16 Unknown severity",
		`Did you mean "min_length"?`, "19 Wrong duration"} {
		if !strings.Contains(got.String(), want) {
			t.Errorf("no %q in\n%s", want, got.String())
		}
	}
	for _, junk := range []string{"", "policy", "\x00", "policy \"a\" \"b\" { erase {} }",
		"policy \"a\" \"b\" { serial = null\n reside { keys = [null] } }"} {
		DecodeProfiles("j.hcl", []byte(junk))
	}
}

func TestHost(t *testing.T) {
	for in, want := range map[string]string{"https://A.example:8443/x": "a.example", "a.example:53": "a.example",
		"10.0.0.1":     "10.0.0.1",
		"10.0.0.1:123": "10.0.0.1", "[2001:db8::1]:443": "2001:db8::1", "2001:db8::1": "2001:db8::1",
		"https://[2001:db8::1]/": "2001:db8::1",
		"oci://reg.example/a/b":  "reg.example", "host/path": "host", "": ""} {
		if got := Host(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
