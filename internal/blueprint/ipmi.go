package blueprint

import (
	"path"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// ipmiSpec is the block bmc { ipmi { … } }.
var ipmiSpec = object(list{"enabled"}, "path", "port")

// The lengths that IPMI 2.0 has room for, in bytes (§22.28, §22.30).
const (
	ipmiPassword = 20
	ipmiUser     = 16
)

// ipmi reads the block; nil when it is off. b is the bmc block that it stands in, as read so far.
func (rd *reader) ipmi(b rack.BMCSpec) *rack.IPMISpec {
	on, _ := rd.boolean("enabled", "enabled")
	e := &rack.IPMISpec{Tool: rack.DefaultIPMITool, Origin: diag.At(rd.rng)}
	if s, ok := rd.str("path", "tool"); ok {
		e.Tool = s
		if !path.IsAbs(s) {
			rd.errorf(rd.at("path"), "Wrong path", "%q is no absolute path: ipmitool is never looked for on PATH.", s)
		}
	}
	e.Port, _ = rd.whole("port", "port", 1, 65535)
	if !on {
		return nil
	}
	if len(b.Username) > ipmiUser {
		rd.errorf(rd.rng, "Too long for IPMI", "IPMI 2.0 takes a user name of %d bytes at most, and %q has %d.", ipmiUser, b.Username, len(b.Username))
	}
	if b.Account != nil && b.Account.Length > ipmiPassword {
		rd.errorf(rd.rng, "Too long for IPMI", "IPMI 2.0 takes a password of %d bytes at most, and account { length = %d } asks for more.",
			ipmiPassword, b.Account.Length)
	}
	return e
}

// dropIPMI takes IPMI from the nodes whose policy does not let it be spoken: it wins over the blueprint, also where it only warns.
func (r *resolver) dropIPMI(forbidden map[rack.Address]bool) {
	for i := range r.design.Nodes {
		if n := &r.design.Nodes[i]; forbidden[n.Address] {
			n.BMC.IPMI = nil
		}
	}
}
