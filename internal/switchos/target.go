package switchos

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// Target is one switch, with what of its configuration is ours: what the Design declares, and the members of those lists that it
// closes. Everything else on the switch is somebody else's and is left alone.
type Target struct {
	Config
	Address rack.Address
	Fabric  rack.Address
	Role    string // leaf, spine, management
	Unit    int
	Want    rack.ConfigTree
	closed  []closed
	sonic   bool
	about   map[string]string // what a port leads to, by name
	whole   rack.ConfigTree   // with what is rendered and cannot be pushed
	paths   map[string]bool   // of Want, and all that they lie below
}

// closed is a list that holds what is declared and nothing else: of these members, or of all.
type closed struct {
	at   string   // path of the list
	only []string // members that are ours to take out; nil = any
	of   string   // of a SONiC table: the port that a key begins with, in place of a member's name
}

// Targets gives every switch whose configuration follows from d, in the order of Render, and those without one.
func Targets(d rack.Design) ([]Target, []Skipped) {
	configs, skipped := Render(d)
	var out []Target
	for _, c := range configs {
		for _, f := range d.Fabrics {
			s, ok := f.Switch(c.Switch)
			if !ok {
				continue
			}
			out = append(out, newTarget(newView(d, f, s), c))
			break
		}
	}
	return out, skipped
}

func newTarget(v view, c Config) Target {
	want, err := Flatten(c.Body)
	if err != nil {
		panic(fmt.Sprintf("metalwright: internal error: %v. This is a bug in Metalwright.", err))
	}
	t := Target{Config: c, Address: v.Address, Fabric: v.fabric.Address, Role: v.Role, Unit: v.Unit, Want: want, whole: want,
		sonic: c.OS == "sonic", about: map[string]string{}}
	var ports []string
	for _, p := range v.ports {
		ports = append(ports, p.end.Port)
		t.about[p.end.Port] = p.far.Device
	}
	slices.Sort(ports)
	if t.sonic {
		t.Want = rack.ConfigTree{}
		for path, v := range t.whole {
			if !under(path, "BREAKOUT_CFG") { // a row of it splits nothing: only "config interface breakout" does
				t.Want[path] = v
			}
		}
	}
	t.paths = above(t.Want)
	for path := range t.Want {
		t.paths[path] = true
	}
	if t.sonic {
		t.ownSONiC(ports)
	} else {
		t.ownNVUE(ports)
	}
	return t
}

// above are the paths that something lies below.
func above(t rack.ConfigTree) map[string]bool {
	out := map[string]bool{}
	for path := range t {
		for i, c := range path {
			if c == ' ' {
				out[path[:i]] = true
			}
		}
	}
	return out
}

// ownNVUE closes lists: servers of each service that the site has, addresses of our ports and whether they are up, BGP neighbours on
// them.
func (t *Target) ownNVUE(ports []string) {
	for _, s := range []string{"ntp", "dns", "syslog"} {
		if at := "service " + s + " mgmt server"; t.declares(at) {
			t.closed = append(t.closed, closed{at: at})
		}
	}
	for _, p := range ports {
		t.closed = append(t.closed, closed{at: "interface " + p + " ip address"}, closed{at: "interface " + p + " link state"})
	}
	if t.Role != "management" {
		t.closed = append(t.closed, closed{at: "vrf default router bgp neighbor", only: ports})
	}
}

// ownSONiC closes the rows of our ports, and of the maps that bear our name.
func (t *Target) ownSONiC(ports []string) {
	for _, table := range []string{"NTP_SERVER", "DNS_NAMESERVER", "SYSLOG_SERVER"} {
		if t.declares(table) {
			t.closed = append(t.closed, closed{at: table})
		}
	}
	for _, table := range []string{"DSCP_TO_TC_MAP", "TC_TO_QUEUE_MAP", "TC_TO_PRIORITY_GROUP_MAP", "MAP_PFC_PRIORITY_TO_QUEUE"} {
		t.closed = append(t.closed, closed{at: table + " ROCE"})
	}
	for _, p := range ports {
		t.closed = append(t.closed, closed{at: "INTERFACE", of: p}, closed{at: "BGP_NEIGHBOR", of: "default|" + p},
			closed{at: "BGP_NEIGHBOR_AF", of: "default|" + p})
	}
}

// declares tells whether anything of the wanted tree stands at or below a path.
func (t Target) declares(path string) bool { return t.paths[path] }

func under(p, path string) bool { return p == path || strings.HasPrefix(p, path+" ") }

// Part is what of a whole configuration is ours.
type Part struct {
	Owned   rack.ConfigTree
	Foreign int
	NoPorts []string // wanted ports that the switch does not have
	Kept    []string // for people: what stays as it is though the design says another thing
}

