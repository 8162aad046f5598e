package sim

import (
	"strings"
	"sync"
)

// The dialects, as hardware of the catalog names them.
const (
	dialectIDRAC      = "idrac"
	dialectILO        = "ilo"
	dialectSupermicro = "supermicro"
	dialectXCC        = "xcc"
	dialectAMI        = "ami"
	dialectOpenBMC    = "openbmc"
	dialectLiteon     = "liteon" // of a power shelf: no node speaks it
)

// dialect is how one vendor's BMC differs from the others: names, versions of schemas, and which of the known ways it takes.
// Where each fact was read stands in redfish.md §2.9, §5.3 and §8.
type dialect struct {
	name, vendor, product, server string
	redfish                       string // RedfishVersion
	rootID, rootName              string
	oem                           string // key under Oem
	baseRegistry, updateRegistry  string
	types                         map[string]string // schema → version
	serialPrefix                  string

	etag         tagForm
	foldCase     bool // URIs are compared without case (R109)
	saysSuccess  bool // writes answer 200 with a Success message, not 204
	expandLevels int  // 0 = $expand is not announced
	expandLinks  bool // "*" and "." are understood, not only "~" … else "." alone
	pageSize     int
	pageOverlap  bool // each page repeats all that follows (R108)

	sessionLimit, sessionTimeoutS int
	lockoutThreshold, lockoutS    int // 0 = no lock-out

	hostID, managerID, chassisID string
	baseboard                    string // a second System that holds the GPUs
	resets, managerResets        []string
	inlineResets, resetInfo      bool // allowable values inline, by ActionInfo, or both
	resetTask                    bool // a reset answers 202 with a task
	bootProgress, lastReset      bool
	managerLastReset             bool
	auxAction                    auxVerb

	biosID, settingsID         string // last segments: Bios, Settings
	registryName               string // Bios.AttributeRegistry; empty = none named (R103)
	registryMember             string // under Registries
	registryURI                string
	fullPending, noPendingAttr bool // the settings object is a full copy; or has no Attributes while nothing waits
	applyTimes                 []string
	settingsJob                bool // staged attributes are a job
	pendingDies                bool // what waits is lost with a reset of the BMC
	registry                   *registry

	bootSettings  string // last segment of the System's settings object; empty = the order is written on the System
	overrides     []string
	overrideModes bool // BootSourceOverrideMode is shown
	hiddenTargets bool // allowable targets are told by the settings object alone

	slots       []slotSpec
	mediaHome   []string // "manager", "system"
	mediaByAct  bool     // slots have actions; else PATCH
	ejectHidden bool     // no EjectMedia while a slot is empty (R105)

	update  updateSpec
	gpus    gpuStyle
	storage storageSpec
	power   powerSpec
	leaks   int
	rows    func(b *BMC) []row
}

// auxVerb is the OEM action that takes away standby power too (redfish.md §2.9).
type auxVerb struct {
	uri      string
	key      string // under Actions.Oem
	value    string
	info     string
	needsOff bool // R39
}

type slotSpec struct {
	id    string
	types []string
}

// updateSpec is what the UpdateService offers.
type updateSpec struct {
	multipart, push  string
	simple           string // target of SimpleUpdate
	simpleInfo       string
	startUpdate      string
	targets          map[string][]string // component → URIs that may be named as Targets
	applyTimes       []string            // of multipart; nil = none announced
	maxBytes         int64
	lengthRequired   bool   // chunked uploads are refused (R21)
	preserveNVRAM    bool   // a BIOS flash clears the settings unless told otherwise
	startOnRequest   bool   // OnStartUpdateRequest and StartUpdate
	handle           string // where the task of a push is told: location, body, args (R31)
	taskSeries       int    // first number of tasks
	stageImmediately bool   // what applies OnReset is written to a staging area at once
}

// gpuStyle is where GPUs are and what they tell (redfish.md §8).
type gpuStyle struct {
	place     string // processor, pcie, baseboard
	format    string // id, with the number
	first     int
	model     bool // Model is the product
	partModel bool // Model is the part number, Name the product
	pcieName  bool // a PCIeDevice carries the product as its Name (R116)
}

// storageSpec is where drives and volumes live.
type storageSpec struct {
	raidID, directID string // ids of the Storage resources
	driveHome        string // storage, chassis, both (R98)
	driveFormat      string
	direct           bool   // the direct controller has Volumes of type RawDevice (R111)
	apply            string // job (OnReset), task, immediate; empty = makes no volumes
	applyTimes       []string
	capabilities     bool
	erase            eraseStyle
	controllers      bool // Controllers are resources of their own, else StorageControllers inline
}

type powerSpec struct {
	subsystem bool // PowerSubsystem beside Power
	legacy    bool // Power and Thermal
}

func (d *dialect) sys() string     { return "/redfish/v1/Systems/" + d.hostID }
func (d *dialect) manager() string { return "/redfish/v1/Managers/" + d.managerID }
func (d *dialect) chassis() string { return "/redfish/v1/Chassis/" + d.chassisID }
func (d *dialect) biosURI() string { return d.sys() + "/" + d.biosID }

func (d *dialect) settingsURI() string { return d.biosURI() + "/" + d.settingsID }

// gpuSystem is the System that the GPUs hang on.
func (d *dialect) gpuSystem() string {
	if d.baseboard != "" {
		return "/redfish/v1/Systems/" + d.baseboard
	}
	return d.sys()
}

func (d *dialect) imageLimit() int64 {
	if d.update.maxBytes > 0 {
		return d.update.maxBytes
	}
	return 256 << 20
}

// typ gives the @odata.type of a schema in this dialect's version.
func (d *dialect) typ(schema string) string {
	v, ok := d.types[schema]
	if !ok {
		panic("metalwright: internal error: dialect " + d.name + " has no version of " + schema + ". This is a bug in Metalwright.")
	}
	return "#" + schema + "." + v + "." + schema
}

// has tells whether the dialect shows a schema at all.
func (d *dialect) has(schema string) bool { return d.types[schema] != "" }

// versions reads "ServiceRoot.v1_10_0 Manager.v1_12_0 …".
func versions(list string) map[string]string {
	m := map[string]string{}
	for _, f := range strings.Fields(list) {
		schema, v, _ := strings.Cut(f, ".")
		m[schema] = v
	}
	return m
}

var dialects = sync.OnceValue(func() map[string]*dialect {
	m := map[string]*dialect{}
	for _, d := range []*dialect{idrac(), ilo(), supermicro(), xcc(), ami(), openbmc(), liteon()} {
		m[d.name] = d
	}
	return m
})

// Dialects lists the dialects that simulated nodes speak, sorted. Power shelves have one of their own.
func Dialects() []string {
	return []string{dialectAMI, dialectIDRAC, dialectILO, dialectOpenBMC, dialectSupermicro, dialectXCC}
}
