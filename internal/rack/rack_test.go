package rack_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

func origin(line int) diag.Origin {
	return diag.At(hcl.Range{Filename: "m", Start: hcl.Pos{Line: line, Column: 1}, End: hcl.Pos{Line: line, Column: 2}})
}

func sample(line int) rack.Design {
	return rack.Design{
		Format: rack.DesignFormat,
		Nodes: []rack.Node{{
			Address: `node.gpu["a"]`, Name: "a", Origin: origin(line),
			BIOS: &rack.BIOSSpec{Origin: origin(line), Attributes: map[string]rack.BIOSValue{
				"N": {Value: int64(1) << 60, Origin: origin(line)}, "S": {Value: "x"}, "B": {Value: true}}},
		}},
		Hardware: map[string]rack.Hardware{"server.x": {Key: "server.x", U: &rack.Number{Value: 8}}},
	}
}

func TestDigestIgnoresOrigins(t *testing.T) {
	a, b := sample(1), sample(99)
	b.Provenance = []rack.Provenance{{Path: "p", Origin: origin(3)}}
	if a.Digest() != b.Digest() {
		t.Error("a source position changed the digest")
	}
	b.Nodes[0].BIOS.Attributes["S"] = rack.BIOSValue{Value: "y"}
	if a.Digest() == b.Digest() {
		t.Error("a value did not change the digest")
	}
	if b.Nodes[0].Origin.Start.Line != 99 || b.Provenance == nil {
		t.Error("taking a digest changed the value")
	}
}

func TestDesignRoundTrip(t *testing.T) {
	want := sample(7)
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got rack.Design
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestObservationDigestIgnoresReadings(t *testing.T) {
	w := 5.0
	a := rack.Observation{Devices: []rack.Device{{Address: "x", Power: []rack.PowerUnit{{OutputWatts: &w}}, Stats: rack.Stats{Requests: 3}}}}
	b := rack.Observation{Devices: []rack.Device{{Address: "x"}}}
	if a.Digest() != b.Digest() {
		t.Error("a live reading changed the digest")
	}
	if a.Devices[0].Power == nil {
		t.Error("taking a digest changed the observation")
	}
	b.Devices[0].BMC.FirmwareVersion = "2"
	if a.Digest() == b.Digest() {
		t.Error("a version did not change the digest")
	}
}

func TestNormal(t *testing.T) {
	for in, want := range map[any]any{
		json.Number("18446744073709551615"): 1.8446744073709552e19, json.Number("3"): int64(3), json.Number("1.5"): 1.5, "s": "s", 4: int64(4),
	} {
		if got := rack.Normal(in); got != want {
			t.Errorf("Normal(%v) = %v (%T), want %v", in, got, got, want)
		}
	}
}
