package switchos

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// FRR gives the routing part of a rendered configuration in the words of FRRouting, which is what routes on both systems: addresses,
// BGP and its neighbours. It is made from what NVUE or SONiC is to be told and from nothing else, so that what runs in FRR shows what
// the rendered configuration says. Ports, RoCE and servers have no words there. A management switch routes nothing: "".
func FRR(c Config) (string, error) {
	t, err := Flatten(c.Body)
	if err != nil {
		return "", err
	}
	f := frr{tree: t, addresses: map[string][]string{}}
	if c.OS == "sonic" {
		f.fromSONiC()
	} else {
		f.fromNVUE()
	}
	if f.asn == "" {
		return "", nil
	}
	if f.id == "" || len(f.neighbours) == 0 {
		return "", fmt.Errorf("the configuration of %s has an AS number and no router id or no neighbour", c.Switch)
	}
	return f.text(), nil
}

// frr is what FRR has to know.
type frr struct {
	tree       rack.ConfigTree
	host       string
	asn, id    string
	paths      string
	relax      bool // routes over different AS paths share the load
	connected  bool // redistributed
	addresses  map[string][]string
	neighbours []string // interfaces
}

func (f *frr) word(path string) string { return strings.Trim(string(f.tree[path]), `"`) }

// each calls do with the words of every path below one, and its value.
func (f *frr) each(at string, do func(words []string, value json.RawMessage)) {
	for _, path := range sorted(f.tree) {
		if rest, ok := strings.CutPrefix(path, at+" "); ok {
			do(strings.Split(rest, " "), f.tree[path])
		}
	}
}

func (f *frr) fromNVUE() {
	const bgp = "vrf default router bgp "
	f.host, f.asn, f.id = f.word("system hostname"), f.word("router bgp autonomous-system"), f.word("router bgp router-id")
	f.paths = f.word(bgp + "address-family ipv4-unicast multipaths ebgp")
	f.relax = f.word(bgp+"path-selection multipath aspath-ignore") == "on"
	f.connected = f.word(bgp+"address-family ipv4-unicast redistribute connected enable") == "on"
	f.each("interface", func(w []string, _ json.RawMessage) {
		if len(w) == 4 && w[1] == "ip" && w[2] == "address" && strings.Contains(w[3], "/") {
			f.addresses[w[0]] = append(f.addresses[w[0]], w[3])
		}
	})
	f.each(strings.TrimSpace(bgp)+" neighbor", func(w []string, v json.RawMessage) {
		if len(w) == 2 && w[1] == "type" && string(v) == `"unnumbered"` {
			f.neighbours = append(f.neighbours, w[0])
		}
	})
}

func (f *frr) fromSONiC() {
	f.host, f.asn, f.id = f.word("DEVICE_METADATA localhost hostname"), f.word("BGP_GLOBALS default local_asn"), f.word("BGP_GLOBALS default router_id")
	f.paths = f.word("BGP_GLOBALS_AF default|ipv4_unicast max_ebgp_paths")
	f.relax = f.word("BGP_GLOBALS default load_balance_mp_relax") == "true"
	_, f.connected = f.tree["ROUTE_REDISTRIBUTE default|connected|bgp|ipv4"]
	for _, table := range []string{"LOOPBACK_INTERFACE", "INTERFACE"} {
		f.each(table, func(w []string, _ json.RawMessage) {
			if port, address, ok := strings.Cut(w[0], "|"); ok {
				if table == "LOOPBACK_INTERFACE" {
					port = "lo"
				}
				f.addresses[port] = append(f.addresses[port], address)
			}
		})
	}
	f.each("BGP_NEIGHBOR", func(w []string, v json.RawMessage) {
		if port, ok := strings.CutPrefix(w[0], "default|"); ok && len(w) == 2 && w[1] == "peer_type" && string(v) == `"external"` {
			f.neighbours = append(f.neighbours, port)
		}
	})
}

func sorted(t rack.ConfigTree) []string {
	out := make([]string, 0, len(t))
	for path := range t {
		out = append(out, path)
	}
	slices.Sort(out)
	return out
}

func (f *frr) text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("frr defaults datacenter") // what NVUE and SONiC run with: no policy is needed to exchange routes
	line("hostname %s", f.host)
	var ports []string
	for p := range f.addresses {
		ports = append(ports, p)
	}
	slices.Sort(ports)
	for _, p := range ports {
		line("interface %s", p)
		for _, a := range f.addresses[p] {
			line(" ip address %s", a)
		}
		line("exit")
	}
	line("router bgp %s", f.asn)
	line(" bgp router-id %s", f.id)
	if f.relax {
		line(" bgp bestpath as-path multipath-relax")
	}
	for _, n := range f.neighbours {
		line(" neighbor %s interface remote-as external", n)
	}
	line(" address-family ipv4 unicast")
	if f.connected {
		line("  redistribute connected")
	}
	if f.paths != "" {
		line("  maximum-paths %s", f.paths)
	}
	line(" exit-address-family")
	line("exit")
	return b.String()
}
