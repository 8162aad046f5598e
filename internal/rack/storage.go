package rack

import "github.com/metalwright/metalwright/internal/diag"

// The ways in which a drive's data is made unreadable. They are not ordered: none of them includes another.
const (
	EraseCrypto    = "crypto"    // the key is thrown away; Redfish CryptographicErase
	EraseBlock     = "block"     // every block is erased, spare area too; Redfish BlockErase
	EraseOverwrite = "overwrite" // every block is written over; Redfish Overwrite
	EraseFormat    = "format"    // what the drive's own format does; no BMC offers it
)

// EraseSpec says how the drives of a node are erased, when they are.
type EraseSpec struct {
	Method string      `json:"method"`           // policy, or one of the ways
	Passes int         `json:"passes,omitempty"` // of overwrite; 0 = what the floor asks for, or the drive's own number
	Origin diag.Origin `json:"origin,omitzero"`
}

// EraseFloor is what the policy of a node's site accepts as an erase. Where a policy says nothing about a kind of medium, crypto
// and block are accepted.
type EraseFloor struct {
	Policy   string        `json:"policy"`
	Flash    []EraseResult `json:"flash,omitempty"`
	Magnetic []EraseResult `json:"magnetic,omitempty"`
}

// EraseResult is one accepted result.
type EraseResult struct {
	Method   string   `json:"method"`
	Passes   int      `json:"passes,omitempty"`
	Pattern  string   `json:"pattern,omitempty"`   // random, zeros; empty = any
	ReadBack string   `json:"read_back,omitempty"` // full, sampled; empty = none asked for
	Then     []string `json:"then,omitempty"`      // one of these afterwards
}

// DriveState is what a drive's BMC says beyond what the drive is. It is read when a plan needs it (FacetDrives, FacetErase).
type DriveState struct {
	Foreign    bool        `json:"foreign,omitempty"`    // holds a configuration of another controller
	Hotspare   string      `json:"hotspare,omitempty"`   // Global, Dedicated, Chassis; empty = none
	Encryption string      `json:"encryption,omitempty"` // Redfish EncryptionStatus: Unencrypted, Unlocked, Locked, Foreign
	Ability    string      `json:"ability,omitempty"`    // Redfish EncryptionAbility: None, SelfEncryptingDrive, Other
	Erase      *DriveErase `json:"erase,omitempty"`      // nil: the BMC offers none for this drive, as it is now
}

// DriveErase is the erase that a BMC offers for one drive.
type DriveErase struct {
	Target     string   `json:"target"`                // of the SecureErase action
	Methods    []string `json:"methods,omitempty"`     // crypto, block, overwrite; empty = the BMC does not say what it does
	Named      bool     `json:"named,omitempty"`       // the method is a parameter; else the vendor says what the action does
	Passes     bool     `json:"passes,omitempty"`      // overwrite passes can be told
	ApplyTimes []string `json:"apply_times,omitempty"` // Immediate, OnReset; empty = nothing is said
}
