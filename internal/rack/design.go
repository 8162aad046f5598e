package rack

import (
	"encoding/json"

	"github.com/metalwright/metalwright/internal/diag"
)

// DesignFormat is the version of the JSON form of a Design.
const DesignFormat = 1

// Design is everything that is wanted, resolved: a flat list of addressed elements. It is complete (nothing is looked up
// later), sorted by address within each kind, and the same blueprint gives the same bytes.
type Design struct {
	Format       int                        `json:"format"`
	Blueprint    Meta                       `json:"blueprint"`
	Regions      []Region                   `json:"regions,omitempty"`
	Sites        []Site                     `json:"sites,omitempty"`
	Racks        []Rack                     `json:"racks,omitempty"`
	Nodes        []Node                     `json:"nodes,omitempty"`
	Firmware     []FirmwareSet              `json:"firmware,omitempty"`
	OS           []OS                       `json:"os,omitempty"`
	Acceptances  []Acceptance               `json:"acceptances,omitempty"`
	Checks       []Check                    `json:"checks,omitempty"`
	Waivers      []Waiver                   `json:"waivers,omitempty"`
	Switches     []Switch                   `json:"switches,omitempty"`
	PowerShelves []PowerShelf               `json:"power_shelves,omitempty"`
	Fabrics      []Fabric                   `json:"fabrics,omitempty"`
	Unplanned    []Element                  `json:"unplanned,omitempty"`    // storage, stack
	Hardware     map[string]Hardware        `json:"hardware,omitempty"`     // catalog entries in use, by key
	Baselines    map[string]Baseline        `json:"baselines,omitempty"`    // firmware baselines in use, by key
	BIOSIntents  map[string]BIOSIntentDef   `json:"bios_intents,omitempty"` // intents in use, by name
	Outputs      map[string]json.RawMessage `json:"outputs,omitempty"`
	SensitiveOut []string                   `json:"sensitive_outputs,omitempty"` // names of outputs that are not shown
	Provenance   []Provenance               `json:"provenance,omitempty"`        // sorted by path; covered by no digest
}

// Digest identifies what is wanted. Source positions and provenance do not count.
func (d Design) Digest() Digest {
	d.Provenance = nil
	return DigestOf(d)
}

// Node finds a node by address or by name.
func (d Design) Node(key string) (Node, bool) {
	for _, n := range d.Nodes {
		if n.Name == key || string(n.Address) == key {
			return n, true
		}
	}
	return Node{}, false
}

// SiteOf gives the site that a node stands in: that of its rack or, where it has none, the only one there is.
func (d Design) SiteOf(n Node) (Site, bool) {
	at := Address("")
	for _, r := range d.Racks {
		if r.Address == n.Rack {
			at = r.Site
		}
	}
	if n.Rack == "" && len(d.Sites) == 1 {
		return d.Sites[0], true
	}
	for _, s := range d.Sites {
		if s.Address == at {
			return s, true
		}
	}
	return Site{}, false
}

// Meta is the blueprint block.
type Meta struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Summary string `json:"summary,omitempty"`
}

// Provenance says who set one leaf of the Design.
type Provenance struct {
	Path   string      `json:"path"`             // node.gpu["a01-n1"].bios.attributes.SriovGlobal
	Source string      `json:"source"`           // blueprint, variable, catalog, baseline, default
	Origin diag.Origin `json:"origin,omitzero"`  // file and line, when it came from text
	Detail string      `json:"detail,omitempty"` // catalog key, profile name
	Digest Digest      `json:"digest,omitempty"` // of the catalog file
}

// Region is a jurisdiction and its policy profile.
type Region struct {
	Address      Address     `json:"address"`
	Name         string      `json:"name"`
	Jurisdiction string      `json:"jurisdiction"` // ISO 3166-1 alpha-2, or EU
	Policy       string      `json:"policy"`       // au.strategic
	Origin       diag.Origin `json:"origin,omitzero"`
}

