// Package step holds the verbs as data: what one change is, how it stands, what makes it real, and how it can fail.
package step

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// ID names a step within its plan: "a01-n1/020-bios". IDs sort in an order in which the steps may run.
type ID string

// Kind is what a step changes.
type Kind string

// The kinds of this version.
const (
	Power     Kind = "power"      // host power state
	BIOS      Kind = "bios"       // attributes, staged together
	BIOSReset Kind = "bios_reset" // everything that nobody names, to its default
	BootOrder Kind = "boot_order" // persistent order
	BootOnce  Kind = "boot_once"  // one-time override

	SecureBoot Kind = "secure_boot" // Secure Boot on or off, its keys, one certificate
	NIC        Kind = "nic"         // settings of one network device function
	DPU        Kind = "dpu"         // mode of a BlueField
	Volume     Kind = "volume"      // create one local volume
	Erase      Kind = "erase"       // make the data of one drive unreadable
	Firmware   Kind = "firmware"    // stage one image
	Media      Kind = "media"       // insert or eject virtual media
	Reset      Kind = "reset"       // an activation: makes staged steps real
	LED        Kind = "led"         // locator light
	Dump       Kind = "dump"        // the BMC collects its own diagnostic data
	Manager    Kind = "manager"     // settings of the controller, its chassis and its power limit, written together
	Switch     Kind = "switch"      // configuration of one switch, in one revision
)

// Activation is a reset class, by strength. The zero value is invalid.
type Activation uint8

// The classes, weakest first.
const (
	NoClass Activation = iota
	None
	BMCReset
	HostReset
	HostPowerCycle
	AuxCycle
	ACCycle
)

var activationNames = [...]string{"", "none", "bmc_reset", "host_reset", "host_power_cycle", "aux_cycle", "ac_cycle"}

// String gives the class's name in text and JSON.
func (a Activation) String() string {
	if int(a) < len(activationNames) {
		return activationNames[a]
	}
	return fmt.Sprintf("Activation(%d)", uint8(a))
}

// Host tells whether the class takes the host down.
func (a Activation) Host() bool { return a >= HostReset }

// ParseActivation reads what String wrote.
func ParseActivation(s string) (Activation, error) {
	for i, n := range activationNames {
		if n == s && i > 0 {
			return Activation(i), nil
		}
	}
	return NoClass, fmt.Errorf("unknown reset class %q", s)
}

// MarshalText writes the name.
func (a Activation) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads the name.
func (a *Activation) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*a = NoClass
		return nil
	}
	v, err := ParseActivation(string(b))
	*a = v
	return err
}

// Facts maps a name to a string, bool, int64, or list of these. JSON is sorted and whole numbers survive a round trip.
type Facts map[string]any

// UnmarshalJSON reads whole numbers as int64.
func (f *Facts) UnmarshalJSON(b []byte) error {
	m, err := rack.DecodeFacts(b)
	if err != nil {
		return err
	}
	*f = m
	return nil
}

// The manners in which a host goes down.
const (
	Graceful = "graceful"
	Force    = "force"
	// Emergency cuts at once, over a leak too, unless firmware is being written; EmergencyFlash waits for the end of POST as well,
	// for a host that starts may be writing an image of this run. No plan holds these: the safety stop asks for them.
	Emergency      = "emergency"
	EmergencyFlash = "emergency_flash"
)

// OverLeak tells whether a step may be done over a leak: to take the power away is what makes a tray safe.
func (s Step) OverLeak() bool {
	return s.Kind == Power && s.Want["power_state"] == "Off" && (s.Args.Manner == Emergency || s.Args.Manner == EmergencyFlash)
}

