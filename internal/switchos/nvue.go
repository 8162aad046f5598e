package switchos

import "strconv"

// nvue is the object that PATCH /nvue_v1/?rev=N takes, and that nv config patch reads: Cumulus Linux 5, in the words of NVUE 5.6 to 5.14.
//
// RoCE: "lossless" sets priority 3 with PFC and ECN, 6 for congestion notifications, and trust of DSCP (Cumulus Linux user guide,
// RDMA over Converged Ethernet).
func (v view) nvue() obj {
	o := obj{
		"system":  obj{"hostname": v.Name},
		"service": v.nvueServices(),
	}
	if v.Role == "management" {
		o["interface"], o["bridge"] = v.nvueAccess(), obj{"domain": obj{"br_default": obj{"type": "vlan-aware"}}}
		return o
	}
	interfaces, neighbours := v.nvueFabric()
	id := trimMask(v.Loopback)
	o["interface"] = interfaces
	o["qos"] = obj{"roce": obj{"enable": "on", "mode": "lossless"}}
	o["router"] = obj{"bgp": obj{"enable": "on", "autonomous-system": v.ASN, "router-id": id}}
	o["vrf"] = obj{"default": obj{"router": obj{"bgp": obj{
		"enable":   "on",
		"neighbor": neighbours,
		"address-family": obj{"ipv4-unicast": obj{"enable": "on", "redistribute": obj{"connected": obj{"enable": "on"}},
			"multipaths": obj{"ebgp": maxPaths}}},
		"path-selection": obj{"multipath": obj{"aspath-ignore": "on"}},
	}}}}
	return o
}

// maxPaths is how many equal ways a route may have: more than any leaf of the shipped designs has cables up.
const maxPaths = 128

// nvueServices are the site's own servers, reached through the management VRF.
func (v view) nvueServices() obj {
	o := obj{}
	for _, s := range []struct{ role, service string }{{"ntp", "ntp"}, {"dns", "dns"}, {"syslog", "syslog"}} {
		servers := obj{}
		for _, x := range v.servers(s.role) {
			servers[x[0]] = obj{}
			if n, err := strconv.Atoi(x[1]); err == nil && s.service == "syslog" {
				servers[x[0]] = obj{"port": n}
			}
		}
		if len(servers) > 0 {
			o[s.service] = obj{"mgmt": obj{"server": servers}}
		}
	}
	return o
}

// nvueFabric are the interfaces of a leaf or spine and its BGP neighbours: unnumbered between switches, a /31 to a host.
func (v view) nvueFabric() (interfaces, neighbours obj) {
	interfaces, neighbours = obj{
		"lo":   obj{"type": "loopback", "ip": obj{"address": obj{v.Loopback: obj{}}}},
		"eth0": obj{"type": "eth", "ip": obj{"vrf": "mgmt", "address": obj{"dhcp": obj{}}}},
	}, obj{}
	for _, p := range v.ports {
		i := obj{"type": "swp", "description": p.about(), "link": obj{"state": obj{"up": obj{}}, "mtu": mtu}}
		if p.end.Address != "" {
			i["ip"] = obj{"address": obj{p.end.Address: obj{}}}
		}
		interfaces[p.end.Port] = i
		if cage := "swp" + strconv.Itoa(p.end.Number); cage != p.end.Port {
			interfaces[cage] = obj{"type": "swp", "link": obj{"breakout": obj{strconv.Itoa(max(v.fabric.Planes, 2)) + "x": obj{}}}}
		}
		if p.far.Kind == "switch" {
			neighbours[p.end.Port] = obj{"type": "unnumbered", "remote-as": "external"}
		}
	}
	return interfaces, neighbours
}

// nvueAccess are the ports of a management switch: one bridge, its own address by DHCP.
func (v view) nvueAccess() obj {
	o := obj{"eth0": obj{"type": "eth", "ip": obj{"vrf": "mgmt", "address": obj{"dhcp": obj{}}}}}
	for _, p := range v.ports {
		o[p.end.Port] = obj{"type": "swp", "description": p.about(), "link": obj{"state": obj{"up": obj{}}},
			"bridge": obj{"domain": obj{"br_default": obj{}}}}
	}
	return o
}

func trimMask(s string) string {
	for i := range s {
		if s[i] == '/' {
			return s[:i]
		}
	}
	return s
}
