package switchos_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/fabric"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/switchos"
)

var update = flag.Bool("update", false, "write golden output back")

func shipped(t *testing.T, name string) rack.Design {
	t.Helper()
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	bp, _ := blueprint.Parse(c.Blueprints[name])
	d, diags := blueprint.Resolve(bp, blueprint.Options{Catalog: c, Now: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)})
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	return d
}

// TestGolden: a leaf and a management switch for NVUE, a spine for SONiC, byte for byte, whatever the order of the Design.
func TestGolden(t *testing.T) {
	d := shipped(t, "fabric-1rack")
	configs, skipped := switchos.Render(d)
	if len(configs) != 5 || len(skipped) != 0 {
		t.Fatalf("%d configurations, skipped %v", len(configs), skipped)
	}
	for _, c := range configs {
		if !slices.Contains([]string{"leaf1", "oob", "spine1"}, c.Switch) {
			continue
		}
		path := filepath.Join("testdata", c.File)
		if *update {
			if err := os.WriteFile(path, c.Body, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(c.Body)); diff != "" {
			t.Errorf("%s (-want +got), to accept it run the test with -update:\n%s", c.File, diff)
		}
	}
	slices.Reverse(d.Fabrics[0].Links)
	slices.Reverse(d.Racks)
	again, _ := switchos.Render(d)
	if diff := cmp.Diff(configs, again); diff != "" {
		t.Errorf("the order of the Design changes the bytes:\n%s", diff)
	}
}

func decode(t *testing.T, c switchos.Config) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(c.Body, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func at(o map[string]any, path ...string) map[string]any {
	for _, p := range path {
		next, ok := o[p].(map[string]any)
		if !ok {
			return nil
		}
		o = next
	}
	return o
}

// TestBothEnds: every cable between switches has a BGP neighbour at each end, no host has one, and no AS number stands twice but that
// of the spines.
func TestBothEnds(t *testing.T) {
	d := shipped(t, "fabric-1rack")
	configs, _ := switchos.Render(d)
	peers := map[string]map[string]any{}
	for _, c := range configs {
		peers[c.Switch] = at(decode(t, c), "vrf", "default", "router", "bgp", "neighbor")
		if c.OS == "sonic" {
			peers[c.Switch] = map[string]any{}
			for k, v := range at(decode(t, c), "BGP_NEIGHBOR") {
				peers[c.Switch][strings.TrimPrefix(k, "default|")] = v
			}
		}
	}
	for _, l := range d.Fabrics[0].Links {
		if l.Colour == "black" {
			continue
		}
		for _, e := range []rack.End{l.A, l.B} {
			if e.Kind != "switch" {
				continue
			}
			if got, want := peers[e.Device][e.Port] != nil, l.A.Kind == "switch"; got != want {
				t.Errorf("cable %s at %s %s: a BGP neighbour is %v, want %v", l.Label, e.Device, e.Port, got, want)
			}
		}
	}
	if len(peers["oob"]) > 0 {
		t.Errorf("the management switch speaks BGP with %v", peers["oob"])
	}
}

// TestClosedList: a switch knows the site's own servers and no others.
func TestClosedList(t *testing.T) {
	d := shipped(t, "fabric-1rack")
	configs, _ := switchos.Render(d)
	leaf, spine := decode(t, configs[0]), decode(t, configs[2])
	for what, got := range map[string]map[string]any{
		"ntp": at(leaf, "service", "ntp", "mgmt", "server"), "dns": at(leaf, "service", "dns", "mgmt", "server"),
		"NTP_SERVER": at(spine, "NTP_SERVER"), "DNS_NAMESERVER": at(spine, "DNS_NAMESERVER"),
	} {
		if len(got) != 2 || got["10.20.0.2"] == nil || got["10.20.0.3"] == nil {
			t.Errorf("%s is %v", what, got)
		}
	}
	if s := at(leaf, "service", "syslog", "mgmt", "server", "10.20.0.4"); s["port"] != float64(514) {
		t.Errorf("syslog of the leaf is %v", s)
	}
	d.Sites[0].Endpoints = nil
	for _, c := range must(switchos.Render(d)) {
		for _, bad := range []string{"ntp", "dns", "syslog", "NTP_SERVER"} {
			if strings.Contains(string(c.Body), `"`+bad+`"`) {
				t.Errorf("%s has %s without an endpoint of the site", c.Switch, bad)
			}
		}
	}
}

func must(c []switchos.Config, _ []switchos.Skipped) []switchos.Config { return c }

// TestTwoPlanes: cages of leaves are split, the spines' are whole, and RoCE is lossless on every port of SONiC.
func TestTwoPlanes(t *testing.T) {
	d := shipped(t, "fabric-1rack")
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"fabric.spectrumx800_su64", "switch.sn5600"} {
		d.Hardware[key] = c.Hardware[key]
	}
	f := rack.Fabric{Address: "fabric.x", Name: "x", Design: "fabric.spectrumx800_su64", Attach: d.Fabrics[0].Attach, Network: "big"}
	d.Sites[0].Networks = append(d.Sites[0].Networks, rack.Network{Name: "big", CIDR: "10.64.0.0/16"})
	d.Switches, d.Fabrics = nil, []rack.Fabric{f}
	fabric.Resolve(&d)
	for i := range d.Fabrics[0].Switches {
		d.Fabrics[0].Switches[i].OS = []string{"cumulus", "sonic"}[i%2]
	}
	configs, skipped := switchos.Render(d)
	if len(configs) != 24 || len(skipped) != 0 {
		t.Fatalf("%d configurations, skipped %v", len(configs), skipped)
	}
	leaf := decode(t, configs[0])
	if at(leaf, "interface", "swp1", "link", "breakout", "2x") == nil || at(leaf, "interface", "swp1s0", "ip", "address") == nil ||
		at(leaf, "interface", "swp33", "link", "breakout") != nil {
		t.Errorf("ports of the leaf are %v", at(leaf, "interface", "swp1"))
	}
	sonic := decode(t, configs[1])
	for port := range at(sonic, "PORT") {
		if at(sonic, "PORT_QOS_MAP", port)["pfc_enable"] != "3" || at(sonic, "QUEUE", port+"|3")["wred_profile"] != "ROCE" {
			t.Errorf("port %s is not lossless", port)
		}
	}
}

// TestSkipped: a switch without a configuration is named, with the reason.
func TestSkipped(t *testing.T) {
	_, skipped := switchos.Render(shipped(t, "hgx-b200-air-4rack"))
	if len(skipped) != 13 {
		t.Errorf("skipped are %v; 8 leaves, 4 spines and the management switch have no os", skipped)
	}
	d := shipped(t, "fabric-1rack")
	for i := range d.Fabrics[0].Switches {
		d.Fabrics[0].Switches[i].Loopback = ""
	}
	configs, skipped := switchos.Render(d)
	if len(configs) != 1 || len(skipped) != 4 || !strings.Contains(skipped[0].Reason, "network") {
		t.Errorf("without addresses: %d configurations, skipped %v", len(configs), skipped)
	}
}

// TestSONiCModels: no rendered table, field or word is one that SONiC's YANG models do not have, and the check sees one that is.
func TestSONiCModels(t *testing.T) {
	d := shipped(t, "fabric-1rack")
	targets, _ := switchos.Targets(d)
	seen := 0
	for _, x := range targets {
		if x.OS != "sonic" {
			continue
		}
		seen++
		all, err := switchos.Flatten(x.Body)
		if err != nil {
			t.Fatal(err)
		}
		if bad := switchos.UnknownSONiC(all); len(bad) > 0 {
			t.Errorf("%s: %s", x.Switch, strings.Join(bad, "\n"))
		}
		all["BGP_NEIGHBOR default|Ethernet0 admin_status"] = json.RawMessage(`"true"`)
		all["PORT Ethernet0 mtus"], all["QUEUES x y"] = json.RawMessage(`"1"`), json.RawMessage(`"1"`)
		if bad := switchos.UnknownSONiC(all); len(bad) != 3 {
			t.Errorf("a wrong word, field and table give %q", bad)
		}
	}
	if seen != 2 {
		t.Errorf("%d switches with SONiC, want 2", seen)
	}
}

// TestPart: what a switch has besides is not ours, what it lacks or has too much of is, and nothing differs when it is as wanted.
func TestPart(t *testing.T) {
	targets, _ := switchos.Targets(shipped(t, "fabric-1rack"))
	for _, x := range targets {
		all := maps.Clone(x.Want)
		foreign := map[string]string{"cumulus": "system timezone", "sonic": "PORT Ethernet0 lanes"}[x.OS]
		all[foreign] = json.RawMessage(`"x"`)
		part := x.Part(all)
		if diff := switchos.Diff(part.Owned, x.Want); len(diff) > 0 || part.Foreign != 1 {
			t.Errorf("%s as wanted: %d foreign, differs in %v", x.Switch, part.Foreign, diff)
		}
		for _, path := range []string{"vrf default router bgp neighbor swp1 type", "BGP_NEIGHBOR default|Ethernet504 peer_type"} {
			all[path] = json.RawMessage(`"x"`)
		}
		all["service ntp mgmt server 192.0.2.9"], all["NTP_SERVER 192.0.2.9"] = json.RawMessage(`{}`), json.RawMessage(`{}`)
		var out []string
		for _, c := range switchos.Diff(x.Part(all).Owned, x.Want) {
			if c.To != nil {
				t.Errorf("%s: %s changes to %s", x.Switch, c.Path, c.To)
			}
			out = append(out, c.Path)
		}
		want := []string{"service ntp mgmt server 192.0.2.9", "vrf default router bgp neighbor swp1"}
		switch {
		case x.OS == "sonic": // a neighbour on a port that the design does not use is somebody's
			want = []string{"NTP_SERVER 192.0.2.9"}
		case x.Role == "management":
			want = want[:1]
		}
		if !slices.Equal(out, want) {
			t.Errorf("%s: too much are %q, want %q", x.Switch, out, want)
		}
	}
}

// TestStaticManagement: a static address of eth0 stays, and is told.
func TestStaticManagement(t *testing.T) {
	targets, _ := switchos.Targets(shipped(t, "fabric-1rack"))
	x := targets[0]
	all := maps.Clone(x.Want)
	delete(all, "interface eth0 ip address dhcp")
	if part := x.Part(all); len(switchos.Diff(part.Owned, x.Want)) != 1 || len(part.Kept) != 0 {
		t.Errorf("without an address: %+v", part)
	}
	all["interface eth0 ip address 10.20.8.31/22"] = json.RawMessage(`{}`)
	if part := x.Part(all); len(switchos.Diff(part.Owned, x.Want)) != 0 || len(part.Kept) != 1 {
		t.Errorf("with a static address: kept %q, differs in %v", part.Kept, switchos.Diff(part.Owned, x.Want))
	}
}

// TestNested: a patch holds what changes, and null for what goes away.
func TestNested(t *testing.T) {
	got, err := json.Marshal(switchos.Nested([]rack.ConfigChange{
		{Path: "interface swp1 ip address 10.0.0.0/31", To: json.RawMessage(`{}`)},
		{Path: "interface swp1 ip address 10.0.0.2/31", From: json.RawMessage(`{}`)},
		{Path: "interface swp1 link mtu", From: json.RawMessage(`1500`), To: json.RawMessage(`9216`)},
	}))
	want := `{"interface":{"swp1":{"ip":{"address":{"10.0.0.0/31":{},"10.0.0.2/31":null}},"link":{"mtu":9216}}}}`
	if err != nil || string(got) != want {
		t.Errorf("patch %s, want %s (%v)", got, want, err)
	}
}
