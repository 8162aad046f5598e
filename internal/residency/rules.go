package residency

import (
	"maps"
	"slices"
)

// ruleSpec is what this package knows of a rule: its constant summary and the parameters that a profile may set.
type ruleSpec struct {
	summary string
	params  []string
	plan    bool // judged from the Design alone
}

// rules are all rules of the sovereignty design. Those that need more than a Design are NotAssessed here.
var rules = map[string]ruleSpec{
	"place.match":       {summary: "Jurisdictions do not agree", plan: true},
	"place.path":        {summary: "Path outside the jurisdiction", plan: true},
	"endpoint.closed":   {summary: "Endpoint outside the jurisdiction", params: []string{"allow_public"}, plan: true},
	"egress.deny":       {summary: "Egress is open", params: []string{"canaries"}},
	"mirror.inregion":   {summary: "Artifact from outside the region"},
	"telemetry.off":     {summary: "Telemetry is on"},
	"attest.local":      {summary: "Attestation asks outside the site"},
	"bmc.isolated":      {summary: "BMC is not isolated"},
	"bmc.creds":         {summary: "BMC credential too weak", params: []string{"min_length", "rotate_days"}},
	"operator.local":    {summary: "Operator outside the jurisdiction", params: []string{"persons", "claim"}},
	"time.dns":          {summary: "Time or names from outside", params: []string{"skew_s"}},
	"logs.local":        {summary: "Logs leave the region", params: []string{"retention_days"}},
	"fw.trusted":        {summary: "Firmware was not verified"},
	"fw.age":            {summary: "Firmware misses a fix", params: []string{"critical_h", "other_days", "scan_days"}},
	"boot.measured":     {summary: "Boot was not measured", params: []string{"pcrs"}},
	"erase.first":       {summary: "Drive not erased before use"},
	"erase.last":        {summary: "Drive not erased after use"},
	"erase.volatile":    {summary: "Memory kept power", params: []string{"minutes"}},
	"media.failed":      {summary: "Drive is due for destruction"},
	"media.label":       {summary: "Classification is not recorded"},
	"disk.encrypted":    {summary: "Disk is not encrypted"},
	"cable.register":    {summary: "Cable register is incomplete"},
	"asset.register":    {summary: "Asset register does not match"},
	"software.register": {summary: "Software register is incomplete"},
	"sbom":              {summary: "SBOM is missing"},
	"foci.declared":     {summary: "Ownership is not declared"},
	"catalog.fresh":     {summary: "Policy review is old", params: []string{"max_days"}, plan: true},
}

// RuleIDs lists the ids of all rules, sorted.
func RuleIDs() []string { return slices.Sorted(maps.Keys(rules)) }

// PlanRules lists the rules that Check judges from a Design.
func PlanRules() []string {
	var out []string
	for _, id := range RuleIDs() {
		if rules[id].plan {
			out = append(out, id)
		}
	}
	return out
}
