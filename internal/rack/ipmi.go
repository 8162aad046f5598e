package rack

import "github.com/metalwright/metalwright/internal/diag"

// IPMISpec lets IPMI 2.0 stand in where Redfish does not answer, for the power of the host and a reset of the BMC alone. It is in
// a Design only where it was asked for and no policy of the site forbids it.
type IPMISpec struct {
	Tool   string      `json:"tool"`           // path of ipmitool on the machine that runs Metalwright
	Port   int         `json:"port,omitempty"` // UDP; 0 = 623
	Origin diag.Origin `json:"origin,omitzero"`
}

// DefaultIPMITool is where Debian, Ubuntu and the Red Hat family put ipmitool.
const DefaultIPMITool = "/usr/bin/ipmitool"
