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
in METALWRIGHT_AGE_IDENTITY, or vault:MOUNT/PATH in METALWRIGHT_ESCROW.

With --certificates it has the HTTPS certificate of each node's BMC replaced instead, where the blueprint has bmc { certificate { … } }: the
BMC makes a key and a request, the site's authority signs it, the BMC installs it. The old and the new certificate are both trusted, in
site.bind.hcl, from before the installation until a login over the new one has proven it. What ends soon is in every plan by itself.`
	certificates := false
	c := a.verb("rotate NODE...", "Give BMCs new passwords or certificates; claim factory-fresh BMCs", long,
		"  metalwright rotate a01-n1\n  METALWRIGHT_ESCROW=vault:kv/bmc metalwright rotate a01-n1 a01-n2\n"+
			"  metalwright rotate --certificates a01-n1 --yes --json", &verbFlags{},
		func(args []string) (plan.Verb, []string, error) {
			if certificates {
				return plan.Verb{Do: plan.DoCertificate}, args, nil
			}
			return plan.Verb{Do: plan.DoRotate}, args, nil
		})
	c.Flags().BoolVar(&certificates, "certificates", false, "replace HTTPS certificates, not passwords")
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

// certificateLine is a change of a certificate in a plan: until when the old one is valid, and why it goes.
func certificateLine(s step.Step) string {
	end := word(s.Expect["not_after"])
	return fmt.Sprintf("~ certificate until %.10s -> of %s by %s", end, word(s.Want["common_name"]), word(s.Want["authority"]))
}