// Site is one building.
type Site struct {
	Address   Address             `json:"address"`
	Name      string              `json:"name"`
	Region    Address             `json:"region"`
	Country   string              `json:"country"`
	Endpoints map[string][]string `json:"endpoints,omitempty"` // the closed list, by role: registry, artifacts, kms, ntp, dns …
	Networks  []Network           `json:"networks,omitempty"`
	Power     *SitePower          `json:"power,omitempty"`
	Cooling   []string            `json:"cooling,omitempty"` // air, rear_door, liquid; empty = not declared
	FloorKg   *float64            `json:"floor_kg_per_rack,omitempty"`
	Backbone  []BackboneLink      `json:"backbone,omitempty"`
	Escrow    *EscrowSpec         `json:"escrow,omitempty"` // nil = as the environment says
	Origin    diag.Origin         `json:"origin,omitzero"`
}

// Network is an address pool of a site.
type Network struct {
	Name   string      `json:"name"`
	CIDR   string      `json:"cidr"`
	Origin diag.Origin `json:"origin,omitzero"`
}

// SitePower is what the building can give.
type SitePower struct {
	ContractKW *float64 `json:"contract_kw,omitempty"`
	Feeds      int      `json:"feeds,omitempty"`
}

// BackboneLink is a path to another site.
type BackboneLink struct {
	To    string  `json:"to"`
	RTTMs float64 `json:"rtt_ms,omitempty"`
	Gbps  float64 `json:"gbps,omitempty"`
	Via   string  `json:"via,omitempty"`
}

// Rack is a frame.
type Rack struct {
	Address    Address     `json:"address"`
	Name       string      `json:"name"`
	Site       Address     `json:"site"`
	Model      string      `json:"model"` // key into Design.Hardware
	Position   string      `json:"position,omitempty"`
	Feeds      int         `json:"feeds,omitempty"`
	ContractKW *float64    `json:"contract_kw,omitempty"`
	StaggerS   float64     `json:"stagger_s,omitempty"` // between two power-ons of its power domain; 0 = 3
	MaxKg      *float64    `json:"max_kg,omitempty"`
	Facts      Facts       `json:"facts,omitempty"` // catalog numbers that the blueprint overrides
	Origin     diag.Origin `json:"origin,omitzero"`
}

// Node is one bootable host. A nil facet is unmanaged: absent never means "reset to default".
type Node struct {
	Address       Address         `json:"address"`
	Name          string          `json:"name"`     // for_each key or label; unique in a Design, no slash
	Hardware      string          `json:"hardware"` // key into Design.Hardware
	Rack          Address         `json:"rack"`
	PositionU     int             `json:"position_u"` // lowest unit, counted from 1 at the bottom
	Role          string          `json:"role,omitempty"`
	Power         string          `json:"power,omitempty"` // "On" or "Off"; empty = unmanaged
	BMC           BMCSpec         `json:"bmc"`
	BIOS          *BIOSSpec       `json:"bios,omitempty"`
	Boot          *BootSpec       `json:"boot,omitempty"`
	Volumes       []VolumeSpec    `json:"volumes,omitempty"`
	Disks         *DiskSpec       `json:"disks,omitempty"` // what is said about drives beside volumes
	Media         *MediaSpec      `json:"media,omitempty"`
	NICs          []NICSpec       `json:"nics,omitempty"`
	DPU           *DPUSpec        `json:"dpu,omitempty"`
	SecureBoot    *SecureBootSpec `json:"secure_boot,omitempty"`
	TPM           *TPMSpec        `json:"tpm,omitempty"`
	Firmware      *FirmwareRef    `json:"firmware,omitempty"`    // set by the firmware block that targets this node
	OnDestroy     string          `json:"on_destroy"`            // keep (default), reset_bios, erase
	Erase         *EraseSpec      `json:"erase,omitempty"`       // how; whether is said by on_destroy
	EraseFloor    *EraseFloor     `json:"erase_floor,omitempty"` // of the site's policy, where something may be erased
	AllowDataLoss *DataLossGrant  `json:"data_loss,omitempty"`   // explicit consent, else nil
	Facts         Facts           `json:"facts,omitempty"`       // catalog numbers that the blueprint overrides
	Origin        diag.Origin     `json:"origin,omitzero"`
}

// Facts are numbers by the names of Hardware: u, weight_kg, peak_kw, supplies, supply_kw. Each has the author's own source.
type Facts map[string]Number

// DataLossGrant is the consent that destroying or re-creating volumes of a node needs.
type DataLossGrant struct {
	Owner  string      `json:"owner"`
	Reason string      `json:"reason"`
	Origin diag.Origin `json:"origin,omitzero"`
}

