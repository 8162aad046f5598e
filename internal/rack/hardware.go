package rack

// Number is a catalog number with its basis. A nil *Number is unknown: a check that needs it says so and never guesses.
type Number struct {
	Value    float64 `json:"value"`
	Source   string  `json:"source"`
	Verified bool    `json:"verified"` // read in the vendor's own document, or reported by a device
}

// Hardware is one catalog entry: server, rack, shelf or switch. Names end in their unit.
type Hardware struct {
	Key        string                    `json:"key"`  // server.dgx_h100
	Kind       string                    `json:"kind"` // server, rack, shelf, switch, fabric
	Vendor     string                    `json:"vendor"`
	Summary    string                    `json:"summary,omitempty"`
	Source     string                    `json:"source"`
	Verified   bool                      `json:"verified"`
	Digest     Digest                    `json:"digest"`              // of the catalog file
	Dialect    string                    `json:"dialect,omitempty"`   // idrac, ilo, supermicro, xcc, ami, openbmc
	Identity   Identity                  `json:"identity,omitzero"`   // exact strings that Redfish says
	U          *Number                   `json:"u,omitempty"`         // height in rack units; of a rack: its capacity
	WeightKg   *Number                   `json:"weight_kg,omitempty"` // of a rack: its tare
	PeakKW     *Number                   `json:"peak_kw,omitempty"`
	Supplies   *Number                   `json:"supplies,omitempty"`
	SupplyKW   *Number                   `json:"supply_kw,omitempty"`
	Cooling    string                    `json:"cooling,omitempty"` // air, liquid, hybrid
	CPU        *PartFacts                `json:"cpu,omitempty"`
	GPU        *PartFacts                `json:"gpu,omitempty"`
	MemoryGiB  *Number                   `json:"memory_gib,omitempty"`
	Disks      []DiskFacts               `json:"disks,omitempty"`
	NICs       []PartFacts               `json:"nics,omitempty"`
	Profiles   map[string]map[string]any `json:"profiles,omitempty"`    // BIOS profiles: name → attribute → string, bool or int64
	BIOSJudges string                    `json:"bios_judges,omitempty"` // "current": rules are held against what runs, not against what waits
	Components []ComponentFacts          `json:"components,omitempty"`
	Timing     Timing                    `json:"timing,omitzero"`
	NoMerge    []NoMerge                 `json:"no_merge,omitempty"`
	Fabric     *FabricDesign             `json:"fabric,omitempty"` // of a fabric design
	Facts      map[string]Number         `json:"facts,omitempty"`  // other numbers: form.width_mm, rails.count
}

// Identity is how a device of this entry names itself.
type Identity struct {
	Manufacturer string   `json:"manufacturer,omitempty"`
	Models       []string `json:"models,omitempty"`
	Source       string   `json:"source,omitempty"`
	Verified     bool     `json:"verified,omitempty"`
}

// PartFacts is a kind of part and how many there are.
type PartFacts struct {
	Name         string `json:"name,omitempty"`
	Manufacturer string `json:"manufacturer,omitempty"`
	Model        string `json:"model"`
	Count        int    `json:"count"`
	Cores        int    `json:"cores,omitempty"`      // CPU
	MemoryMiB    int64  `json:"memory_mib,omitempty"` // GPU, each
	Ports        int    `json:"ports,omitempty"`      // NIC, each
	SpeedBps     int64  `json:"speed_bps,omitempty"`  // NIC, each port
	Protocol     string `json:"protocol,omitempty"`   // NIC: Ethernet, InfiniBand
	Source       string `json:"source,omitempty"`
	Verified     bool   `json:"verified,omitempty"`
}

