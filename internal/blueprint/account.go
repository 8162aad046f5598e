package blueprint

import (
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// accountSpec is the block bmc { account { … } }.
var accountSpec = object(nil, "enabled", "factory", "factory_username", "factory_account", "length")

// The lengths of a password that may be asked for, in characters: no recorded BMC takes more than 40 (redfish.md §4).
const (
	shortestPassword = 8
	longestPassword  = 64
)

// account reads the block; nil when enabled = false says that it is as if it was not there. user is the account's name. It is an error to leave that to the bindings: the plan names it.
func (rd *reader) account(user string) *rack.AccountSpec {
	e := &rack.AccountSpec{Factory: rd.secret("factory", "factory"), FactoryUsername: rd.text("factory_username"),
		FactoryAccount: rd.preset("factory_account", "disable", "disable", "delete", "keep"), Origin: diag.At(rd.rng)}
	if on, ok := rd.boolean("enabled", "enabled"); ok && !on {
		return nil
	}
	e.Length, _ = rd.whole("length", "length", shortestPassword, longestPassword)
	if user == "" {
		rd.errorf(rd.rng, "Missing attribute", "An account that is kept in escrow needs the name of its user: username = \"metalwright\" beside it.")
	}
	if e.FactoryUsername == "" {
		e.FactoryUsername = user
	}
	return e
}

// escrow reads where a site keeps the accounts of its BMCs; vault are the site's endpoints of that role.
func (rd *reader) escrow(vault []string) *rack.EscrowSpec {
	e := &rack.EscrowSpec{Location: rd.text("location"), Token: rd.secret("token", "token"), Origin: diag.At(rd.rng)}
	where, isVault := strings.CutPrefix(e.Location, "vault:")
	mount, path, ok := strings.Cut(where, "/")
	switch {
	case isVault && (!ok || mount == "" || path == "" || strings.Contains(where, "#")):
		rd.errorf(rd.at("location"), "Wrong escrow", "%q is not a place in a vault such as \"vault:kv/metalwright/bmc\".", e.Location)
	case isVault && len(vault) != 1:
		rd.errorf(rd.at("location"), "Endpoint missing", "An escrow in a vault needs one endpoint of the site with the role vault: "+
			"endpoints { vault = \"https://HOST:8200\" }.")
	case strings.HasPrefix(string(e.Token), "vault:"):
		rd.errorf(rd.at("token"), "Wrong escrow", "The token of the vault cannot stand in the vault. Use env:, file: or age:.")
	}
	return e
}
