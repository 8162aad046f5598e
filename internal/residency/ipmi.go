package residency

import (
	"fmt"

	"github.com/metalwright/metalwright/internal/rack"
)

// ruleIPMI is the rule that IPMI is held against; most of it, how passwords are made and kept, is judged elsewhere.
const ruleIPMI = "bmc.creds"

// ipmiPassword is the longest password that IPMI 2.0 takes, in bytes (§22.30).
const ipmiPassword = 20

// ipmi judges a node that has IPMI on. A profile that wants longer passwords than IPMI takes forbids it: the account of the BMC
// has one password for both.
func (c *checker) ipmi(n rack.Node, s rack.Site, p Profile) {
	if n.BMC.IPMI == nil {
		return
	}
	rule, ok := p.Rules[ruleIPMI]
	least, _ := rule.Params["min_length"].(float64)
	if !ok || least <= ipmiPassword {
		return
	}
	c.add(p, Finding{Rule: ruleIPMI, Address: n.Address, About: []rack.Address{s.Address}, Status: NotMet,
		Expected: fmt.Sprintf("BMC passwords of %.0f characters", least), Observed: "IPMI is on",
		Detail: fmt.Sprintf("IPMI 2.0 takes passwords of %d bytes at most, and policies.%s wants BMC passwords of %.0f characters: IPMI is not "+
			"used. Take ipmi out of the bmc block, or waive bmc.creds for this node.", ipmiPassword, p.Key, least),
		Origin: n.BMC.IPMI.Origin})
}

// IPMIForbidden lists the nodes for which a policy does not let IPMI be used, and no waiver does.
func IPMIForbidden(found []Finding) map[rack.Address]bool {
	out := map[rack.Address]bool{}
	for _, f := range found {
		if f.Rule == ruleIPMI && f.Status == NotMet {
			out[f.Address] = true
		}
	}
	return out
}