// BMCSpec is how a node's BMC is to be reached and kept. Its address is not here: it is bound (Binding).
type BMCSpec struct {
	Username   string      `json:"username,omitempty"`
	Credential SecretRef   `json:"credential,omitempty"`
	Origin     diag.Origin `json:"origin,omitzero"`

	IPMI    *IPMISpec    `json:"ipmi,omitempty"`    // nil = IPMI is never spoken
	Manager *ManagerSpec `json:"manager,omitempty"` // nil = the controller is left as it is
	Account *AccountSpec `json:"account,omitempty"` // nil: the account is somebody else's to keep

	Certificate *RenewalSpec `json:"certificate,omitempty"` // nil: its certificate is left as it is
	Events      *EventSpec   `json:"events,omitempty"`      // nil: where it pushes its events is left as it is
}

// BIOSSpec is the wanted firmware setup: profile attributes overlaid with those written on the node.
type BIOSSpec struct {
	Profile    string               `json:"profile,omitempty"`
	Attributes map[string]BIOSValue `json:"attributes"`
	Intents    []BIOSIntent         `json:"intents,omitempty"` // sorted by name; an attribute that is written wins
	Strict     bool                 `json:"strict,omitempty"`  // an intent that the node cannot keep is an error, not a warning
	Drift      *BIOSDrift           `json:"drift,omitempty"`   // nil: what is declared
	Reset      *BIOSReset           `json:"reset,omitempty"`   // nil: what nobody names is left as it is
	Leave      []string             `json:"leave,omitempty"`   // attributes = null: neither set, nor reset, nor drift; sorted
	Origin     diag.Origin          `json:"origin,omitzero"`
}

// BIOSValue is one wanted attribute. Value is a string, bool or int64.
type BIOSValue struct {
	Value  any         `json:"value"`
	From   string      `json:"from,omitempty"` // "profile training", else empty
	Origin diag.Origin `json:"origin,omitzero"`
}

// UnmarshalJSON reads a value back with integers as int64.
func (v *BIOSValue) UnmarshalJSON(b []byte) error {
	type plain BIOSValue
	var p plain
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	n, err := NormalJSON(p.Value, b, "value")
	if err != nil {
		return err
	}
	p.Value = n
	*v = BIOSValue(p)
	return nil
}

// BootSpec is the wanted persistent boot.
type BootSpec struct {
	Mode    string      `json:"mode,omitempty"`     // UEFI or Legacy; empty = unmanaged
	HTTPURI string      `json:"http_uri,omitempty"` // what UEFI HTTP boot loads; within the site's closed list
	Order   []string    `json:"order,omitempty"`    // device classes (Hdd, Pxe, Cd, UefiHttp …) or BootOptionReference, first first
	Origin  diag.Origin `json:"origin,omitzero"`
}

// VolumeSpec is a wanted local volume.
type VolumeSpec struct {
	Name      string        `json:"name"`
	RAID      string        `json:"raid"` // RAID0, RAID1, RAID5, RAID6, RAID10, RAID50, RAID60
	Drives    DriveSelector `json:"drives"`
	SizeBytes int64         `json:"size_bytes,omitempty"` // 0 = all of the members
	OnDestroy string        `json:"on_destroy"`           // keep (default), delete, erase
	VolumeOptions
	Origin diag.Origin `json:"origin,omitzero"`
}

// DriveSelector picks drives by what they are, never by serial.
type DriveSelector struct {
	Count         int      `json:"count,omitempty"`
	Media         string   `json:"media,omitempty"`    // SSD, HDD
	Protocol      string   `json:"protocol,omitempty"` // NVMe, SAS, SATA
	MinSizeBytes  int64    `json:"min_size_bytes,omitempty"`
	Bays          []string `json:"bays,omitempty"`
	ControllerHas string   `json:"controller,omitempty"` // part of the controller's id or name
}

// MediaSpec is the virtual media image that an os block wants inserted for an install.
type MediaSpec struct {
	Image    string      `json:"image"` // URL within the site's closed list
	BootOnce bool        `json:"boot_once,omitempty"`
	OS       Address     `json:"os,omitempty"` // the block that asks for it
	Origin   diag.Origin `json:"origin,omitzero"`
}

