package rack

import "github.com/metalwright/metalwright/internal/diag"

// TPM is a trusted platform module as a ComputerSystem tells it (TrustedModules), or, where that is silent, as the component
// integrity of the host tells it (DSP0268, ComponentIntegrity of type TPM).
type TPM struct {
	Type     string `json:"type,omitempty"` // TPM1_2, TPM2_0 …
	Firmware string `json:"firmware,omitempty"`
	State    string `json:"state,omitempty"`     // Enabled, Disabled, Absent
	Measured *bool  `json:"measured,omitempty"`  // whether its measurements are on: ComponentIntegrityEnabled; nil = not told
	Path     string `json:"integrity,omitempty"` // of its component integrity
}

// TPMSpec is how the trusted platform module of a host is wanted. What is nil is unmanaged.
type TPMSpec struct {
	Enabled   *bool       `json:"enabled,omitempty"`   // shown to the operating system
	Activated *bool       `json:"activated,omitempty"` // its hierarchies may be used
	Origin    diag.Origin `json:"origin,omitzero"`
}

// FacetTPM asks a survey for the component integrity of the host's TPM.
const FacetTPM Facet = "tpm"
