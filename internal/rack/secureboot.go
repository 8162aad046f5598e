package rack

import "github.com/metalwright/metalwright/internal/diag"

// FacetSecureBoot asks a survey for the state of UEFI Secure Boot and its key databases.
const FacetSecureBoot Facet = "secure_boot"

// The words of SecureBootMode (DSP0268, SecureBoot) that decide something here: without a platform key the firmware is in setup
// mode, and nothing is verified.
const (
	SetupMode = "SetupMode"
	UserMode  = "UserMode"
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

// SecureBootDatabase is one of PK, KEK, db, dbx …; the firmware's own defaults are left out.
type SecureBootDatabase struct {
	ID           string   `json:"id"`
	Certificates string   `json:"certificates,omitempty"` // path of its collection; empty = it takes none
	Fingerprints []string `json:"fingerprints,omitempty"` // SHA-256 of the certificates that could be read, sorted
	Unread       int      `json:"unread,omitempty"`       // certificates whose text the BMC does not tell
}

// SecureBootSpec is the wanted state of UEFI Secure Boot. What is nil or empty is unmanaged.
type SecureBootSpec struct {
	Enable       *bool             `json:"enable,omitempty"`
	Keys         string            `json:"keys,omitempty"` // "default": the vendor's keys, "none": no keys at all
	Owner        string            `json:"owner,omitempty"`
	Reason       string            `json:"reason,omitempty"` // consent: keys = "none" takes away what others may have enrolled
	Certificates []CertificateSpec `json:"certificates,omitempty"`
	Origin       diag.Origin       `json:"origin,omitzero"`
}

// CertificateSpec is a certificate that a key database shall hold.
type CertificateSpec struct {
	Name        string      `json:"name"`
	Database    string      `json:"database"` // PK, KEK, db, dbx
	File        string      `json:"file"`     // bare name, in keys/ of the blueprint's folder
	Fingerprint Digest      `json:"fingerprint"`
	Origin      diag.Origin `json:"origin,omitzero"`
}

// TPM is a trusted platform module as a ComputerSystem tells it (TrustedModules).
type TPM struct {
	Type     string `json:"type,omitempty"` // TPM1_2, TPM2_0 …
	Firmware string `json:"firmware,omitempty"`
	State    string `json:"state,omitempty"` // Enabled, Disabled, Absent
}
