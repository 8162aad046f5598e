package rack

import "github.com/metalwright/metalwright/internal/diag"

// FacetSecureBoot asks a survey for the state of UEFI Secure Boot and its key databases.
const FacetSecureBoot Facet = "secure_boot"

// The words of SecureBootMode (DSP0268, SecureBoot) that decide something here: without a platform key the firmware is in setup
// mode, and nothing is verified.
const (
	SetupMode    = "SetupMode"
	UserMode     = "UserMode"
	AuditMode    = "AuditMode"    // no platform key; everything starts, and what would not is logged (UEFI §32.3)
	DeployedMode = "DeployedMode" // as UserMode, and left only by the setup screen
)

// SecureBoot is the state of UEFI Secure Boot of a host.
type SecureBoot struct {
	Path        string               `json:"path"`
	Enabled     bool                 `json:"enabled"`      // from the next boot on
	CurrentBoot string               `json:"current_boot"` // Enabled, Disabled: how the host that runs was started
	Mode        string               `json:"mode"`         // SetupMode, UserMode, AuditMode, DeployedMode
	ResetKeys   string               `json:"reset_keys,omitempty"`
	ResetTypes  []string             `json:"reset_types,omitempty"` // ResetAllKeysToDefault, DeleteAllKeys …; empty = not told
	Databases   []SecureBootDatabase `json:"databases,omitempty"`
}

// SecureBootDatabase is one of PK, KEK, db, dbx …
type SecureBootDatabase struct {
	ID           string            `json:"id"`
	Certificates string            `json:"certificates,omitempty"` // path of its collection; empty = it takes none
	Hashes       string            `json:"hashes,omitempty"`       // path of its signature collection; empty = it shows none
	Paths        map[string]string `json:"paths,omitempty"`        // of single certificates, by fingerprint
	ResetKeys    string            `json:"reset_keys,omitempty"`   // target of SecureBootDatabase.ResetKeys
	ResetTypes   []string          `json:"reset_types,omitempty"`
	KeySet
	// Default is what the firmware brings along for it (dbDefault …); nil = it does not show that.
	Default *KeySet `json:"default,omitempty"`
}

// KeySet is what a key database holds.
type KeySet struct {
	Fingerprints []string `json:"fingerprints,omitempty"` // SHA-256 of the certificates that could be read, sorted
	Unread       int      `json:"unread,omitempty"`       // certificates whose text the BMC does not tell
	Signatures   int      `json:"signatures,omitempty"`   // hashes, as a dbx holds them
}

// Empty tells whether it holds nothing.
func (k KeySet) Empty() bool { return len(k.Fingerprints)+k.Unread+k.Signatures == 0 }

// SecureBootSpec is the wanted state of UEFI Secure Boot. What is nil or empty is unmanaged.
type SecureBootSpec struct {
	Enable       *bool             `json:"enable,omitempty"`
	Mode         string            `json:"mode,omitempty"` // SetupMode, UserMode, AuditMode, DeployedMode
	Keys         string            `json:"keys,omitempty"` // "default": the vendor's keys, "none": no keys at all
	Owner        string            `json:"owner,omitempty"`
	Reason       string            `json:"reason,omitempty"` // consent: what takes keys away takes what others may have enrolled
	Certificates []CertificateSpec `json:"certificates,omitempty"`
	Databases    []DatabaseSpec    `json:"databases,omitempty"`
	Origin       diag.Origin       `json:"origin,omitzero"`
}

// CertificateSpec is a certificate that a key database shall hold, or shall not.
type CertificateSpec struct {
	Name        string      `json:"name"`
	Database    string      `json:"database"`       // PK, KEK, db, dbx
	File        string      `json:"file,omitempty"` // bare name, in keys/ of the blueprint's folder; empty = it is only compared
	Fingerprint Digest      `json:"fingerprint"`
	Absent      bool        `json:"absent,omitempty"` // it shall not be there
	Origin      diag.Origin `json:"origin,omitzero"`
}

// DatabaseSpec is one key database as a whole.
type DatabaseSpec struct {
	ID        string      `json:"id"`                  // PK, KEK, db, dbx
	Keys      string      `json:"keys,omitempty"`      // "default": what the firmware brings along, "none": nothing
	Exclusive bool        `json:"exclusive,omitempty"` // no certificate besides those that are named
	Origin    diag.Origin `json:"origin,omitzero"`
}