// Part takes out of a whole configuration what is ours, so that it equals Want when the switch is as designed.
func (t Target) Part(all rack.ConfigTree) Part {
	p := Part{Owned: rack.ConfigTree{}}
	prefixes := above(all)
	ours := map[string]bool{}
	for path, want := range t.Want {
		have, ok := all[path]
		switch {
		case ok:
			p.Owned[path] = have
			ours[path] = true
		case bytes.Equal(want, there) && prefixes[path]: // it is there, with settings of somebody's
			p.Owned[path] = there
		}
	}
	for path := range all {
		if ours[path] {
			continue
		}
		member, mine := t.member(path)
		if !mine {
			p.Foreign++
			continue
		}
		p.Owned[member] = there
		if !prefixes[member] {
			p.Owned[member] = all[member]
		}
	}
	t.keepManagement(all, &p)
	if t.sonic {
		p.NoPorts = t.absent(all, prefixes)
	}
	return p
}

// member finds the member of a closed list that a path belongs to, when no such member is wanted.
func (t Target) member(path string) (string, bool) {
	for _, c := range t.closed {
		rest, ok := strings.CutPrefix(path, c.at+" ")
		if !ok {
			continue
		}
		key, _, _ := strings.Cut(rest, " ")
		switch {
		case c.only != nil && !slices.Contains(c.only, key):
			continue
		case c.of != "" && key != c.of && !strings.HasPrefix(key, c.of+"|"):
			continue
		}
		member := c.at + " " + key
		if !t.declares(member) {
			return member, true
		}
	}
	return "", false
}

// ethDHCP is the one setting by which a switch may be reached that the Design would change.
const ethDHCP = "interface eth0 ip address dhcp"

// keepManagement leaves a static address of eth0 alone: the switch was reached by it.
func (t Target) keepManagement(all rack.ConfigTree, p *Part) {
	if _, wanted := t.Want[ethDHCP]; !wanted || p.Owned[ethDHCP] != nil {
		return
	}
	for path := range all {
		if a, ok := strings.CutPrefix(path, "interface eth0 ip address "); ok {
			p.Owned[ethDHCP] = there
			a, _, _ = strings.Cut(a, " ")
			p.Kept = append(p.Kept, "eth0 has the address "+a+", and keeps it: the design says DHCP, and the switch may be reached by it")
		}
	}
	slices.Sort(p.Kept)
	p.Kept = slices.Compact(p.Kept)
}

// absent lists wanted ports that have no row in SONiC's table: a cage that is not split, or another platform.
func (t Target) absent(all rack.ConfigTree, prefixes map[string]bool) []string {
	var out []string
	for path := range t.Want {
		words := strings.Split(path, " ")
		row := "PORT " + words[min(1, len(words)-1)]
		if words[0] == "PORT" && all[row] == nil && !prefixes[row] {
			out = append(out, words[1])
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Split gives how a cage of SONiC has to be split by hand for a port to be there: "Ethernet0 2x400G"; empty = no split is designed.
func (t Target) Split() []string {
	var out []string
	for path, v := range t.whole {
		if cage, ok := strings.CutPrefix(path, "BREAKOUT_CFG "); ok {
			cage, _, _ = strings.Cut(cage, " ")
			out = append(out, cage+" "+strings.Trim(string(v), `"`))
		}
	}
	slices.Sort(out)
	return out
}

// Cuts lists those changes that may cut the way to this switch or, of a management switch, to what is behind it.
func (t Target) Cuts(changes []rack.ConfigChange) (own []string, behind []string) {
	for _, c := range changes {
		words := strings.Split(c.Path, " ")
		switch {
		case under(c.Path, "interface eth0"), under(c.Path, "vrf mgmt"), words[0] == "MGMT_VRF_CONFIG", words[0] == "MGMT_INTERFACE",
			words[0] == "MGMT_PORT":
			own = append(own, c.Path)
		case t.Role == "management" && len(words) > 2 && words[0] == "interface" && words[2] != "description" && t.about[words[1]] != "":
			behind = append(behind, t.about[words[1]])
		}
	}
	slices.Sort(behind)
	return own, slices.Compact(behind)
}

// Late lists those changes that SONiC takes into its database and acts on only after "config reload" or a restart.
func (t Target) Late(changes []rack.ConfigChange) []string {
	var out []string
	for _, c := range changes {
		if t.sonic && slices.Contains([]string{"DEVICE_METADATA localhost docker_routing_config_mode",
			"DEVICE_METADATA localhost frr_mgmt_framework_config", "DEVICE_METADATA localhost type"}, c.Path) {
			out = append(out, c.Path[strings.LastIndexByte(c.Path, ' ')+1:])
		}
	}
	return out
}
