package plan

import "slices"

// RuleUnclaimed is the rule of the note on a node whose BMC has to be claimed before it is planned.
const RuleUnclaimed = "claim.first"

// unclaimed says of a node that was not read, because its BMC has to be claimed first, that it waits for that. Until then a BMC may
// show nothing but its accounts (R68), so nothing is planned on what it tells.
func (n *nodeBuild) unclaimed() bool {
	if !slices.Contains(n.o.Unclaimed, string(n.node.Address)) {
		return false
	}
	n.stopped = true
	n.report.Waiting = append(n.report.Waiting, Note{Address: n.node.Address, Node: n.node.Name, Rule: RuleUnclaimed,
		Summary: "Not claimed yet", Detail: "Its BMC still has the account that it left the factory with. What follows cannot be read before " +
			"it is claimed: metalwright apply asks for that first, metalwright rotate does it alone. Terraform's provider does not claim."})
	return true
}
