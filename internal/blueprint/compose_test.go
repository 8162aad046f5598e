package blueprint

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/rack"
)

func declaredSite() DeclaredSite {
	return DeclaredSite{Name: "bne1", Region: "au-east", Jurisdiction: "AU", Country: "AU", Policy: "au.baseline",
		Endpoints: map[string][]string{"artifacts": {"https://mirror.bne1.example"}, "ntp": {"10.0.0.1"}}}
}

func resolveDeclared(t *testing.T, d Declared) (rack.Design, []string, Lines) {
	t.Helper()
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	files, lines := Compose(d)
	bp, diags := ParseDeclared(files)
	design, more := Resolve(bp, Options{Catalog: c, Now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)})
	var said []string
	for _, x := range append(diags, more...) {
		said = append(said, lines.Leaf(x.Subject.Filename, x.Subject.Start.Line)+": "+x.Summary)
	}
	return design, said, lines
}

// What is declared resolves to the same node as the same thing written by hand.
func TestDeclaredIsWritten(t *testing.T) {
	body := map[string]any{
		"power": "On",
		"bmc":   map[string]any{"ntp": []any{"10.0.0.1"}},
		"bios": map[string]any{"profile": "virtualisation", "attributes": map[string]any{"AcPwrRcvry": "Last", "A${b}": `q"\%{x}`,
			"Number": json.Number("3")}},
		"boot":  map[string]any{"order": []any{"Hdd", "Pxe"}},
		"disks": map[string]any{"volume": map[string]any{"boot": map[string]any{"raid": "RAID1", "drives": map[string]any{"count": 2}}}},
		"nics":  map[string]any{"port": map[string]any{"slot 3/p1": map[string]any{"link": "infiniband"}}},
	}
	got, said, _ := resolveDeclared(t, Declared{Name: "terraform", Site: declaredSite(), Nodes: []DeclaredNode{{Name: "n1.x",
		Hardware: "server.dell_r750", Rack: "a 01", PositionU: 3, Username: "admin", Credential: "env:P", Baseline: "dell_r750@2026.11", Body: body}}})
	if len(said) > 0 {
		t.Fatalf("diagnostics %q", said)
	}
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	bp, diags := Parse(map[string][]byte{"main.mw.hcl": []byte(`
blueprint { name = "terraform" }
region "au-east" {
  jurisdiction = "AU"
  policy       = policies.au.baseline
}
site "bne1" {
  region  = region.au-east
  country = "AU"
  endpoints {
    artifacts = "https://mirror.bne1.example"
    ntp       = ["10.0.0.1"]
  }
}
rack "_a_01_140b3f53" {
  site  = site.bne1
  model = hw.rack.eia_48u
}
node "_n1_x_8acd20a9" {
  for_each = toset(["n1.x"])
  hardware = hw.server.dell_r750
  at       = { rack = rack._a_01_140b3f53, u = 3 }
  power    = "On"
  bmc {
    username   = "admin"
    credential = secret("env:P")
    ntp        = ["10.0.0.1"]
  }
  bios {
    profile    = hw.server.dell_r750.bios.virtualisation
    attributes = { AcPwrRcvry = "Last", "A$${b}" = "q\"\\%%{x}", Number = 3 }
  }
  boot { order = ["Hdd", "Pxe"] }
  disks {
    volume "boot" {
      raid = "RAID1"
      drives { count = 2 }
    }
  }
  nics {
    port "slot 3/p1" { link = "infiniband" }
  }
}
firmware "_n1_x_8acd20a9" {
  targets  = node._n1_x_8acd20a9
  baseline = fw.dell_r750["2026.11"]
}
`)})
	want, more := Resolve(bp, Options{Catalog: c, Now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)})
	if all := append(diags, more...); all.HasErrors() {
		t.Fatal(all)
	}
	if diff := cmp.Diff(bare(t, want.Nodes[0]), bare(t, got.Nodes[0])); diff != "" {
		t.Errorf("node (-written +declared):\n%s", diff)
	}
}

// bare is a node without the places that it was written at.
func bare(t *testing.T, n rack.Node) any {
	t.Helper()
	raw, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	dropOrigins(out)
	return out
}

func dropOrigins(v any) {
	switch x := v.(type) {
	case map[string]any:
		delete(x, "origin")
		for _, e := range x {
			dropOrigins(e)
		}
	case []any:
		for _, e := range x {
			dropOrigins(e)
		}
	}
}

// A node of which nothing but its name is known can be declared; the mistakes in what is declared name the leaf.
func TestDeclaredMistakes(t *testing.T) {
	for name, test := range map[string]struct {
		site func(*DeclaredSite)
		node DeclaredNode
		want string // in one diagnostic; empty = none
	}{
		"bare":             {node: DeclaredNode{Name: "n1"}},
		"attributes alone": {node: DeclaredNode{Name: "n1", Body: map[string]any{"bios": map[string]any{"attributes": map[string]any{"X": "1"}}}}},
		"portable profile": {node: DeclaredNode{Name: "n1", Body: map[string]any{"bios": map[string]any{"profile": "training"}}}},
		"profile of a platform, hardware unknown": {node: DeclaredNode{Name: "n1", Body: map[string]any{"bios": map[string]any{"profile": "nonsense"}}},
			want: "n1/bios.profile: Hardware not known"},
		"unknown hardware":        {node: DeclaredNode{Name: "n1", Hardware: "server.dell_r751"}, want: "n1/hardware: Unknown reference"},
		"hardware that is no key": {node: DeclaredNode{Name: "n1", Hardware: "a b\"${x}"}, want: "n1/hardware: Wrong reference"},
		"unknown baseline":        {node: DeclaredNode{Name: "n1", Baseline: "dell_r750@1"}, want: "n1/firmware.baseline: "},
		"unknown RAID": {node: DeclaredNode{Name: "n1", Body: map[string]any{"disks": map[string]any{"volume": map[string]any{
			"boot": map[string]any{"raid": "RAID7", "drives": map[string]any{"count": 2}}}}}}, want: `n1/disks.volume["boot"].raid: `},
		"attribute of a wrong type": {node: DeclaredNode{Name: "n1", Body: map[string]any{"bios": map[string]any{
			"attributes": map[string]any{"X": []any{"a"}}}}}, want: `n1/bios.attributes["X"]: Wrong type`},
		"unknown policy":       {site: func(s *DeclaredSite) { s.Policy = "au.none" }, node: DeclaredNode{Name: "n1"}, want: "site/policy: "},
		"foreign jurisdiction": {site: func(s *DeclaredSite) { s.Country = "JP" }, node: DeclaredNode{Name: "n1"}, want: "site/"},
		"name that is none":    {node: DeclaredNode{Name: "n/1"}, want: "Invalid node name"},
	} {
		t.Run(name, func(t *testing.T) {
			s := declaredSite()
			if test.site != nil {
				test.site(&s)
			}
			_, said, _ := resolveDeclared(t, Declared{Name: "terraform", Site: s, Nodes: []DeclaredNode{test.node}})
			if test.want == "" && len(said) > 0 {
				t.Errorf("said %q, want nothing", said)
			}
			if !strings.Contains(strings.Join(said, "\n"), test.want) {
				t.Errorf("said %q, want %q", said, test.want)
			}
		})
	}
}
