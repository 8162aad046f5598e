package rack

import (
	"encoding/json"
	"slices"
	"time"
)

// ObservationFormat is the version of the JSON form of an Observation.
const ObservationFormat = 1

// Observation is everything that was read, and what could not be (Gaps). Devices are sorted by address.
type Observation struct {
	Format  int       `json:"format"`
	Taken   time.Time `json:"taken"`
	Devices []Device  `json:"devices"`
	Gaps    []Gap     `json:"gaps"`
	Cables  *Cables   `json:"cables,omitempty"` // from hosts and switches; what BMCs tell is with their ports
	// Unclaimed are the addresses of nodes that were not read, because their BMCs have to be claimed first: the blueprint keeps
	// their accounts in escrow, and nothing was promoted there yet.
	Unclaimed []string `json:"unclaimed,omitempty"`

	Switches []SwitchSeen `json:"switches,omitempty"` // those that are bound and were asked, by name
}

// Device finds a device by node name or address.
func (o Observation) Device(key string) (Device, bool) {
	for _, d := range o.Devices {
		if d.Node == key || d.Address == key {
			return d, true
		}
	}
	return Device{}, false
}

// GapsOf lists the gaps of one device address.
func (o Observation) GapsOf(address string) []Gap {
	var out []Gap
	for _, g := range o.Gaps {
		if g.Address == address {
			out = append(out, g)
		}
	}
	return out
}

// Digest identifies what was observed. Time, counters and live readings (power draw, health) do not count.
func (o Observation) Digest() Digest {
	o.Taken = time.Time{}
	o.Devices = slices.Clone(o.Devices)
	for i := range o.Devices {
		o.Devices[i].Stats, o.Devices[i].BMC.DateTime = Stats{}, ""
		o.Devices[i].Power = nil
		if s := o.Devices[i].Shelf; s != nil {
			still := *s
			still.OutputWatts = nil
			o.Devices[i].Shelf = &still
		}
	}
	return DigestOf(o)
}

// Gap is something that should have been readable and was not.
type Gap struct {
	Address string `json:"address"` // as Device.Address
	Path    string `json:"path"`    // URI, or URI#/json/pointer for one field
	Reason  string `json:"reason"`
}

// Device is one BMC and what hangs on it.
type Device struct {
	Address       string         `json:"address"`            // node address when bound, else the URL asked
	Node          string         `json:"node,omitempty"`     // node name when bound
	Endpoint      string         `json:"endpoint,omitempty"` // URL of the BMC
	BMC           BMC            `json:"bmc"`
	Systems       []System       `json:"systems"`
	Chassis       []Chassis      `json:"chassis"`
	Firmware      []Firmware     `json:"firmware"`
	Power         []PowerUnit    `json:"power"`
	LeakDetectors []LeakDetector `json:"leak_detectors"`
	Capabilities  Capabilities   `json:"capabilities"`
	Stats         Stats          `json:"stats"`
	// Via is "ipmi" when Redfish did not answer, and the host's power was read by IPMI: nothing else is known then.
	Via      string    `json:"via,omitempty"`
	Location *Location `json:"location,omitempty"` // what its chassis says; nil = nothing
	Shelf    *Shelf    `json:"shelf,omitempty"`    // of a power shelf; facet power_shelf

	Jobs     []Job           `json:"jobs,omitempty"`      // read for the ad hoc verbs only, as is what follows
	JobQueue string          `json:"job_queue,omitempty"` // path of a queue that keeps its jobs until somebody deletes them
	Locator  *Locator        `json:"locator,omitempty"`   // nil: it has none, or nobody asked
	Dumps    []Dump          `json:"dumps,omitempty"`
	Accounts *AccountService `json:"accounts,omitempty"`

	Certificates *CertificateService `json:"certificates,omitempty"` // facet certificates
	Events       *EventService       `json:"events,omitempty"`       // facet event_subscriptions
}

// Host returns the system that a node is: the bound one, else the only one that can be reset.
func (d Device) Host() (System, bool) {
	for _, s := range d.Systems {
		if s.Host {
			return s, true
		}
	}
	return System{}, false
}

// ClockOff tells by how much the BMC's clock differs from the time at, when that is more than a minute's inaccuracy can
// explain; told is false when the BMC's clock cannot be read.
func (b BMC) ClockOff(at time.Time) (off time.Duration, told bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, b.DateTime); err == nil {
			return t.Sub(at), true
		}
	}
	return 0, false
}