// Step is one change of one node. It is immutable once planned.
//
// What Expect and Want hold, by kind:
//
//	power       power_state: "On" | "Off"
//	bios        ATTRIBUTE: value, one entry each
//	bios_reset  ATTRIBUTE: default, one entry for each that is not at it and that nobody names
//	boot_order  order: [BootOptionReference …]; mode: "UEFI" | "Legacy" when that changes too; or http_uri alone
//	boot_once   target: "Cd" …; mode: "UEFI"
//	secure_boot enabled: true | false; or mode: "UserMode" | "SetupMode", by keys; or certificate: fingerprint, "" for none, in Args.Component;
//	            or certificates: [fingerprint …], gone: [fingerprint …], signatures, of Args.Component as a whole
//	nic         PROPERTY or ATTRIBUTE: value, one entry each
//	dpu         mode: "DpuMode" | "NicMode"
//	volume      name, raid_type, drives: [serial …] sorted, capacity_bytes when bounded; Expect: exists: false.
//	            To delete (destroy only) the two change places: Want: exists: false; Args.Path is the volume itself
//	erase       serial, method, erased: true, passes when told; Expect: serial, erased: false. Only with consent (destroy)
//	firmware    version
//	media       image, inserted
//	manager     WORD: value, one entry each; attributes of the vendor as "attributes.NAME"
//	switch      digest: of the declared part of the configuration; saved: false | true where it runs and is not kept. Each setting
//	            that differs stands in Args.Config
//	reset       nothing: it is done when the steps it activates are
//	led         led: "Lit" | "Blinking" | "Off"
//	dump        nothing: it is done when the collection that its own Op began has ended
type Step struct {
	ID         ID           `json:"id"`
	Address    rack.Address `json:"address"`
	Node       string       `json:"node"`
	Kind       Kind         `json:"kind"`
	Activation Activation   `json:"activation"` // what makes it real; for a reset: the class it issues
	Expect     Facts        `json:"from"`
	Want       Facts        `json:"to"`
	Args       Args         `json:"args,omitzero"`
	After      []ID         `json:"after"`
	Activates  []ID         `json:"activates,omitempty"` // of a reset, or of a power step that turns an off host on: the staged steps it makes real
	Bytes      int64        `json:"bytes,omitempty"`
	EstimatedS int          `json:"estimated_s,omitempty"`
	Origin     diag.Origin  `json:"origin,omitzero"`
	Why        string       `json:"why"`
}

// Args is what acting needs beyond Expect and Want. Paths were read from the device; nothing is built.
type Args struct {
	System    string   `json:"system,omitempty"` // path of the ComputerSystem
	Path      string   `json:"path,omitempty"`   // bios: settings object; media: slot; volume: collection; erase: drive
	ApplyTime string   `json:"apply_time,omitempty"`
	Drives    []string `json:"drives,omitempty"`   // volume: paths of the member drives
	Resource  string   `json:"resource,omitempty"` // nic, secure_boot, dpu: path of what is set; Path: where it is written
	Component string   `json:"component,omitempty"`
	Rows      []string `json:"rows,omitempty"` // firmware: ids of the inventory rows as seen; on some BMCs an id holds the version
	// Select finds the rows again after the flash: the ids of Rows may be gone by then (Dell).
	Select       rack.RowSelect `json:"select,omitzero"`
	ReadFrom     string         `json:"read_from,omitempty"`
	Compare      string         `json:"compare,omitempty"`
	File         string         `json:"file,omitempty"`
	SizeBytes    int64          `json:"size_bytes,omitempty"`
	Digest       string         `json:"digest,omitempty"`
	Method       string         `json:"method,omitempty"`
	Targets      []string       `json:"targets,omitempty"`
	Apply        string         `json:"apply,omitempty"` // on_reset, immediate
	TimeoutS     int            `json:"timeout_s,omitempty"`
	PreserveNVRM bool           `json:"preserve_nvram,omitempty"`
	Once         []string       `json:"once,omitempty"`        // bios: attributes that fall back by themselves after one start
	Length       int            `json:"length,omitempty"`      // account: characters of the password
	AfterReset   bool           `json:"after_reset,omitempty"` // bios: a bios_reset before it takes away even what is as wanted now
	// Manner is how a host goes down: graceful asks its OS and never cuts, force cuts at once; empty asks one that may
	// run before it cuts (power), or does not ask (reset).
	Manner string         `json:"manner,omitempty"`
	Data   string         `json:"data,omitempty"`   // dump: DiagnosticDataType, and after a slash OEMDiagnosticDataType
	Secret rack.SecretRef `json:"secret,omitempty"` // controller_key: where the key is; never the key
	Store  string         `json:"store,omitempty"`  // storage kinds: path of the Storage resource
	Target string         `json:"target,omitempty"` // storage kinds: of the action; empty = the resource itself is written
	// Config is what changes of the configuration of a switch, by path.
	Config []rack.ConfigChange `json:"config,omitempty"`
	// Places says where each entry of a manager step is read and written.
	Places map[string]rack.SettingPlace `json:"places,omitempty"`
}

