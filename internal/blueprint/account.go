package blueprint

import (
	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// accountSpec is the block bmc { account { … } }.
var accountSpec = object(nil, "factory", "factory_username", "factory_account", "length")

// The lengths of a password that may be asked for, in characters: no recorded BMC takes more than 40 (redfish.md §4).
const (
	shortestPassword = 8
	longestPassword  = 64
)

// account reads the block; user is the account's name. It is an error to leave that to the bindings: the plan names it.
func (rd *reader) account(user string) *rack.AccountSpec {
	e := &rack.AccountSpec{Factory: rd.secret("factory", "factory"), FactoryUsername: rd.text("factory_username"),
		FactoryAccount: rd.preset("factory_account", "disable", "disable", "delete", "keep"), Origin: diag.At(rd.rng)}
	e.Length, _ = rd.whole("length", "length", shortestPassword, longestPassword)
	if user == "" {
		rd.errorf(rd.rng, "Missing attribute", "An account that is kept in escrow needs the name of its user: username = \"metalwright\" beside it.")
	}
	if e.FactoryUsername == "" {
		e.FactoryUsername = user
	}
	return e
}
