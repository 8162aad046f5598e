package switchos

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// sonicModel is one table of CONFIG_DB as far as it is used here: its fields, or that a row maps numbers to numbers.
type sonicModel struct {
	model  string   // the YANG model that has it
	fields []string // nil: rows have no field of ours
	maps   bool     // fields are numbers: a map of priorities, queues or code points
}

// sonicModels says which tables and fields SONiC's YANG models have (sonic-net/sonic-buildimage, src/sonic-yang-models/yang-models, read
// at the commits of November 2026): those that are rendered, and those beside them that a switch always has. It is what a switch holds a
// patch against, so a name that is not here is one that would be refused.
var sonicModels = map[string]sonicModel{
	"BGP_GLOBALS":     {model: "sonic-bgp-global", fields: []string{"local_asn", "router_id", "load_balance_mp_relax"}},
	"BGP_GLOBALS_AF":  {model: "sonic-bgp-global", fields: []string{"max_ebgp_paths"}},
	"BGP_NEIGHBOR":    {model: "sonic-bgp-neighbor, sonic-bgp-common", fields: []string{"peer_type", "admin_status"}},
	"BGP_NEIGHBOR_AF": {model: "sonic-bgp-neighbor, sonic-bgp-common", fields: []string{"admin_status"}},
	"BREAKOUT_CFG":    {model: "sonic-breakout_cfg", fields: []string{"brkout_mode"}},
	"DEVICE_METADATA": {model: "sonic-device_metadata", fields: []string{"hostname", "type", "bgp_asn", "docker_routing_config_mode",
		"frr_mgmt_framework_config", "hwsku", "platform", "mac"}},
	"DNS_NAMESERVER":            {model: "sonic-dns"},
	"DSCP_TO_TC_MAP":            {model: "sonic-dscp-tc-map", maps: true},
	"FEATURE":                   {model: "sonic-feature", fields: []string{"state", "auto_restart"}},
	"INTERFACE":                 {model: "sonic-interface", fields: []string{"ipv6_use_link_local_only", "vrf_name"}},
	"LOOPBACK_INTERFACE":        {model: "sonic-loopback-interface"},
	"MAP_PFC_PRIORITY_TO_QUEUE": {model: "sonic-pfc-priority-queue-map", maps: true},
	"MGMT_INTERFACE":            {model: "sonic-mgmt_interface", fields: []string{"gwaddr"}},
	"MGMT_VRF_CONFIG":           {model: "sonic-mgmt_vrf", fields: []string{"mgmtVrfEnabled"}},
	"NTP":                       {model: "sonic-ntp", fields: []string{"vrf", "src_intf"}},
	"NTP_SERVER":                {model: "sonic-ntp"},
	"PORT":                      {model: "sonic-port", fields: []string{"admin_status", "mtu", "description", "lanes", "alias", "index", "speed"}},
	"PORT_QOS_MAP": {model: "sonic-port-qos-map", fields: []string{"dscp_to_tc_map", "tc_to_queue_map", "tc_to_pg_map", "pfc_to_queue_map",
		"pfc_enable"}},
	"QUEUE":                    {model: "sonic-queue", fields: []string{"scheduler", "wred_profile"}},
	"ROUTE_REDISTRIBUTE":       {model: "sonic-route-common"},
	"SCHEDULER":                {model: "sonic-scheduler", fields: []string{"type", "weight"}},
	"SYSLOG_SERVER":            {model: "sonic-syslog", fields: []string{"vrf", "port"}},
	"TC_TO_PRIORITY_GROUP_MAP": {model: "sonic-tc-priority-group-map", maps: true},
	"TC_TO_QUEUE_MAP":          {model: "sonic-tc-queue-map", maps: true},
	"WRED_PROFILE": {model: "sonic-wred-profile", fields: []string{"ecn", "wred_green_enable", "green_min_threshold", "green_max_threshold",
		"green_drop_probability"}},
}

// sonicEnums are the fields whose values are words of an enumeration in those models.
var sonicEnums = map[string][]string{
	"BGP_NEIGHBOR admin_status": {"up", "down"}, "BGP_NEIGHBOR_AF admin_status": {"up", "down"}, "PORT admin_status": {"up", "down"},
	"BGP_NEIGHBOR peer_type": {"internal", "external"}, "INTERFACE ipv6_use_link_local_only": {"enable", "disable"},
	"SCHEDULER type": {"DWRR", "WRR", "STRICT"}, "MGMT_VRF_CONFIG mgmtVrfEnabled": {"true", "false"}, "NTP vrf": {"mgmt", "default"},
	"BGP_GLOBALS load_balance_mp_relax": {"true", "false"},
	"WRED_PROFILE ecn":                  {"ecn_none", "ecn_green", "ecn_yellow", "ecn_red", "ecn_green_yellow", "ecn_green_red", "ecn_yellow_red", "ecn_all"},
}

// UnknownSONiC lists what of a configuration the models do not have, sorted: an unknown table or field, or a word that is none of an
// enumeration.
func UnknownSONiC(t rack.ConfigTree) []string {
	var out []string
	for path, value := range t {
		words := strings.Split(path, " ")
		m, ok := sonicModels[words[0]]
		switch {
		case !ok:
			out = append(out, fmt.Sprintf("no model has a table %q", words[0]))
			continue
		case len(words) < 3 || m.maps && strings.Trim(words[2], "0123456789") == "":
			continue
		case !slices.Contains(m.fields, words[2]):
			out = append(out, fmt.Sprintf("%s of %s has no field %q", words[0], m.model, words[2]))
			continue
		}
		if allowed := sonicEnums[words[0]+" "+words[2]]; allowed != nil && !slices.Contains(allowed, strings.Trim(string(value), `"`)) {
			out = append(out, fmt.Sprintf("%s of %s is %s; it takes %s", path, m.model, value, strings.Join(allowed, ", ")))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