// ClockTolerance is how wrong a BMC's clock may be before signatures and certificates suffer (redfish.md §5.1).
const ClockTolerance = 5 * time.Minute

// BMC is the management controller.
type BMC struct {
	Vendor          string `json:"vendor"`
	Product         string `json:"product,omitempty"`
	Model           string `json:"model"`
	FirmwareVersion string `json:"firmware_version"`
	RedfishVersion  string `json:"redfish_version"`
	Dialect         string `json:"dialect,omitempty"` // idrac, ilo, supermicro, xcc, ami, openbmc, unknown
	LastResetTime   string `json:"last_reset_time,omitempty"`
	UUID            string `json:"uuid,omitempty"`
	DateTime        string `json:"date_time,omitempty"` // its own clock when it was read; as it says it (R42)

	MACs []string `json:"macs,omitempty"` // of its own network ports, lower case, sorted

	LockedDown *bool `json:"locked_down,omitempty"` // it refuses every change; facet lockdown, nil = not told

	Neighbour *Neighbour `json:"neighbour,omitempty"` // of its own port; facet neighbours
	Settings  *Settings  `json:"settings,omitempty"`  // facet manager_settings

	Certificate *Certificate `json:"certificate,omitempty"` // as its handshake showed it
}

// System is a Redfish ComputerSystem. Host is true for the one that can be reset and booted.
type System struct {
	ID            string              `json:"id"`
	Path          string              `json:"path,omitempty"`
	Host          bool                `json:"host"`
	Manufacturer  string              `json:"manufacturer"`
	Model         string              `json:"model"`
	SerialNumber  string              `json:"serial_number"`
	UUID          string              `json:"uuid,omitempty"`
	BIOSVersion   string              `json:"bios_version"`
	PowerState    string              `json:"power_state"`             // On, Off, PoweringOn, PoweringOff, Paused
	BootProgress  string              `json:"boot_progress,omitempty"` // Redfish BootProgress.LastState, or the vendor's own word mapped to it
	LastResetTime string              `json:"last_reset_time,omitempty"`
	MemoryBytes   int64               `json:"memory_bytes"`
	Processors    []Processor         `json:"processors"`
	GPUs          []GPU               `json:"gpus"`
	Drives        []Drive             `json:"drives"`
	Volumes       []Volume            `json:"volumes"`
	NICs          []NIC               `json:"nics"`
	BIOS          *BIOS               `json:"bios,omitempty"` // nil: this system has none, or it could not be read (a Gap says so)
	Boot          *Boot               `json:"boot,omitempty"`
	Media         []MediaSlot         `json:"media,omitempty"`
	Controllers   []StorageController `json:"controllers,omitempty"`

	TPMs             []TPM             `json:"tpms,omitempty"`              // as the system tells them: TrustedModules
	NetworkFunctions []NetworkFunction `json:"network_functions,omitempty"` // facet network_functions
	DPUs             []DPUMode         `json:"dpus,omitempty"`              // facet network_functions
	SecureBoot       *SecureBoot       `json:"secure_boot,omitempty"`       // facet secure_boot
	Namespaces       []Namespace       `json:"namespaces,omitempty"`        // facet drives; of NVMe drives whose BMC manages them
}

// Processor is a CPU.
type Processor struct {
	ID     string `json:"id"`
	Model  string `json:"model"`
	Cores  int    `json:"cores,omitempty"`
	Vendor string `json:"vendor,omitempty"`
}

// GPU is one accelerator, counted once however often the BMC lists it.
type GPU struct {
	ID           string `json:"id"`
	Model        string `json:"model"`
	SerialNumber string `json:"serial_number"`
	Source       string `json:"source"` // Processor, PCIeDevice, OEM, FirmwareInventory
	Path         string `json:"path,omitempty"`
}

// Drive is a physical drive.
type Drive struct {
	ID            string `json:"id"`
	Path          string `json:"path,omitempty"`
	Model         string `json:"model"`
	SerialNumber  string `json:"serial_number"`
	CapacityBytes int64  `json:"capacity_bytes"`
	Media         string `json:"media"`
	Protocol      string `json:"protocol"`
	Controller    string `json:"controller,omitempty"` // path of the Storage resource
	Bay           string `json:"bay,omitempty"`
	InVolume      bool   `json:"in_volume,omitempty"`

	State *DriveState `json:"state,omitempty"` // facets drives and erase
}