// Standing is how a step stands on its device. The zero value is Unknown: the device could not say.
type Standing uint8

// The standings. Done, Ready and Moved are decisions; Working and Staged mean that the change has been accepted and is not
// real yet, so it is never printed as done.
const (
	Unknown Standing = iota
	Ready            // the device is as Expect says: the change may be made
	Working          // a task or transition of this step is under way
	Staged           // accepted by the device, waits for its activation
	Done             // the device is as Want says
	Moved            // the device is neither: a new plan is needed
)

var standingNames = [...]string{"unknown", "ready", "working", "staged", "done", "moved"}

// String gives the word.
func (s Standing) String() string {
	if int(s) < len(standingNames) {
		return standingNames[s]
	}
	return fmt.Sprintf("Standing(%d)", uint8(s))
}

// State is one look at a step.
type State struct {
	Standing Standing
	Percent  int    // of a task under way; -1 = not told
	Note     string // what the device says, for people; no secret
	Seen     Facts  // the facts the decision rests on
}

// Op is the handle of something that was started. It is journalled before it is polled, and survives a crash.
type Op struct {
	Step     ID        `json:"step"`
	Handle   string    `json:"handle,omitempty"`   // task URI or job URI; empty = none given
	Baseline Facts     `json:"baseline,omitempty"` // what was seen just before the side effect: power_state, last_reset_time, boot_progress
	Sent     bool      `json:"sent,omitempty"`     // the request that changes the device has been answered
	Started  time.Time `json:"started,omitzero"`
}

// Class is why something failed, and so what may be done about it. The zero value is NoFailure.
type Class string

// The failure classes of the engine.
const (
	NoFailure   Class = ""
	Auth        Class = "auth"        // two tries on that BMC, never a third
	Unreachable Class = "unreachable" // no answer
	Transient   Class = "transient"   // busy, 5xx, cut connection: may be tried again
	Rejected    Class = "rejected"    // the BMC refuses this request: trying again changes nothing
	Recipe      Class = "recipe"      // the same signature on several nodes: our bug, the run pauses
	HardwareBad Class = "hardware"    // needs hands
	Safety      Class = "safety"      // leak, over-temperature, shelf fault: stop at once
	HasMoved    Class = "moved"       // the device is not as planned
	Unsupported Class = "unsupported" // this BMC cannot do it
	Trust       Class = "trust"       // certificate not trusted, digest or signature wrong
	Internal    Class = "internal"    // our journal, our disk, our bug
)

// Failure is an error with its class and what a person can do.
type Failure struct {
	Class    Class
	Err      error
	Advice   string   // full sentence, or empty
	Messages []string // MessageIds the BMC gave
}

// Error gives the cause.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Fail wraps an error with a class; nil stays nil.
func Fail(c Class, err error, advice string) error {
	if err == nil {
		return nil
	}
	return &Failure{Class: c, Err: err, Advice: advice}
}

// ClassOf finds the class of an error: NoFailure for nil, Transient for one that carries none.
func ClassOf(err error) Class {
	if err == nil {
		return NoFailure
	}
	var f *Failure
	if errors.As(err, &f) {
		return f.Class
	}
	return Transient
}

// AdviceOf finds what a person can do about err, or "".
func AdviceOf(err error) string {
	var f *Failure
	if errors.As(err, &f) {
		return f.Advice
	}
	return ""
}

var _ json.Unmarshaler = (*Facts)(nil)
