package rack

import (
	"time"

	"github.com/metalwright/metalwright/internal/diag"
)

// AccountSpec says that the account which a BMC is managed with is Metalwright's own: its password is made here, kept in
// escrow and changed by rotation.
type AccountSpec struct {
	Factory         SecretRef   `json:"factory,omitempty"`          // password as the BMC left the factory
	FactoryUsername string      `json:"factory_username,omitempty"` // empty = the account's own name
	FactoryAccount  string      `json:"factory_account"`            // what becomes of it: disable (default), delete, keep
	Length          int         `json:"length,omitempty"`           // characters of a password; 0 = 20, or as many as the BMC takes
	Origin          diag.Origin `json:"origin,omitzero"`
}

// EscrowSpec says where the accounts of a site's BMCs are kept. The vault's address is the site's endpoint of the role vault, so that
// it stands in the closed list like every other.
type EscrowSpec struct {
	Location string      `json:"location,omitempty"` // a folder, or vault:MOUNT/PATH; empty = .metalwright/escrow
	Token    SecretRef   `json:"token,omitempty"`    // of the vault; empty = VAULT_TOKEN
	Origin   diag.Origin `json:"origin,omitzero"`
}

// AccountService is what a BMC says of its accounts (DSP0268, AccountService and ManagerAccount), with what the escrow knows.
type AccountService struct {
	Path             string    `json:"path"`
	MinLength        int       `json:"min_length,omitempty"` // characters; 0 = not told
	MaxLength        int       `json:"max_length,omitempty"`
	LockoutThreshold int       `json:"lockout_threshold,omitempty"` // failed logins; 0 = none, or not told
	Accounts         []Account `json:"accounts"`
	ChangeRequired   bool      `json:"change_required,omitempty"` // nothing but the password may be changed (R68)
	Factory          string    `json:"factory,omitempty"`         // user of the factory's account, where the binding names it
	Generation       int       `json:"generation"`                // of the escrow: how often a credential was promoted
	Since            time.Time `json:"since,omitzero"`            // when the last was
	Pending          bool      `json:"pending,omitempty"`         // a change was begun and not ended
}

// Account is one account or slot.
type Account struct {
	Path     string `json:"path"`
	Username string `json:"username"` // empty: a free slot
	Role     string `json:"role,omitempty"`
	Enabled  bool   `json:"enabled"`
	Locked   bool   `json:"locked,omitempty"`
}
