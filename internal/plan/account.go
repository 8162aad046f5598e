package plan

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// Lengths of passwords, in characters. IPMI 2.0 caps one at 20 bytes (§13.20), and so do BMCs that keep one table for both.
const (
	usualPassword = 20
	accountS      = 30 // seconds, estimated
)

// rotate plans a new password for the account of one BMC, or says why there can be none.
func rotate(n rack.Node, dev rack.Device) ([]step.Step, string) {
	spec := n.BMC.Account
	if spec == nil {
		return nil, "Its account is not kept in escrow: the blueprint has no bmc { account { … } } for this node."
	}
	a := dev.Accounts
	if a == nil {
		return nil, "Its BMC does not tell its accounts."
	}
	length, why := passwordLength(*spec, *a)
	if why != "" {
		return nil, why
	}
	if why := room(n, *a); why != "" {
		return nil, why
	}
	s := step.Step{Kind: step.AccountChange, Activation: step.None, EstimatedS: accountS, Origin: spec.Origin,
		Expect: step.Facts{"generation": int64(a.Generation)},
		Want:   step.Facts{"generation": int64(a.Generation + 1), "username": n.BMC.Username},
		Args:   step.Args{Length: length, Method: spec.FactoryAccount}}
	if user := cmp.Or(a.Factory, spec.FactoryUsername); user != n.BMC.Username {
		s.Args.Targets = []string{user}
	}
	return []step.Step{s}, ""
}

// passwordLength gives the length of a password that both the blueprint and the BMC take, or why there is none.
func passwordLength(spec rack.AccountSpec, a rack.AccountService) (int, string) {
	if spec.Length > 0 {
		switch {
		case a.MaxLength > 0 && spec.Length > a.MaxLength:
			return 0, fmt.Sprintf("The blueprint asks for a password of %d characters, and this BMC takes %d at most (MaxPasswordLength).",
				spec.Length, a.MaxLength)
		case spec.Length < a.MinLength:
			return 0, fmt.Sprintf("The blueprint asks for a password of %d characters, and this BMC takes %d at least (MinPasswordLength).",
				spec.Length, a.MinLength)
		}
		return spec.Length, ""
	}
	n := max(usualPassword, a.MinLength)
	if a.MaxLength > 0 {
		n = min(n, a.MaxLength)
	}
	if n < shortestPassword {
		return 0, fmt.Sprintf("This BMC takes passwords of %d characters at most; less than %d is never set.", a.MaxLength, shortestPassword)
	}
	return n, ""
}

const shortestPassword = 8

// room tells whether the account is there, or can be made: "" or why not.
func room(n rack.Node, a rack.AccountService) string {
	slots, free := false, false
	for _, x := range a.Accounts {
		if x.Username == n.BMC.Username {
			return ""
		}
		if x.Username == "" {
			slots = true
			free = free || !strings.HasSuffix(strings.TrimRight(x.Path, "/"), "/1") // Dell keeps the first (R45)
		}
	}
	if slots && !free {
		return fmt.Sprintf("It has no account %q, and none of its %d slots is free.", n.BMC.Username, len(a.Accounts))
	}
	return ""
}
