package rack

import "github.com/metalwright/metalwright/internal/diag"

// What a blueprint may say about drives that hold the configuration of another controller.
const (
	ForeignRefuse = "refuse" // default: the plan stops where such a drive is wanted
	ForeignImport = "import" // the controller takes the configuration over, with its volumes
	ForeignClear  = "clear"  // the configuration is thrown away; its volumes are lost
)

// How a volume that exists is taken for a wanted one.
const (
	AdoptOnly  = "only"  // one that exists must be taken; none is ever made
	AdoptNever = "never" // only one of the wanted name counts
)

// What a hot spare stands in for; Redfish's words (DSP0268, Drive.HotspareType).
const (
	SpareNone      = "None"
	SpareGlobal    = "Global"    // any volume of the controller
	SpareDedicated = "Dedicated" // one volume
)

// VolumeOptions is what a volume may say beyond type, drives and size. The zero value leaves all to the controller.
type VolumeOptions struct {
	SharePercent int    `json:"share_percent,omitempty"` // of what the drives give; 0 = all, or SizeBytes
	Spans        int    `json:"spans,omitempty"`         // of RAID10, RAID50, RAID60; 0 = left to the controller
	StripBytes   int64  `json:"strip_bytes,omitempty"`
	ReadCache    string `json:"read_cache,omitempty"`  // Redfish ReadCachePolicy: Off, ReadAhead, AdaptiveReadAhead
	WriteCache   string `json:"write_cache,omitempty"` // Redfish WriteCachePolicy: WriteThrough, ProtectedWriteBack, UnprotectedWriteBack
	Initialize   string `json:"initialize,omitempty"`  // Redfish InitializeType: Fast, Slow; after it was made, never later
	Encrypted    bool   `json:"encrypted,omitempty"`

	Adopt     string         `json:"adopt,omitempty"`      // only, never; empty = one that fits is taken, else one is made
	AdoptName string         `json:"adopt_name,omitempty"` // name or id, on its controller, of the volume that is taken
	Spares    *DriveSelector `json:"spares,omitempty"`     // dedicated; nil = left alone, a count of 0 = none shall be
}

// DiskSpec is what a node says about its drives beside volumes.
type DiskSpec struct {
	Foreign    string          `json:"foreign,omitempty"` // refuse, import, clear; empty = refuse
	Spares     []SpareSpec     `json:"spares,omitempty"`
	Keys       []KeySpec       `json:"keys,omitempty"`
	Namespaces []NamespaceSpec `json:"namespaces,omitempty"`
	Origin     diag.Origin     `json:"origin,omitzero"`
}

// SpareSpec is a wanted set of global hot spares.
type SpareSpec struct {
	Name   string        `json:"name"`
	Drives DriveSelector `json:"drives"`
	Origin diag.Origin   `json:"origin,omitzero"`
}

// KeySpec is the key with which a controller locks self-encrypting drives. The key itself is never here.
type KeySpec struct {
	Controller string      `json:"controller"` // part of the controller's id or name
	ID         string      `json:"id"`         // what the controller calls the key; no secret
	Key        SecretRef   `json:"key"`
	Origin     diag.Origin `json:"origin,omitzero"`
}

// NamespaceSpec is a wanted NVMe namespace on one drive.
type NamespaceSpec struct {
	Name      string        `json:"name"`
	Drives    DriveSelector `json:"drives"` // one drive is taken
	SizeBytes int64         `json:"size_bytes,omitempty"`
	LBABytes  int64         `json:"lba_bytes,omitempty"` // 512, 4096; 0 = left to the drive
	OnDestroy string        `json:"on_destroy"`          // keep (default), delete
	Origin    diag.Origin   `json:"origin,omitzero"`
}

// ControllerOffer is what a controller can be asked to do through its BMC. It is read when a plan needs it (FacetDrives).
// A nil Action is not offered.
type ControllerOffer struct {
	Volume    *VolumeOffer `json:"volume,omitempty"`    // nil: nothing is said about what may be told on creation
	Dedicate  *Action      `json:"dedicate,omitempty"`  // makes a drive the hot spare of one volume
	Globalise *Action      `json:"globalise,omitempty"` // makes a drive a hot spare of all volumes
	Unspare   *Action      `json:"unspare,omitempty"`   // takes a drive back; its kind is one that is offered
	Import    *Action      `json:"import,omitempty"`    // takes a foreign configuration over
	Clear     *Action      `json:"clear,omitempty"`     // throws a foreign configuration away
	Reset     *Action      `json:"reset,omitempty"`     // throws every volume and spare away
	SetKey    *Action      `json:"set_key,omitempty"`
	KeyID     string       `json:"key_id,omitempty"` // of the key that is set; empty = none is
	Namespace bool         `json:"namespace,omitempty"`
}

// Action is one act that a BMC offers.
type Action struct {
	Target string `json:"target,omitempty"` // empty: a property of the drive or volume itself is written
	Style  string `json:"style"`            // standard (DSP0268), dell (DellRaidService)
	Name   string `json:"name,omitempty"`   // what the vendor calls the thing it is done to; Dell's FQDD
}

// The styles of an Action.
const (
	StyleStandard = "standard"
	StyleDell     = "dell"
)

// VolumeOffer is what a controller takes when it makes a volume. An empty list of words means that it is not offered.
type VolumeOffer struct {
	Strips     []int64  `json:"strips,omitempty"`
	AnyStrip   bool     `json:"any_strip,omitempty"` // taken, and which sizes is not said
	StripKey   string   `json:"strip_key,omitempty"` // StripSizeBytes, or OptimumIOSizeBytes
	ReadCache  []string `json:"read_cache,omitempty"`
	WriteCache []string `json:"write_cache,omitempty"`
	MaxSpans   int      `json:"max_spans,omitempty"` // 0 = the number of spans cannot be told
	Encrypted  bool     `json:"encrypted,omitempty"`
	Initialize []string `json:"initialize,omitempty"` // kinds that Volume.Initialize takes of its volumes: Fast, Slow
}

// VolumeDetail is what a volume says of itself beyond type, size and members. It is read when a plan needs it (FacetDrives).
type VolumeDetail struct {
	StripBytes int64    `json:"strip_bytes,omitempty"`
	ReadCache  string   `json:"read_cache,omitempty"`
	WriteCache string   `json:"write_cache,omitempty"`
	Spans      int      `json:"spans,omitempty"`
	Encrypted  bool     `json:"encrypted,omitempty"`
	Spares     []string `json:"spares,omitempty"`     // serial numbers of dedicated spares, sorted
	Initialize []string `json:"initialize,omitempty"` // kinds that Volume.Initialize takes: Fast, Slow
	Writable   []string `json:"writable,omitempty"`   // of ReadCachePolicy, WriteCachePolicy
}

// Namespace is an NVMe namespace that a BMC shows. It is read when a plan needs it (FacetDrives).
type Namespace struct {
	ID            string `json:"id"`
	Path          string `json:"path"`
	Name          string `json:"name"`
	Drive         string `json:"drive"` // serial number
	CapacityBytes int64  `json:"capacity_bytes"`
	LBABytes      int64  `json:"lba_bytes,omitempty"`
	Controller    string `json:"controller,omitempty"`
}