// DiskFacts is a group of equal drives.
type DiskFacts struct {
	Name          string `json:"name"` // m2_raid1
	Model         string `json:"model,omitempty"`
	Count         int    `json:"count"`
	CapacityBytes int64  `json:"capacity_bytes"`
	Media         string `json:"media"`    // SSD, HDD
	Protocol      string `json:"protocol"` // NVMe, SATA, SAS
	By            string `json:"by"`       // redfish: a controller makes volumes; host: software RAID
	Controller    string `json:"controller,omitempty"`
	SED           bool   `json:"sed,omitempty"`
	Use           string `json:"use,omitempty"`
	Source        string `json:"source,omitempty"`
	Verified      bool   `json:"verified,omitempty"`
}

// ComponentFacts is a flashable part as the simulator and the planner know it. Version is what a new machine has.
type ComponentFacts struct {
	Name       string `json:"name"`    // bmc, bios, nic, hgx
	Version    string `json:"version"` // factory version
	Activation string `json:"activation"`
	FlashS     int    `json:"flash_s,omitempty"`
}

// Timing is how long a platform takes, in seconds; 0 = use the default.
type Timing struct {
	POSTS     int    `json:"post_s,omitempty"`
	BMCResetS int    `json:"bmc_reset_s,omitempty"`
	AuxCycleS int    `json:"aux_cycle_s,omitempty"`
	Source    string `json:"source,omitempty"`
}

// NoMerge says that two step kinds (or firmware components, as "firmware:bmc") may not share one activation.
type NoMerge struct {
	A      string `json:"a"`
	B      string `json:"b"`
	Why    string `json:"why"`
	Source string `json:"source"`
}

// Baseline is a pinned set of firmware versions for one platform.
type Baseline struct {
	Key        string              `json:"key"` // sys_821ge_tnhr/2026.11
	Platform   string              `json:"platform"`
	Version    string              `json:"version"`
	Serial     int                 `json:"serial"`
	Expires    string              `json:"expires,omitempty"` // RFC 3339
	Match      BaselineMatch       `json:"match"`
	Components []BaselineComponent `json:"components"` // in file order
	NoMerge    [][2]string         `json:"no_merge,omitempty"`
	NotActedOn []string            `json:"not_acted_on,omitempty"` // decoded, without effect in this version: trust, hop …
	Digest     Digest              `json:"digest"`
}

// BaselineMatch says which devices a baseline is for; all that is given must equal what Redfish says.
type BaselineMatch struct {
	Manufacturer string   `json:"manufacturer,omitempty"`
	Models       []string `json:"model,omitempty"`
	Hardware     []string `json:"hardware,omitempty"` // catalog keys without "server."
}

// BaselineComponent is one flashable part and its pinned image.
type BaselineComponent struct {
	Name    string            `json:"name"`
	Select  RowSelect         `json:"select"`
	Want    string            `json:"want"`
	Compare string            `json:"compare"` // exact (default), or a named order: semver, dell, hpe, supermicro, hex
	Floor   string            `json:"floor,omitempty"`
	Image   ImageRef          `json:"image"`
	Method  string            `json:"method"` // multipart, simple_update, auto
	Targets []string          `json:"targets,omitempty"`
	Apply   string            `json:"apply"`      // on_reset, immediate
	Reset   string            `json:"activation"` // reset class that makes it run
	TimeS   int               `json:"timeout_s"`
	FlashS  int               `json:"flash_s,omitempty"`
	Keeps   bool              `json:"keeps_nvram"`
	Needs   map[string]string `json:"needs,omitempty"` // component → version that must run first: cuts a layer
	After   []string          `json:"after,omitempty"` // order only
}

// RowSelect picks rows of the firmware inventory. Patterns are RE2.
type RowSelect struct {
	ID         string `json:"id,omitempty"`
	Name       string `json:"name,omitempty"` // where ids are only numbers (HPE)
	SoftwareID string `json:"software_id,omitempty"`
	All        bool   `json:"all,omitempty"`       // several rows may match
	ReadFrom   string `json:"read_from,omitempty"` // "system.bios_version", "manager.firmware_version"; default: the row
}

// ImageRef is a firmware file, pinned.
type ImageRef struct {
	File      string `json:"file"`
	SizeBytes int64  `json:"size_bytes"`
	Digest    Digest `json:"digest"`
}
