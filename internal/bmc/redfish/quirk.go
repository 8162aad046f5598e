package redfish

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Behaviour is what the code does about a quirk, where it can be switched by data. The rest of the table is handled the same
// way on every BMC: what once was a quirk of one vendor is safe on all.
type Behaviour string

// The behaviours that a caller asks for with Set.Does.
const (
	NoExpand        Behaviour = "no_expand"         // members are read singly
	OneInFlight     Behaviour = "one_in_flight"     // no parallel requests
	SlowReads       Behaviour = "slow_reads"        // read deadline 240 s
	SlowRelogin     Behaviour = "slow_relogin"      // 10 s before the second login
	PushGap         Behaviour = "push_gap"          // 30 s between two pushes
	FullBoot        Behaviour = "full_boot"         // boot override: target, enabled and mode together
	BootModeOnDiff  Behaviour = "boot_mode_on_diff" // boot override: mode only when it changes
	BootAlways      Behaviour = "boot_always"       // boot override: enabled every time
	OffOnReset      Behaviour = "off_on_reset"      // host_reset as Off, wait, On
	JobTruth        Behaviour = "job_truth"         // jobs and the settings object say what is pending, not Bios
	EmptyTargets    Behaviour = "empty_targets"     // BMC update wants Targets: []
	OrderHandsOff   Behaviour = "order_hands_off"   // the boot order is never written
	OrderAsSet      Behaviour = "order_as_set"      // boot order: first entry and set count
	AuxWantsOff     Behaviour = "aux_wants_off"     // aux cycle only with the host off
	ResetAfterFlash Behaviour = "reset_after_flash" // an explicit bmc_reset makes new BMC firmware run
	LateInventory   Behaviour = "late_inventory"    // versions may lag a finished task by 5 min
	VersionInSystem Behaviour = "version_in_system" // the UEFI version is only in Systems
	TaskNotMonitor  Behaviour = "task_not_monitor"  // a GET on the monitor deletes the task
	SlotOneMedia    Behaviour = "slot_one_media"    // virtual media works in the first slot
	PlainMediaURL   Behaviour = "plain_media_url"   // InsertMedia takes Image alone, without query
	BareTag         Behaviour = "bare_tag"          // If-Match without quotes
	NoKeepAlive     Behaviour = "no_keep_alive"     // every request on a fresh connection
	PatchMedia      Behaviour = "patch_media"       // virtual media by PATCH of the slot
	SlotAccounts    Behaviour = "slot_accounts"     // accounts are fixed slots
	AuxNotPower     Behaviour = "aux_not_power"     // a power cycle activates nothing: aux_cycle
	RestartByIPMI   Behaviour = "restart_by_ipmi"   // host_reset by IPMI where it is on: Redfish cuts the DPU's power
	CertByReset     Behaviour = "cert_by_reset"     // an installed certificate is shown after a bmc_reset
	CertRestarts    Behaviour = "cert_restarts"     // the BMC restarts by itself when a certificate is installed
)

// Quirk is one row of the table in redfish.md 7. Numbers are stable: a row that proves wrong is marked, never reused.
type Quirk struct {
	ID       string
	Dialects []string       // any of them; empty = any
	Vendors  []string       // any of them; empty = any
	Model    *regexp.Regexp // of host model, BMC model or product; nil = any
	From     string         // BMC version, inclusive; "" = any
	Below    string         // BMC version, exclusive; "" = any
	Does     Behaviour      // "" = handled on every BMC, see Handling
	Symptom  string
	Handling string
	Source   string
	Shown    []string // the tests that fail without the handling, each as "folder TestName"
	// How the row is played, beside the fault of the simulator that has its id: what recorded trees show, a fixture that a test holds,
	// or why it can be neither.
	Recorded []string
	Fixture  string
	Neither  string
}

// Applies tells whether a BMC has the quirk. A version range applies only when the BMC's version can be read.
func (q Quirk) Applies(id Identity) bool {
	if len(q.Dialects) > 0 && !slices.Contains(q.Dialects, id.Dialect) {
		return false
	}
	if len(q.Vendors) > 0 && !slices.Contains(q.Vendors, id.Vendor) {
		return false
	}
	if q.Model != nil && !q.Model.MatchString(id.Model) && !q.Model.MatchString(id.BMCModel) && !q.Model.MatchString(id.Product) {
		return false
	}
	if q.From == "" && q.Below == "" {
		return true
	}
	v := VersionNumber(id.BMCVersion)
	if v == "" {
		return false
	}
	return (q.From == "" || compareVersions(v, q.From) >= 0) && (q.Below == "" || compareVersions(v, q.Below) < 0)
}

// Set is the quirks of one BMC.
type Set struct {
	ids  map[string]bool
	does map[Behaviour]bool
}

// Has tells whether a row applies: "R40".
func (s Set) Has(id string) bool { return s.ids[id] }

// Does tells whether a behaviour is asked for.
func (s Set) Does(b Behaviour) bool { return s.does[b] }

// IDs lists the rows in force, by number.
func (s Set) IDs() []string {
	var out []string
	for id := range s.ids {
		out = append(out, id)
	}
	slices.SortFunc(out, func(a, b string) int { return number(a) - number(b) })
	return out
}

// Quirks matches the table against an identity.
func Quirks(id Identity) Set {
	s := Set{ids: map[string]bool{}, does: map[Behaviour]bool{}}
	for _, q := range Table() {
		if q.Applies(id) {
			s.ids[q.ID] = true
			if q.Does != "" {
				s.does[q.Does] = true
			}
		}
	}
	return s
}

func number(id string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(id, "R"))
	return n
}

// compareVersions orders dotted numbers.
func compareVersions(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		var m, n int
		if i < len(x) {
			m, _ = strconv.Atoi(x[i])
		}
		if i < len(y) {
			n, _ = strconv.Atoi(y[i])
		}
		if m != n {
			return m - n
		}
	}
	return 0
}