// NICSpec is a wanted port setting. It is for every function that fits: the same for all rails of a node is one spec.
type NICSpec struct {
	Name       string            `json:"name"`              // without adapter: the id of a function, port or adapter
	Adapter    string            `json:"adapter,omitempty"` // part of an adapter's id, name or model
	Port       string            `json:"port,omitempty"`    // of those adapters: the port with this number; empty = all
	Link       string            `json:"link,omitempty"`    // Ethernet, InfiniBand; empty = unmanaged
	SRIOV      *bool             `json:"sr_iov,omitempty"`
	Boot       string            `json:"boot,omitempty"` // Disabled, PXE, HTTP; empty = unmanaged
	Attributes map[string]string `json:"attributes,omitempty"`
	Origin     diag.Origin       `json:"origin,omitzero"`
}

// DPUSpec is the wanted mode of the BlueFields of a node.
type DPUSpec struct {
	Mode   string      `json:"mode"` // DpuMode, NicMode
	Origin diag.Origin `json:"origin,omitzero"`
}

// FirmwareRef is the baseline a node has to have.
type FirmwareRef struct {
	Set      Address     `json:"set"`      // the firmware block
	Baseline string      `json:"baseline"` // key into Design.Baselines
	Origin   diag.Origin `json:"origin,omitzero"`
}

// FirmwareSet is a firmware block: one baseline for its targets, and how to roll it.
type FirmwareSet struct {
	Address  Address     `json:"address"`
	Baseline string      `json:"baseline"`
	Targets  []Address   `json:"targets"`
	Rollout  Rollout     `json:"rollout"`
	Origin   diag.Origin `json:"origin,omitzero"`
}

// Rollout bounds how many nodes change at once.
type Rollout struct {
	Canary      int    `json:"canary"`       // nodes that go first, alone; default 1
	MaxParallel int    `json:"max_parallel"` // default 8
	OnError     string `json:"on_error"`     // halt (default) or continue
}

// OS is an os block. This version inserts the image and arms a one-time boot; the install itself is not planned.
type OS struct {
	Address Address           `json:"address"`
	Image   string            `json:"image"`
	Targets []Address         `json:"targets"`
	Disks   map[string]string `json:"disks,omitempty"`
	Erase   string            `json:"erase,omitempty"`
	Origin  diag.Origin       `json:"origin,omitzero"`
}

// Acceptance is what must be true before hand-over.
type Acceptance struct {
	Address       Address                    `json:"address"`
	Targets       []Address                  `json:"targets"`
	GPUsPerNode   *int                       `json:"gpus_per_node,omitempty"`
	DegradedNodes int                        `json:"degraded_nodes_allowed"`
	Thresholds    map[string]json.RawMessage `json:"thresholds,omitempty"` // not measured by this version
	Origin        diag.Origin                `json:"origin,omitzero"`
}

// Check is an author's own rule. Plan-phase rules were evaluated when the Design was made.
type Check struct {
	Address  Address     `json:"address"`
	Phase    string      `json:"phase"` // plan, bringup, acceptance, drift
	Severity string      `json:"severity"`
	Passed   *bool       `json:"passed,omitempty"` // nil = not evaluated by this version
	Message  string      `json:"message,omitempty"`
	Origin   diag.Origin `json:"origin,omitzero"`
}

// Waiver loosens one rule, for a reason, until a day.
type Waiver struct {
	Address Address     `json:"address"`
	Rule    string      `json:"rule"`
	Targets []Address   `json:"targets,omitempty"` // empty = the whole blueprint
	Owner   string      `json:"owner"`
	Reason  string      `json:"reason"`
	Expires string      `json:"expires"` // YYYY-MM-DD
	Origin  diag.Origin `json:"origin,omitzero"`
}

// Element is a block that this version decodes and validates and does not plan.
type Element struct {
	Address Address         `json:"address"`
	Kind    string          `json:"kind"` // storage, stack
	Refs    []Address       `json:"refs,omitempty"`
	Rack    Address         `json:"rack,omitempty"`
	U       int             `json:"position_u,omitempty"`
	Model   string          `json:"model,omitempty"`
	Values  json.RawMessage `json:"values,omitempty"` // its attributes, resolved
	Origin  diag.Origin     `json:"origin,omitzero"`
}
