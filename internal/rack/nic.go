package rack

// FacetNetwork asks a survey for the settings of the host's network device functions, and for the mode of DPUs.
const FacetNetwork Facet = "network_functions"

// What a port is (Redfish NetDevFuncType).
const (
	LinkEthernet   = "Ethernet"
	LinkInfiniBand = "InfiniBand"
)

// NetworkFunction is what the host sees of one port of an adapter (Redfish NetworkDeviceFunction), and how it is set.
type NetworkFunction struct {
	ID           string   `json:"id"`
	Path         string   `json:"path"`
	Adapter      string   `json:"adapter"` // id of the adapter
	AdapterName  string   `json:"adapter_name,omitempty"`
	Model        string   `json:"model,omitempty"` // of the adapter
	Port         string   `json:"port,omitempty"`  // id of its physical port
	MAC          string   `json:"mac,omitempty"`
	LinkType     string   `json:"link_type,omitempty"`  // Ethernet, InfiniBand …; empty = not told
	LinkTypes    []string `json:"link_types,omitempty"` // what it can be
	SRIOV        *bool    `json:"sr_iov,omitempty"`     // nil = not told
	Boot         string   `json:"boot,omitempty"`       // Disabled, PXE, HTTP …; empty = not told
	Boots        []string `json:"boots,omitempty"`      // allowable values of Boot
	SettingsPath string   `json:"settings_path,omitempty"`
	ApplyTimes   []string `json:"apply_times,omitempty"`

	Attributes *NICAttributes `json:"attributes,omitempty"` // the vendor's own settings of it (Dell)
}

// NICAttributes are the settings of one function that a vendor keeps under names of its own.
type NICAttributes struct {
	Path         string     `json:"path"`
	SettingsPath string     `json:"settings_path,omitempty"`
	ApplyTimes   []string   `json:"apply_times,omitempty"`
	Values       Attributes `json:"values"`
	Pending      Attributes `json:"pending,omitempty"` // what waits for a reset and differs
	// RegistryDoc is the registry of this one function: each port of a Dell has its own.
	RegistryDoc *BIOSRegistryInfo `json:"registry_doc,omitempty"`
}

// DPUMode is how a BlueField works: as a computer of its own (DpuMode) or as a plain adapter (NicMode).
type DPUMode struct {
	Path   string   `json:"path"` // of the resource that tells it
	Mode   string   `json:"mode"`
	Action string   `json:"action,omitempty"` // target of Mode.Set; empty = not offered
	Values []string `json:"values,omitempty"`
}
