package rack

// SettingType is what a word of the vocabulary takes.
type SettingType string

// The types.
const (
	SettingBool    SettingType = "bool"
	SettingText    SettingType = "string"
	SettingWhole   SettingType = "whole number"
	SettingServers SettingType = "list of servers"
)

// SettingWord is one word of the vocabulary of manager settings: the same for every vendor.
type SettingWord struct {
	Name  string
	Type  SettingType
	Role  string // of a site's endpoints, where the value names servers
	Means string
	By    string // of a word that is not written: the word that brings it
}

// SettingWords is the vocabulary, in the order in which it is documented.
var SettingWords = []SettingWord{
	{Name: "ntp", Type: SettingServers, Role: "ntp", Means: "time servers, first asked first"},
	{Name: "ntp_enabled", Type: SettingBool, Means: "the clock follows them", By: "ntp"},
	{Name: "dns", Type: SettingServers, Role: "dns", Means: "name servers"},
	{Name: "dns_from_dhcp", Type: SettingBool, Means: "name servers of a DHCP lease are used instead", By: "dns"},
	{Name: "syslog", Type: SettingServers, Role: "syslog", Means: "receivers of its log"},
	{Name: "syslog_enabled", Type: SettingBool, Means: "its log is sent to them", By: "syslog"},
	{Name: "snmp", Type: SettingBool, Means: "the SNMP agent"},
	{Name: "ipmi_over_lan", Type: SettingBool, Means: "IPMI on the network"},
	{Name: "ssh", Type: SettingBool, Means: "the command line on the network"},
	{Name: "telnet", Type: SettingBool, Means: "the command line, unencrypted"},
	{Name: "http", Type: SettingBool, Means: "the port without TLS"},
	{Name: "web", Type: SettingBool, Means: "the web interface for people"},
	{Name: "kvm", Type: SettingBool, Means: "remote screen and keyboard"},
	{Name: "vnc", Type: SettingBool, Means: "remote screen by VNC"},
	{Name: "host_interface", Type: SettingBool, Means: "the network between host and controller"},
	{Name: "lockdown", Type: SettingBool, Means: "settings are closed until it is taken off"},
	{Name: "session_timeout_s", Type: SettingWhole, Means: "seconds after which an idle Redfish session ends"},
	{Name: "web_timeout_s", Type: SettingWhole, Means: "seconds after which an idle web session ends"},
	{Name: "max_sessions", Type: SettingWhole, Means: "web sessions at once"},
	{Name: "banner", Type: SettingText, Means: "text shown before a login"},
	{Name: "banner_enabled", Type: SettingBool, Means: "it is shown", By: "banner"},
	{Name: "asset_tag", Type: SettingText, Means: "the owner's number of the machine"},
	{Name: "locate", Type: SettingBool, Means: "the light by which a machine is found"},
	{Name: "location_rack", Type: SettingText, Means: "name of the rack", By: "location"},
	{Name: "location_row", Type: SettingText, Means: "position of the rack in its room", By: "location"},
	{Name: "location_u", Type: SettingWhole, Means: "lowest unit in the rack", By: "location"},
	{Name: "power_limit_w", Type: SettingWhole, Means: "watts that the machine may draw"},
	{Name: "power_limit_enabled", Type: SettingBool, Means: "the limit is kept", By: "power_limit_w"},
	{Name: "psu_redundancy", Type: SettingBool, Means: "power supplies back each other up"},
	{Name: "psu_hot_spare", Type: SettingBool, Means: "a supply that is not needed rests, and comes in when another fails"},
}

// SettingWordOf finds a word.
func SettingWordOf(name string) (SettingWord, bool) {
	for _, w := range SettingWords {
		if w.Name == name {
			return w, true
		}
	}
	return SettingWord{}, false
}
