package inventory

import "github.com/metalwright/metalwright/internal/rack"

// The resources in which settings stand.
const (
	inProtocol    = "ManagerNetworkProtocol"
	inEthernet    = "EthernetInterface"
	inHost        = "HostInterface"
	inSession     = "SessionService"
	inManager     = "Manager"
	inChassis     = "Chassis"
	inControl     = "Control"
	inEnvironment = "EnvironmentMetrics"
	inPower       = "Power"
	inDell        = "DellAttributes of the iDRAC"
	inDellSystem  = "DellAttributes of the system"
	inHPETime     = "HpeiLODateTime"
	inHPESecurity = "HpeSecurityService"
	inSMCNTP      = "Supermicro NTP"
	inSMCSyslog   = "Supermicro Syslog"
	inSMCLock     = "Supermicro SysLockdown"
)

// SettingMapping is one place in which a word of the vocabulary may stand.
type SettingMapping struct {
	Word string
	In   string // the resource
	rack.SettingPlace
	Fixed bool // it is shown, and the vendor's registry says that it is read-only
}

// shownOnly is a place that is read and never written.
func shownOnly(m SettingMapping) SettingMapping {
	m.Fixed = true
	return m
}

// std is a property as a pointer.
func std(word, in, form string, slots ...[]string) SettingMapping {
	return SettingMapping{Word: word, In: in, SettingPlace: rack.SettingPlace{Slots: slots, Form: form}}
}

func words(word, in, on, off string, pointer ...string) SettingMapping {
	return SettingMapping{Word: word, In: in, SettingPlace: rack.SettingPlace{Slots: [][]string{pointer}, Form: "words", On: on, Off: off}}
}

// dell is an attribute of the iDRAC or of the system, which takes Enabled and Disabled.
func dell(word, in, name string) SettingMapping {
	return words(word, in, "Enabled", "Disabled", "Attributes", name)
}

func attrs(names ...string) [][]string {
	var out [][]string
	for _, n := range names {
		out = append(out, []string{"Attributes", n})
	}
	return out
}

func p(keys ...string) []string { return keys }

// hpeTime counts once the iLO has restarted: it says ConfigurationSettings: SomePendingReset until then.
func hpeTime() SettingMapping {
	m := std("ntp", inHPETime, "list", p("StaticNTPServers"))
	m.Reset, m.Flag = true, p("ConfigurationSettings")
	return m
}