// StorageController is a Storage resource.
type StorageController struct {
	ID             string   `json:"id"`
	Path           string   `json:"path"`
	Name           string   `json:"name,omitempty"`
	Volumes        string   `json:"volumes,omitempty"` // path of its volume collection; empty = it makes none
	CanCreate      bool     `json:"can_create"`
	RAIDTypes      []string `json:"raid_types,omitempty"`
	ApplyTimes     []string `json:"apply_times,omitempty"`
	PendingVolumes []string `json:"pending_volumes,omitempty"` // names of volumes that wait for a reset

	Offer *ControllerOffer `json:"offer,omitempty"` // facet drives
}

// Volume is a local volume made by a controller. Pass-through entries are not volumes.
type Volume struct {
	ID            string   `json:"id"`
	Path          string   `json:"path,omitempty"`
	Name          string   `json:"name"`
	RAIDType      string   `json:"raid_type"`
	CapacityBytes int64    `json:"capacity_bytes"`
	Drives        []string `json:"drives"` // serial numbers, sorted
	Controller    string   `json:"controller,omitempty"`

	Detail *VolumeDetail `json:"detail,omitempty"` // facet drives
}

// NIC is one port.
type NIC struct {
	ID       string `json:"id"`
	MAC      string `json:"mac"`  // lower case, colons; empty = the BMC does not tell
	Link     string `json:"link"` // LinkUp, LinkDown, NoLink, Unknown
	SpeedBps int64  `json:"speed_bps"`

	Path      string     `json:"path,omitempty"`      // of the Port, read with its neighbour
	Neighbour *Neighbour `json:"neighbour,omitempty"` // facet neighbours; nil = none told
}

// PendingOfDestroy says of a job that a destroy of this workspace made it and was cut off. No BMC tells that: the journals do.
const PendingOfDestroy = "destroy"

// BIOS is the setup of a host: what runs, and what differs from it and waits for a reset.
type BIOS struct {
	Path         string            `json:"path,omitempty"`
	SettingsPath string            `json:"settings_path,omitempty"`
	ApplyTimes   []string          `json:"apply_times,omitempty"`
	Attributes   Attributes        `json:"attributes"`
	Pending      Attributes        `json:"pending"`
	PendingJob   string            `json:"pending_job,omitempty"`  // live configuration job that holds what waits (Dell)
	PendingOf    string            `json:"pending_of,omitempty"`   // whose job that is: PendingOfDestroy; empty = not known
	ResetAction  string            `json:"reset_action,omitempty"` // target of Bios.ResetBios; empty = not offered
	Registry     string            `json:"registry"`
	RegistryDoc  *BIOSRegistryInfo `json:"registry_doc,omitempty"` // read only when asked for
}

// Boot is the boot setup of a host.
type Boot struct {
	OverrideEnabled string       `json:"override_enabled"`
	OverrideTarget  string       `json:"override_target"`
	OverrideMode    string       `json:"override_mode,omitempty"`
	Targets         []string     `json:"targets,omitempty"` // allowable override targets
	Order           []string     `json:"order"`             // BootOptionReference, first first
	Options         []BootOption `json:"options,omitempty"`
	OrderWritable   bool         `json:"order_writable"`
	HTTPURI         *string      `json:"http_uri,omitempty"` // HttpBootUri; nil = the BMC does not offer it
}

// BootOption is one entry the firmware knows.
type BootOption struct {
	Reference string `json:"reference"`
	Name      string `json:"name"`
	Alias     string `json:"alias,omitempty"` // Redfish BootSource: Hdd, Pxe, Cd …
	UEFIPath  string `json:"uefi_path,omitempty"`
	Enabled   bool   `json:"enabled"`
}

// MediaSlot is a virtual media device.
type MediaSlot struct {
	ID       string   `json:"id"`
	Path     string   `json:"path"`
	Types    []string `json:"types"`
	Image    string   `json:"image"`
	Inserted bool     `json:"inserted"`
	CanPost  bool     `json:"can_insert"` // has an InsertMedia action (else PATCH)
}

// Chassis is a Redfish Chassis.
type Chassis struct {
	ID           string `json:"id"`
	Type         string `json:"type"`
	Manufacturer string `json:"manufacturer"`
	Model        string `json:"model"`
	SerialNumber string `json:"serial_number"`
	PartNumber   string `json:"part_number,omitempty"`
}

