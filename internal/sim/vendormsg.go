package sim

import (
	"fmt"
	"strings"
)

// vendorRegistry is a message registry of a vendor's own, which the BMC serves itself: DMTF has none of it.
type vendorRegistry struct {
	series   string // of the messages, in message.go
	member   string // under Registries
	registry string // prefix, major and minor version
	uri      string
	owner    string
}

var vendorMessages = map[string]vendorRegistry{
	dialectIDRAC: {"idrac", "Messages", "IDRAC.2.7", "/redfish/v1/Registries/Messages/EEMIRegistry", "Dell"},
	dialectILO:   {"ilo", "iLO", "iLO.2.26", "/redfish/v1/registrystore/registries/en/ilo", "Hewlett Packard Enterprise"},
}

// resource renders the messages that the simulator sends; the vendor's registry has many more.
func (v vendorRegistry) resource(d *dialect) obj {
	prefix, version, _ := strings.Cut(v.registry, ".")
	msgs := obj{}
	for key, t := range texts {
		if series[key] != v.series {
			continue
		}
		msgs[key] = obj{"Description": t.says, "Message": t.says, "Severity": t.severity, "MessageSeverity": t.severity,
			"NumberOfArgs": t.args(), "Resolution": t.advice}
	}
	return obj{"@odata.type": d.typ("MessageRegistry"), "Id": v.registry + ".0", "Name": v.member + " Message Registry", "Language": "en",
		"RegistryPrefix": prefix, "RegistryVersion": version + ".0", "OwningEntity": v.owner, "Messages": msgs}
}

// args is how many arguments a message takes.
func (t text) args() int {
	n := 0
	for strings.Contains(t.says, fmt.Sprintf("%%%d", n+1)) {
		n++
	}
	return n
}
