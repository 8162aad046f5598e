package firmware_test

import (
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/firmware"
	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

// full holds every attribute that the language has.
const full = `baseline "x" "1" {
  serial  = 3
  expires = "2027-01-31T00:00:00Z"
  summary = "s"
  match {
    manufacturer = "ACME"
    model        = ["X1"]
    hardware     = ["x"]
  }
  trust {
    signers   = ["minisign:RWQ"]
    threshold = 1
  }
  component "bmc" {
    select {
      id = "^BMC$"
    }
    version {
      want    = "2.0"
      compare = "dotted"
      floor   = "1.0"
    }
    image {
      file       = "bmc.fwpkg"
      size_bytes = 10
      digest     = "sha256:` + zeros + `"
    }
    update {
      method     = "multipart"
      targets    = ["/redfish/v1/Managers/1"]
      apply      = "immediate"
      activation = "bmc_reset"
      timeout    = "20m"
      takes      = "90s"
    }
    hop "1.5" {
      when_below = "1.5"
    }
  }
  component "bios" {
    needs = { bmc = "2.0" }
    after = [component.bmc]
    select {
      name      = "ROM"
      read_from = "system.bios_version"
    }
    version {
      want = "7"
    }
    image {
      file               = "bios.fwpkg"
      size_bytes         = 11
      digest             = "sha256:` + zeros + `"
      reference_manifest = "x.corim"
    }
    update {
      activation  = "host_reset"
      keeps_nvram = false
      commit      = true
      force       = true
      requires {
        host_power = "off"
      }
    }
  }
  component "hgx" {
    select {
      software_id = "^0x0020$"
      all         = true
    }
    version {
      from_package = true
    }
    image {
      file       = "hgx.fwpkg"
      size_bytes = 12
      digest     = "sha256:` + zeros + `"
    }
    update {
      activation = "ac_cycle"
    }
  }
  no_merge = [[component.bmc, component.hgx]]
  rollback {
    allow = [component.bios]
    never = ["erot"]
  }
}
`

func TestDecodeBaseline(t *testing.T) {
	b, diags := firmware.DecodeBaseline("x.hcl", []byte(full))
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	digest := rack.Digest("sha256:" + zeros)
	want := rack.Baseline{Key: "x/1", Platform: "x", Version: "1", Serial: 3, Expires: "2027-01-31T00:00:00Z",
		Match: rack.BaselineMatch{Manufacturer: "ACME", Models: []string{"X1"}, Hardware: []string{"x"}},
		Components: []rack.BaselineComponent{
			{Name: "bmc", Select: rack.RowSelect{ID: "^BMC$"}, Want: "2.0", Compare: "dotted", Floor: "1.0",
				Image: rack.ImageRef{File: "bmc.fwpkg", SizeBytes: 10, Digest: digest}, Method: "multipart",
				Targets: []string{"/redfish/v1/Managers/1"}, Apply: "immediate", Reset: "bmc_reset", TimeS: 1200, FlashS: 90,
				Keeps: true},
			{Name: "bios", Select: rack.RowSelect{Name: "ROM", ReadFrom: "system.bios_version"}, Want: "7", Compare: "exact",
				Image: rack.ImageRef{File: "bios.fwpkg", SizeBytes: 11, Digest: digest}, Method: "auto", Apply: "on_reset",
				Reset: "host_reset", TimeS: 1800, Needs: map[string]string{"bmc": "2.0"}, After: []string{"bmc"}},
		},
		NoMerge: [][2]string{{"bmc", "hgx"}},
		NotActedOn: []string{"trust", "rollback", "component.bmc.hop", "component.bios.commit", "component.bios.force",
			"component.bios.requires", "reference_manifest", "component.hgx"},
		Digest: b.Digest}
	if d := gocmp.Diff(want, b); d != "" {
		t.Errorf("baseline (-want +got):\n%s", d)
	}
	if _, warnings := diags.Count(); warnings != len(want.NotActedOn) {
		t.Errorf("%d warnings for %d parts that are not acted on", warnings, len(want.NotActedOn))
	}
	for _, d := range diags {
		if d.Subject.IsZero() {
			t.Errorf("%s: %s has no position", d.Summary, d.Detail)
		}
	}
}

// TestDecodeBaselineMistakes makes one mistake at a time and holds what is said, and where.
func TestDecodeBaselineMistakes(t *testing.T) {
	for _, c := range []struct{ from, to, summary, detail string }{
		{`want    = "2.0"`, `wnat    = "2.0"`, "Unsupported argument", `Did you mean "want"?`},
		{`want    = "2.0"`, `want    = "N/A"`, "No version", ""},
		{`compare = "dotted"`, `compare = "doted"`, "Unknown word", `Did you mean "dotted"?`},
		{`floor   = "1.0"`, `floor   = "3.0"`, "Version below floor", "below its own floor 3.0"},
		{`floor   = "1.0"`, `floor   = "x-y"`, "Floor cannot be compared", ""},
		{`"bmc_reset"`, `"bmc_rset"`, "Unknown reset class", `Did you mean "bmc_reset"?`},
		{`[component.bmc]`, `[component.bmcs]`, "Unknown component", `Did you mean "bmc"?`},
		{`[component.bmc]`, `["bmc"]`, "Wrong reference", ""},
		{`{ bmc = "2.0" }`, `{ bms = "2.0" }`, "Unknown component", `Did you mean "bmc"?`},
		{`id = "^BMC$"`, `id = "("`, "Wrong pattern", ""},
		{`id = "^BMC$"`, ``, "Selector selects nothing", ""},
		{`"bmc.fwpkg"`, `"../bmc.fwpkg"`, "Wrong file name", ""},
		{`size_bytes = 10`, `size_bytes = 0`, "Wrong size", ""},
		{`"sha256:` + zeros, `"sha256:00`, "Wrong digest", ""},
		{`"20m"`, `"20 minutes"`, "Wrong duration", ""},
		{`"2027-01-31T00:00:00Z"`, `"next year"`, "Wrong date", ""},
		{`component "bios"`, `component "bmc"`, "Component twice", ""},
		{`[[component.bmc, component.hgx]]`, `[[component.bmc]]`, "Not a pair", ""},
		{`hardware     = ["x"]`, `hardwares    = ["x"]`, "Unsupported argument", `Did you mean "hardware"?`},
		{`    update {
      activation = "ac_cycle"
    }`, ``, "Missing block", "needs a update block"},
		{`  serial  = 3`, ``, "Missing required argument", ""},
		{`"system.bios_version"`, `"system.bios_versoin"`, "Unknown word", `Did you mean`},
	} {
		src := strings.Replace(full, c.from, c.to, 1)
		if src == full {
			t.Fatalf("%q is not in the baseline", c.from)
		}
		_, diags := firmware.DecodeBaseline("x.hcl", []byte(src))
		found := false
		for _, d := range diags {
			if d.Summary == c.summary && d.Severity == diag.Error && strings.Contains(d.Detail, c.detail) && d.Subject.Filename == "x.hcl" {
				found = true
			}
		}
		if !found {
			t.Errorf("%q for %q: want %q (%s), got %v", c.to, c.from, c.summary, c.detail, diags)
		}
	}
}

// TestDecodeBaselineTellsAll makes three mistakes in one file: all three are told.
func TestDecodeBaselineTellsAll(t *testing.T) {
	src := strings.NewReplacer(`"bmc_reset"`, `"soon"`, `"20m"`, `"soon"`, `"multipart"`, `"soon"`).Replace(full)
	_, diags := firmware.DecodeBaseline("x.hcl", []byte(src))
	if errs, _ := diags.Count(); errs != 3 {
		t.Errorf("%d errors, want 3: %v", errs, diags)
	}
}

func TestDecodeBaselineCycle(t *testing.T) {
	src := strings.Replace(full, `component "bmc" {`, "component \"bmc\" {\n    after = [component.bios]", 1)
	_, diags := firmware.DecodeBaseline("x.hcl", []byte(src))
	if !diags.HasErrors() || !strings.Contains(diags.Err().Error(), "Components wait for each other") {
		t.Errorf("a cycle gave %v", diags)
	}
}

func FuzzDecodeBaseline(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte(`baseline "a" "b" { no_merge = [1, [component]] }`))
	f.Fuzz(func(t *testing.T, src []byte) {
		b, diags := firmware.DecodeBaseline("x.hcl", src)
		if !diags.HasErrors() && (b.Key == "" || b.Digest == "") {
			t.Fatalf("no error, and no baseline: %+v", b)
		}
	})
}

func TestShippedBaselines(t *testing.T) {
	all, err := firmware.Baselines()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"dell_r750/2026.11", "sys_821ge_tnhr/2026.11", "dgx_h100/2026.11"} {
		b, ok := all[key]
		if !ok || len(b.Components) != 3 {
			t.Errorf("baseline %s has %d components, want 3", key, len(b.Components))
		}
	}
	if n := len(firmware.BaselineSources()); n != len(all) {
		t.Errorf("%d sources for %d baselines", n, len(all))
	}
}

func TestSimulatedName(t *testing.T) {
	hw, c, v, ok := firmware.ParseSimulatedName(firmware.SimulatedName("dell_r750", "bios", "1.13.2"))
	if !ok || hw != "dell_r750" || c != "bios" || v != "1.13.2" {
		t.Errorf("read back as %q %q %q, %v", hw, c, v, ok)
	}
	for _, s := range []string{"", "mwsim:a:b", "other:a:b:c", "mwsim:a::c", "mwsim:a:b:c:d"} {
		if _, _, _, ok := firmware.ParseSimulatedName(s); ok {
			t.Errorf("%q was taken for an image of the simulator", s)
		}
	}
}