// Firmware is one row of the firmware inventory.
type Firmware struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Version    string `json:"version"`
	Updateable bool   `json:"updateable"`
	SoftwareID string `json:"software_id,omitempty"`
	State      string `json:"state,omitempty"`
	Staged     bool   `json:"staged,omitempty"` // waits for an activation
	Path       string `json:"path,omitempty"`
}

// PowerUnit is a supply, rectifier or outlet.
type PowerUnit struct {
	ID            string   `json:"id"`
	Kind          string   `json:"kind"` // supply, outlet, circuit, metric
	Model         string   `json:"model,omitempty"`
	CapacityWatts *float64 `json:"capacity_watts,omitempty"`
	InputWatts    *float64 `json:"input_watts,omitempty"`
	OutputWatts   *float64 `json:"output_watts,omitempty"`
	State         string   `json:"state,omitempty"`
	Health        string   `json:"health,omitempty"`
	PowerState    string   `json:"power_state,omitempty"` // of a shelf's supply: On or Off; facet power_shelf
}

// LeakDetector is a sensor for coolant where none should be.
type LeakDetector struct {
	ID     string `json:"id"`
	Path   string `json:"path,omitempty"`
	State  string `json:"state"`  // OK, Warning, Critical, Unknown
	Status string `json:"status"` // Enabled, Absent …
}

// Capabilities is what this BMC can be asked to do, as it says itself.
type Capabilities struct {
	ResetTypes        []string `json:"reset_types,omitempty"`         // of the host system
	ManagerResetTypes []string `json:"manager_reset_types,omitempty"` // of the BMC that serves
	AuxCycle          string   `json:"aux_cycle,omitempty"`           // how: "oem:URI", "bios:ATTR", empty = none found
	MultipartPush     bool     `json:"multipart_push,omitempty"`
	SimpleUpdate      bool     `json:"simple_update,omitempty"`
	HTTPPush          bool     `json:"http_push,omitempty"`
	ApplyTimes        []string `json:"apply_times,omitempty"` // of multipart or SimpleUpdate
	MaxImageBytes     int64    `json:"max_image_bytes,omitempty"`
	PowerCycleShallow bool     `json:"power_cycle_shallow,omitempty"` // off and on leaves standby power: it activates no more than a restart (R51)
	RestartCutsDPU    bool     `json:"restart_cuts_dpu,omitempty"`    // a restart by Redfish takes the power of a DPU too (R66)
	VirtualMedia      bool     `json:"virtual_media,omitempty"`
	Events            bool     `json:"events,omitempty"`
}

// Stats is what reading the device cost.
type Stats struct {
	Requests       int   `json:"requests"`
	Connections    int   `json:"connections"`
	SessionsOpened int   `json:"sessions_opened"`
	SessionsClosed int   `json:"sessions_closed"`
	DurationMs     int64 `json:"duration_ms"`
}

// Attributes maps a name to a string, bool, int64, float64 or nil.
type Attributes map[string]any

// UnmarshalJSON reads integers as int64.
func (a *Attributes) UnmarshalJSON(b []byte) error {
	m, err := decodeMap(b)
	if err != nil {
		return err
	}
	*a = m
	return nil
}

// Binding ties a node of a blueprint to one real BMC. Bindings live in site.bind.hcl, never in a blueprint.
type Binding struct {
	Node       string    `json:"node"` // node name
	URL        string    `json:"url"`  // https://10.20.8.11
	PinSHA256  string    `json:"pin_sha256,omitempty"`
	NextPins   string    `json:"next_pins,omitempty"` // of certificates that are being installed, apart by blanks: trusted as well
	CAFile     string    `json:"ca_file,omitempty"`
	Serial     string    `json:"serial,omitempty"`
	MAC        string    `json:"mac,omitempty"`
	System     string    `json:"system,omitempty"` // id of the host system, when a BMC has several
	Username   string    `json:"username,omitempty"`
	Credential SecretRef `json:"credential,omitempty"` // wins over the blueprint's
	// What this very BMC left the factory with; they win over those of the blueprint's account block.
	FactoryUsername string    `json:"factory_username,omitempty"`
	Factory         SecretRef `json:"factory,omitempty"`
}

var _ json.Unmarshaler = (*Attributes)(nil)
