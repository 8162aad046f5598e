package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/step"
)

func newRotate(a *app) *cobra.Command {
	const long = `Rotate gives the BMC account of each node a new password, where the blueprint has bmc { account { … } }. The first time it claims the
BMC: it logs in with the factory's password, makes the account, and disables or deletes the factory's as factory_account says. The new
password is kept in escrow before the BMC is told of it, proven by a second login, and then promoted. A cut at any point locks nobody out: the
same command tries the new password, then the old one, once each, and goes on. Escrow is .metalwright/escrow, encrypted for the age identity
in METALWRIGHT_AGE_IDENTITY, or vault:MOUNT/PATH in METALWRIGHT_ESCROW.`
	c := a.verb("rotate NODE...", "Give BMC accounts new passwords; claim factory-fresh BMCs", long,
		"  metalwright rotate a01-n1\n  METALWRIGHT_ESCROW=vault:kv/bmc metalwright rotate a01-n1 a01-n2", &verbFlags{},
		nodesOnly(plan.Verb{Do: plan.DoRotate}))
	c.GroupID = "rack"
	return c
}

// accountLine is a change of an account in a plan. No password stands in a plan.
func accountLine(s step.Step) string {
	line := fmt.Sprintf("~ account %v: new password of %d characters, generation %v -> %v", word(s.Want["username"]), s.Args.Length,
		word(s.Expect["generation"]), word(s.Want["generation"]))
	if len(s.Args.Targets) > 0 && s.Args.Method != "keep" {
		line += fmt.Sprintf("; then %s account %s", s.Args.Method, s.Args.Targets[0])
	}
	return line
}