// SettingMappings says where each word stands. Of several places of a word the first that a controller shows is used:
// DMTF's own before a vendor's (DSP0266; DSP2046), except where recorded trees show the vendor's alone to be writable.
// Places of vendors were read in recorded trees of an iDRAC9 6.00, iLO 6, Supermicro X13, XCC 2.83, DGX H100 and GB200.
var SettingMappings = []SettingMapping{
	std("ntp", inProtocol, "list", p("NTP", "NTPServers")),
	hpeTime(),
	std("ntp", inSMCNTP, "list", p("PrimaryNTPServer"), p("SecondaryNTPServer")),
	std("ntp", inDell, "list", attrs("NTPConfigGroup.1.NTP1", "NTPConfigGroup.1.NTP2", "NTPConfigGroup.1.NTP3")...),
	std("ntp_enabled", inProtocol, "bool", p("NTP", "ProtocolEnabled")),
	std("ntp_enabled", inSMCNTP, "bool", p("NTPEnable")),
	dell("ntp_enabled", inDell, "NTPConfigGroup.1.NTPEnable"),

	std("dns", inDell, "list", attrs("IPv4Static.1.DNS1", "IPv4Static.1.DNS2")...),
	std("dns", inEthernet, "list", p("StaticNameServers")),
	std("dns", inEthernet, "list", p("Oem", "Hpe", "IPv4", "DNSServers")),
	dell("dns_from_dhcp", inDell, "IPv4Static.1.DNSFromDHCP"),
	std("dns_from_dhcp", inEthernet, "bool", p("DHCPv4", "UseDNSServers")),

	std("syslog", inDell, "list", attrs("SysLog.1.Server1", "SysLog.1.Server2", "SysLog.1.Server3")...),
	std("syslog", inProtocol, "one", p("Oem", "Hpe", "RemoteSyslogServer")),
	std("syslog", inProtocol, "one", p("Oem", "Nvidia", "Rsyslog", "Address")),
	std("syslog", inSMCSyslog, "one", p("SyslogServer")),
	dell("syslog_enabled", inDell, "SysLog.1.SysLogEnable"),
	std("syslog_enabled", inProtocol, "bool", p("Oem", "Hpe", "RemoteSyslogEnabled")),
	words("syslog_enabled", inProtocol, "Enabled", "Disabled", "Oem", "Nvidia", "Rsyslog", "State"),
	std("syslog_enabled", inSMCSyslog, "bool", p("EnableSyslog")),

	std("snmp", inProtocol, "bool", p("SNMP", "ProtocolEnabled")),
	std("ipmi_over_lan", inProtocol, "bool", p("IPMI", "ProtocolEnabled")),
	dell("ipmi_over_lan", inDell, "IPMILan.1.Enable"),
	std("ssh", inProtocol, "bool", p("SSH", "ProtocolEnabled")),
	std("telnet", inProtocol, "bool", p("Telnet", "ProtocolEnabled")),
	std("http", inProtocol, "bool", p("HTTP", "ProtocolEnabled")),
	dell("web", inDell, "WebServer.1.Enable"),
	std("web", inManager, "bool", p("Oem", "Hpe", "WebGuiEnabled")),
	std("web", inProtocol, "bool", p("Oem", "Lenovo", "WebOverHTTPS", "ProtocolEnabled")),
	std("kvm", inProtocol, "bool", p("KVMIP", "ProtocolEnabled")),
	std("vnc", inProtocol, "bool", p("RFB", "ProtocolEnabled")),
	dell("vnc", inDell, "VNCServer.1.Enable"),
	std("host_interface", inHost, "bool", p("InterfaceEnabled")),
	dell("lockdown", inDell, "Lockdown.1.SystemLockdown"),
	std("lockdown", inSMCLock, "bool", p("SysLockdownEnabled")),
	std("session_timeout_s", inSession, "whole", p("SessionTimeout")),
	std("web_timeout_s", inDell, "whole", attrs("WebServer.1.Timeout")...),
	shownOnly(std("max_sessions", inDell, "whole", attrs("WebServer.1.MaxNumberOfSessions")...)),
	std("banner", inDell, "text", attrs("GUI.1.SecurityPolicyMessage")...),
	std("banner", inHPESecurity, "text", p("LoginSecurityBanner", "SecurityMessage")),
	std("banner_enabled", inHPESecurity, "bool", p("LoginSecurityBanner", "IsEnabled")),

	std("asset_tag", inChassis, "text", p("AssetTag")),
	std("locate", inChassis, "bool", p("LocationIndicatorActive")),
	words("locate", inChassis, "Lit", "Off", "IndicatorLED"),
	std("location_rack", inChassis, "text", p("Location", "Placement", "Rack")),
	std("location_rack", inDellSystem, "text", attrs("ServerTopology.1.RackName")...),
	std("location_row", inChassis, "text", p("Location", "Placement", "Row")),
	std("location_u", inChassis, "whole", p("Location", "Placement", "RackOffset")),
	std("location_u", inDellSystem, "whole", attrs("ServerTopology.1.RackSlot")...),

	std("power_limit_w", inDellSystem, "whole", attrs("ServerPwr.1.PowerCapValue")...),
	std("power_limit_w", inControl, "whole", p("SetPoint")),
	std("power_limit_w", inEnvironment, "whole", p("PowerLimitWatts", "SetPoint")),
	std("power_limit_w", inPower, "whole", p("PowerControl", "0", "PowerLimit", "LimitInWatts")),
	dell("power_limit_enabled", inDellSystem, "ServerPwr.1.PowerCapSetting"),
	words("power_limit_enabled", inControl, "Automatic", "Disabled", "ControlMode"),
	words("power_limit_enabled", inEnvironment, "Automatic", "Disabled", "PowerLimitWatts", "ControlMode"),
	words("psu_redundancy", inDellSystem, "A/B Grid Redundant", "Not Redundant", "Attributes", "ServerPwr.1.PSRedPolicy"),
	std("psu_redundancy", inPower, "bool", p("Redundancy", "0", "RedundancyEnabled")), // writable by its schema (Redundancy.v1); an XCC shows it
	dell("psu_hot_spare", inDellSystem, "ServerPwr.1.PSRapidOn"),                      // "exactly same as Hotspare", says its registry
}
