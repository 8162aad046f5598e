package switchos

import (
	"fmt"
	"strconv"
)

// The priorities that RoCE uses, as NVIDIA's switches take them by default: data on 3 (DSCP 26), congestion notifications on 6 (DSCP 48).
const (
	rocePriority = "3"
	cnpPriority  = "6"
	roceDSCP     = 26
	cnpDSCP      = 48
)

// ECN marks between these bytes of a queue: 150 and 1500 kB, the defaults of the same RoCE mode.
const (
	ecnMin = 150 * 1024
	ecnMax = 1500 * 1024
)

// sonic are tables for config_db.json, to be merged with the platform's own: lanes of ports, buffer pools and MACs are the platform's
// and are not written here. BGP is in the tables of FRR's management framework, which has unnumbered neighbours.
func (v view) sonic() obj {
	kind := map[string]string{"leaf": "LeafRouter", "spine": "SpineRouter"}[v.Role]
	id := trimMask(v.Loopback)
	o := obj{
		"DEVICE_METADATA": obj{"localhost": obj{"hostname": v.Name, "type": kind, "bgp_asn": strconv.FormatInt(v.ASN, 10),
			"docker_routing_config_mode": "unified", "frr_mgmt_framework_config": "true"}},
		"FEATURE":            obj{"lldp": obj{"state": "enabled"}},
		"MGMT_VRF_CONFIG":    obj{"vrf_global": obj{"mgmtVrfEnabled": "true"}},
		"LOOPBACK_INTERFACE": obj{"Loopback0": obj{}, "Loopback0|" + v.Loopback: obj{}},
		"BGP_GLOBALS": obj{"default": obj{"local_asn": strconv.FormatInt(v.ASN, 10), "router_id": id,
			"load_balance_mp_relax": "true"}},
		"BGP_GLOBALS_AF":     obj{"default|ipv4_unicast": obj{"max_ebgp_paths": strconv.Itoa(maxPaths)}},
		"ROUTE_REDISTRIBUTE": obj{"default|connected|bgp|ipv4": obj{}},
	}
	v.sonicPorts(o)
	v.sonicQoS(o)
	for _, t := range []struct{ role, table string }{{"ntp", "NTP_SERVER"}, {"dns", "DNS_NAMESERVER"}, {"syslog", "SYSLOG_SERVER"}} {
		rows := obj{}
		for _, x := range v.servers(t.role) {
			row := obj{}
			if t.role == "syslog" {
				row["vrf"] = "mgmt"
				if x[1] != "" {
					row["port"] = x[1]
				}
			}
			rows[x[0]] = row
		}
		if len(rows) > 0 {
			o[t.table] = rows
		}
	}
	if _, ok := o["NTP_SERVER"]; ok {
		o["NTP"] = obj{"global": obj{"vrf": "mgmt", "src_intf": "eth0"}}
	}
	return o
}

// sonicPorts are ports, addresses and BGP neighbours. Between switches a port has its link-local address only.
func (v view) sonicPorts(o obj) {
	ports, interfaces, neighbours, families, split := obj{}, obj{}, obj{}, obj{}, obj{}
	for _, p := range v.ports {
		ports[p.end.Port] = obj{"admin_status": "up", "mtu": strconv.Itoa(mtu), "description": p.about()}
		if p.end.Kind == "switch" && p.link.Plane > 0 && p.far.Kind == "node" {
			cage := fmt.Sprintf("Ethernet%d", (p.end.Number-1)*8)
			split[cage] = obj{"brkout_mode": fmt.Sprintf("%dx%s", v.fabric.Planes, p.link.Speed)}
		}
		if p.end.Address != "" {
			interfaces[p.end.Port] = obj{}
			interfaces[p.end.Port+"|"+p.end.Address] = obj{}
		}
		if p.far.Kind == "switch" {
			interfaces[p.end.Port] = obj{"ipv6_use_link_local_only": "enable"}
			neighbours["default|"+p.end.Port] = obj{"peer_type": "external", "admin_status": "up"}
			families["default|"+p.end.Port+"|ipv4_unicast"] = obj{"admin_status": "up"}
		}
	}
	o["PORT"], o["INTERFACE"] = ports, interfaces
	o["BGP_NEIGHBOR"], o["BGP_NEIGHBOR_AF"] = neighbours, families
	if len(split) > 0 {
		o["BREAKOUT_CFG"] = split
	}
}

// sonicQoS makes priority 3 lossless on every port: PFC, ECN, and the map from DSCP.
func (v view) sonicQoS(o obj) {
	dscp, tc, pfc := obj{}, obj{}, obj{rocePriority: rocePriority}
	for i := range 64 {
		dscp[strconv.Itoa(i)] = "0"
	}
	dscp[strconv.Itoa(roceDSCP)], dscp[strconv.Itoa(cnpDSCP)] = rocePriority, cnpPriority
	groups := obj{}
	for i := range 8 {
		tc[strconv.Itoa(i)] = strconv.Itoa(i)
		groups[strconv.Itoa(i)] = "0"
	}
	groups[rocePriority] = rocePriority
	o["DSCP_TO_TC_MAP"] = obj{"ROCE": dscp}
	o["TC_TO_QUEUE_MAP"] = obj{"ROCE": tc}
	o["TC_TO_PRIORITY_GROUP_MAP"] = obj{"ROCE": groups}
	o["MAP_PFC_PRIORITY_TO_QUEUE"] = obj{"ROCE": pfc}
	o["WRED_PROFILE"] = obj{"ROCE": obj{"ecn": "ecn_all", "wred_green_enable": "true", "green_min_threshold": strconv.Itoa(ecnMin),
		"green_max_threshold": strconv.Itoa(ecnMax), "green_drop_probability": "5"}}
	o["SCHEDULER"] = obj{"ROCE": obj{"type": "DWRR", "weight": "50"}, "CNP": obj{"type": "STRICT"}, "OTHER": obj{"type": "DWRR", "weight": "50"}}
	maps, queues := obj{}, obj{}
	for _, p := range v.ports {
		name := p.end.Port
		maps[name] = obj{"dscp_to_tc_map": "ROCE", "tc_to_queue_map": "ROCE", "tc_to_pg_map": "ROCE", "pfc_to_queue_map": "ROCE",
			"pfc_enable": rocePriority}
		queues[name+"|0"] = obj{"scheduler": "OTHER"}
		queues[name+"|"+rocePriority] = obj{"scheduler": "ROCE", "wred_profile": "ROCE"}
		queues[name+"|"+cnpPriority] = obj{"scheduler": "CNP"}
	}
	o["PORT_QOS_MAP"], o["QUEUE"] = maps, queues
}
