package sim

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FaultInfo is a named fault: a row of the quirk table (Rnn, redfish.md §7) or a general one.
type FaultInfo struct {
	ID       string
	Summary  string
	Dialects []string // empty = all
	// Lasting faults are how that device is; the others fire a bounded number of times, at moments that follow from seed,
	// node and fault alone.
	Lasting bool
	// OptIn faults are not part of "all": no client can or should get past them.
	OptIn bool
	// Always marks what these dialects do whether they are asked to or not: it cannot be taken away. Naming it changes nothing.
	Always bool
	// BreaksSchema marks answers that DMTF's schemas do not allow: the device does so, and so do we.
	BreaksSchema bool
	// Shown are tests of how it is handled, each as "folder TestName", besides that of the conformance suite, which every
	// fault has whose Unmet is empty.
	Shown []string
	Unmet string // why a driver at work has no occasion to meet it
	times int    // at most; of a fault that fires
	early int    // the first firing lies within so many opportunities
}

var faultBase = []FaultInfo{
	{ID: "R1", Summary: "no free session: 503 RAC0218", Dialects: []string{dialectIDRAC}, times: 2, early: 3},
	{ID: "R2", Summary: "PATCH without If-Match: 428", Dialects: []string{dialectXCC}, Lasting: true},
	{ID: "R3", Summary: "If-Match on an action: 412", Dialects: []string{dialectIDRAC}, Lasting: true},
	{ID: "R4", Summary: "the ETag header has a -gzip suffix that If-Match must not have", Dialects: []string{dialectSupermicro, dialectXCC}, Lasting: true},
	{ID: "R5", Summary: "the ETag is the empty string", Dialects: []string{dialectIDRAC, dialectOpenBMC}, Lasting: true},
	{ID: "R7", Summary: "400 on a power change soon after another", Dialects: []string{dialectILO}, Lasting: true},
	{ID: "R8", Summary: "writes are refused during POST", Dialects: []string{dialectILO}, Lasting: true},
	{ID: "R9", Summary: "a reused connection is cut (reads)", Dialects: []string{dialectILO}, times: 3, early: 30},
	{ID: "R10", Summary: "a reused connection is cut before a write is acted on", times: 2, early: 4},
	{ID: "R11", Summary: "network adapters are missing until the operating system runs", Dialects: []string{dialectILO}, Lasting: true, OptIn: true,
		Unmet: "network adapters are read by a survey"},
	{ID: "R12", Summary: "EjectMedia and ResetBios need a body", Dialects: []string{dialectILO}, Lasting: true},
	{ID: "R14", Summary: "On soon after Off: 409", Dialects: []string{dialectIDRAC}, Lasting: true},
	{ID: "R15", Summary: "a power action is carried out and answered with 409", times: 2, early: 2},
	{ID: "R16", Summary: "a new job is 404 for some seconds", Dialects: []string{dialectIDRAC}, Lasting: true},
	{ID: "R17", Summary: "a task is gone when it has ended; its job is not", Dialects: []string{dialectIDRAC}, Lasting: true},
	{ID: "R18", Summary: "a reset does not apply the staged BIOS", Dialects: []string{dialectIDRAC}, times: 1, early: 1},
	{ID: "R19", Summary: "TaskState New while a task runs", Dialects: []string{dialectIDRAC}, Lasting: true},
	{ID: "R20", Summary: "an update ends Completed with status Critical, and did nothing", Dialects: []string{dialectIDRAC}, times: 1, early: 3},
	{ID: "R22", Summary: "the token dies when an image is pushed", Dialects: []string{dialectIDRAC}, times: 2, early: 2},
	{ID: "R23", Summary: "a slot says Inserted after it was ejected", Dialects: []string{dialectIDRAC}, times: 1, early: 1},
	{ID: "R25", Summary: "writing BootSourceOverrideMode adds a job", Dialects: []string{dialectIDRAC}, Lasting: true},
	{ID: "R26", Summary: "BootSourceOverrideEnabled falls back to Once when it is not sent", Dialects: []string{dialectSupermicro}, Lasting: true},
	{ID: "R29", Summary: "media URLs with ? or =, Inserted and WriteProtected are refused", Dialects: []string{dialectSupermicro}, Lasting: true},
	{ID: "R30", Summary: "the inventory lags minutes behind", Dialects: []string{dialectSupermicro}, Lasting: true},
	{ID: "R31", Summary: "202 without a task; its URI stands in MessageArgs", Dialects: []string{dialectSupermicro}, Lasting: true},
	{ID: "R32", Summary: "a boot override wants target, enabled and mode together", Dialects: []string{dialectAMI}, Lasting: true},
	{ID: "R34", Summary: "reading the monitor deletes a finished task", Dialects: []string{dialectXCC}, Lasting: true},
	{ID: "R35", Summary: "ForceRestart hangs in POST", Dialects: []string{dialectXCC}, Lasting: true},
	{ID: "R36", Summary: "the monitor answers once, then 404", Dialects: []string{dialectOpenBMC}, Lasting: true},
	{ID: "R37", Summary: "503 on the first calls after a BMC reset", Dialects: []string{dialectOpenBMC}, Lasting: true},
	{ID: "R39", Summary: "the host comes back by itself after an aux cycle", Dialects: []string{dialectOpenBMC}, Lasting: true},
	{ID: "R40", Summary: "$expand drops properties", Dialects: []string{dialectAMI, dialectOpenBMC}, Lasting: true},
	{ID: "R41", Summary: "an empty collection has Members: null", Dialects: []string{dialectOpenBMC}, Lasting: true, BreaksSchema: true},
	{ID: "R42", Summary: "release dates that are no dates", Dialects: []string{dialectIDRAC, dialectSupermicro}, Lasting: true, BreaksSchema: true},
	{ID: "R47", Summary: "the BMC's clock was never set, and images are not valid yet", Dialects: []string{dialectSupermicro, dialectAMI, dialectOpenBMC}, Lasting: true},
	{ID: "R55", Summary: "the Bios resource shows pending values as current", Dialects: []string{dialectIDRAC}, Lasting: true},
	{ID: "R59", Summary: "a boot loses the order's disk entry", Dialects: []string{dialectSupermicro}, times: 1, early: 1, OptIn: true,
		Unmet: "what a later boot does to an order is for a plan to find", Shown: []string{"internal/drivertest TestOrderDecays"}},
	{ID: "R60", Summary: "a boot drops the disk entry from the end of the order", Dialects: []string{dialectXCC}, times: 1, early: 1, OptIn: true,
		Unmet: "what a later boot does to an order is for a plan to find", Shown: []string{"internal/drivertest TestOrderDecays"}},
	{ID: "R61", Summary: "the settings object of the boot order is 404 for ever", Dialects: []string{dialectXCC}, Lasting: true, OptIn: true,
		Unmet: "the order is written on the system where its settings object is not there", Shown: []string{"internal/drivertest TestOrderWithoutSettings"}},
	{ID: "R72", Summary: "the firmware inventory takes minutes", Dialects: []string{dialectAMI}, times: 2, early: 2},
	{ID: "R73", Summary: "401 now and then with the right password", Dialects: []string{dialectILO}, times: 1, early: 2},
	{ID: "R77", Summary: "InsertMedia fails", Dialects: []string{dialectSupermicro}, times: 1, early: 1},
	{ID: "R78", Summary: "InsertMedia succeeds and mounts nothing", Dialects: []string{dialectIDRAC}, times: 1, early: 1},
	{ID: "R79", Summary: "after a BMC reset the service root answers before log-in works", Dialects: []string{dialectILO, dialectSupermicro, dialectXCC, dialectAMI}, Lasting: true},
	{ID: "R89", Summary: "a BMC image with Targets is refused", Dialects: []string{dialectOpenBMC}, Lasting: true, OptIn: true},
	{ID: "R91", Summary: "an erase has erased nothing and ends Completed, with a warning",
		Dialects: []string{dialectIDRAC, dialectOpenBMC}, times: 1, early: 1},
	{ID: "R92", Summary: "a leak detector is Critical", Dialects: []string{dialectOpenBMC}, Lasting: true, OptIn: true,
		Unmet: "a leak ends everything: the tests of bmc and apply have it"},
	{ID: "R93", Summary: "ForceRestart ends as Exception with status OK and changes nothing", Dialects: []string{dialectAMI}, times: 2, early: 2},
	{ID: "R99", Summary: "rows with placeholders for versions", Dialects: []string{dialectAMI, dialectSupermicro, dialectILO}, Lasting: true},
	{ID: "R109", Summary: "links in another case and with a trailing slash", Dialects: []string{dialectILO}, Lasting: true},
	{ID: "R113", Summary: "supplies tell their capacity as text, and their power as true", Dialects: []string{dialectLiteon}, Lasting: true,
		OptIn: true, BreaksSchema: true, Unmet: unmetShelf, Shown: shownShelf},
	{ID: "R118", Summary: "log entries that are listed answer 404", Dialects: []string{dialectSupermicro}, Lasting: true,
		Unmet: "logs are read by hand, and no run reads them", Shown: []string{"internal/drivertest TestLogs"}},
	{ID: "bios-needs-off", Summary: "a BIOS image is refused unless the host is off", Lasting: true, OptIn: true,
		Unmet: "which power a part needs is for the baseline to say"},
	{ID: "hides-attributes", Summary: "the Bios resource leaves out what a rule hides, and refuses it", Dialects: []string{dialectSupermicro},
		Lasting: true, OptIn: true, Unmet: "what hides another attribute is for a plan to see",
		Shown: []string{"internal/drivertest TestBIOSInTwoBatches"}},
	{ID: "judges-current", Summary: "a rule closes an attribute as things are, not as they will be", Lasting: true, OptIn: true,
		Unmet: "what opens another attribute is for a plan to see", Shown: []string{"internal/drivertest TestBIOSInTwoBatches"}},
	{ID: "stuck-job", Summary: "a BIOS configuration job waits for ever, whatever is reset, until it is deleted", Dialects: []string{dialectIDRAC},
		OptIn: true, times: 1, early: 1},
	{ID: faultSupply, Summary: "a supply of a power shelf has failed; sim poke --supply 0=OK repairs it", Dialects: []string{dialectLiteon},
		Lasting: true, OptIn: true, Unmet: unmetShelf, Shown: shownShelf},
	{ID: faultSwitchable, Summary: "a power shelf whose rails can be switched on and off, besides cycled", Dialects: []string{dialectLiteon},
		Lasting: true, OptIn: true, Unmet: unmetShelf, Shown: shownShelf},
	{ID: faultFullCycle, Summary: "the host's reset lists FullPowerCycle, which takes all power of the machine", Dialects: []string{dialectIDRAC,
		dialectSupermicro}, Lasting: true, OptIn: true, Unmet: "which verbs a BMC lists is for a plan to see",
		Shown: []string{"internal/drivertest TestACCycle"}},
	{ID: faultExtended, Summary: "the chassis has Dell's ExtendedReset, which wants the host off (17G)", Dialects: []string{dialectIDRAC}, Lasting: true,
		OptIn: true, Unmet: "which verbs a BMC lists is for a plan to see", Shown: []string{"internal/drivertest TestACCycle"}},
	{ID: faultSwap, Summary: "the cable of a node's first rail is exchanged with that of the next node; sim poke --cable fix repairs it",
		Lasting: true, OptIn: true, Unmet: "no driver acts on cables: a plan stops at them", Shown: []string{"internal/engine TestCablesOfASimulatedRack"}},
	{ID: faultPull, Summary: "the cable of a node's first rail is out; sim poke --cable fix repairs it", Lasting: true, OptIn: true,
		Unmet: "no driver acts on cables: a plan stops at them", Shown: []string{"internal/engine TestCablesOfASimulatedRack"}},
	{ID: "job-queue-full", Summary: "settings are refused with 503 until dead jobs are deleted", Dialects: []string{dialectIDRAC},
		OptIn: true, times: 1, early: 1, Unmet: unmetWedge, Shown: shownWedge},
	{ID: "wedged-bmc", Summary: "settings are refused with 503 until the BMC is reset", OptIn: true, times: 1, early: 1, Unmet: unmetWedge, Shown: shownWedge},
	{ID: "wedged-host", Summary: "settings are refused with 503 until the host is power-cycled", OptIn: true, times: 1, early: 1,
		Unmet: unmetWedge, Shown: shownWedge},
	{ID: "wedged-aux", Summary: "settings are refused with 503 until standby power is cut", Dialects: []string{dialectILO, dialectXCC, dialectOpenBMC},
		OptIn: true, times: 1, early: 1, Unmet: unmetWedge, Shown: shownWedge},
	{ID: "R43", Summary: "events lack MemberId and EventType", Dialects: []string{dialectOpenBMC}, Lasting: true, BreaksSchema: true,
		Unmet: unmetEvents, Shown: []string{"internal/drivertest TestEventTrouble"}},
	{ID: "stream-drops", Summary: "the stream of events is cut before an event", Dialects: []string{dialectIDRAC, dialectXCC, dialectAMI, dialectOpenBMC},
		times: 3, early: 2, Unmet: unmetEvents, Shown: []string{"internal/drivertest TestEventTrouble"}},
	{ID: "streams-full", Summary: "no further stream of events is opened", Dialects: []string{dialectIDRAC, dialectXCC, dialectAMI, dialectOpenBMC},
		Lasting: true, OptIn: true, Unmet: unmetEvents, Shown: []string{"internal/drivertest TestEventTrouble"}},
	{ID: "subscriptions-full", Summary: "no further event subscription is taken", Lasting: true, OptIn: true, Unmet: unmetEvents,
		Shown: []string{"internal/drivertest TestEventTrouble"}},
	{ID: "subscriptions-lost", Summary: "a BMC reset loses event subscriptions", Lasting: true, Dialects: []string{dialectILO, dialectAMI},
		Unmet: unmetEvents, Shown: []string{"internal/drivertest TestEventTrouble"}},
	{ID: "push-context", Summary: "a pushed event carries another subscription's Context", times: 2, early: 2, Unmet: unmetEvents,
		Shown: []string{"internal/drivertest TestEventTrouble"}},
	{ID: abilitySwordfish, Summary: "controllers offer what the standard has: keys, import of foreign drives, hot spares, NVMe namespaces; an ability, no fault",
		Dialects: []string{dialectSupermicro, dialectXCC, dialectILO}, Lasting: true, OptIn: true, Unmet: "an ability is nothing to get past", Shown: shownStorage},
	{ID: "no-raid60", Summary: "controllers make no RAID60", Lasting: true, OptIn: true, Unmet: "a plan stops before it", Shown: shownStorage},
	{ID: "volume-fails", Summary: "the job that makes a volume fails", Dialects: []string{dialectIDRAC, dialectSupermicro}, OptIn: true, times: 1, early: 1,
		Unmet: "a volume is tried again", Shown: shownStorage},
	{ID: "init-endless", Summary: "the initialisation of a volume never ends", Dialects: []string{dialectIDRAC, dialectILO}, Lasting: true, OptIn: true,
		Unmet: "it is waited for, and then said", Shown: shownStorage},
	{ID: "spare-dropped", Summary: "a hot spare is accepted and not assigned", OptIn: true, times: 1, early: 1, Unmet: "it is assigned again", Shown: shownStorage},
	{ID: "csr-key", Summary: "GenerateCSR makes a weak RSA key of 1024 bits, whatever key is asked for", Lasting: true, OptIn: true,
		Unmet: "a request is refused and nothing is installed", Shown: []string{"internal/drivertest TestCertificateFaults"}},
	{ID: "cert-late", Summary: "an installed certificate is shown only once the BMC has restarted", Lasting: true, OptIn: true,
		Unmet: "a restart that no plan holds is for a person", Shown: []string{"internal/drivertest TestCertificateFaults"}},
	{ID: "cert-refused", Summary: "a certificate is refused when it is to be installed", OptIn: true, times: 1, early: 1,
		Unmet: "only when certificates are replaced", Shown: []string{"internal/drivertest TestCertificateFaults"}},
	{ID: "cert-ends", Summary: "the certificate that the BMC came with ends in ten days", Lasting: true, OptIn: true,
		Unmet: "its end is for a plan to see", Shown: []string{"internal/engine TestCertificates"}},
	{ID: "http503", Summary: "503 with Retry-After", times: 3, early: 40},
	{ID: "reset", Summary: "the connection of a read is cut", times: 3, early: 60},
	{ID: "lost-answer", Summary: "a write is acted on, its answer is lost", times: 1, early: 4},
	{ID: "html", Summary: "502 with an HTML page", BreaksSchema: true, times: 2, early: 80},
	{ID: "half-body", Summary: "a body ends in the middle", BreaksSchema: true, times: 2, early: 60},
	{ID: "nulls", Summary: "descriptive properties are null", times: 3, early: 60, Unmet: "only texts that nothing rests on",
		Shown: []string{"internal/engine TestTroubleFromTheStart"}},
	{ID: "slow", Summary: "an answer takes half a minute", times: 2, early: 60},
	{ID: "sessions-full", Summary: "no free session for a while", times: 2, early: 3},
	{ID: "redfish-dead", Summary: "Redfish takes no connection until the BMC is reset; IPMI goes on", OptIn: true, times: 1, early: 1,
		Unmet: "only IPMI gets past it", Shown: []string{"internal/drivertest TestIPMI", "internal/apply TestLadderByIPMI"}},
	{ID: "bmc-gone", Summary: "the BMC cannot be reached for some minutes", times: 1, early: 150},
}

// Faults of power shelves.
const (
	faultSupply     = "supply-failed"
	faultSwitchable = "shelf-switchable"
	unmetShelf      = "a power shelf is no node: the conformance suite has nodes"
)

var shownShelf = []string{"internal/sim TestShelf"}

const unmetEvents = "no verb listens to events"

const unmetWedge = "the recovery ladder of the apply loop gets past it, no verb alone"

var shownStorage = []string{"internal/drivertest TestStorage"}

var shownWedge = []string{"internal/apply TestLadder"}

// faultTable is every fault: rows by their numbers, then the general ones.
var faultTable = func() []FaultInfo {
	all := slices.Concat(faultBase, faultRows)
	number := func(f FaultInfo) int {
		n, err := strconv.Atoi(strings.TrimPrefix(f.ID, "R"))
		if err != nil {
			return math.MaxInt
		}
		return n
	}
	slices.SortStableFunc(all, func(a, b FaultInfo) int { return cmp.Compare(number(a), number(b)) })
	return all
}()

// Faults lists every fault, in the order of the quirk table.
func Faults() []FaultInfo { return slices.Concat(faultTable, switchFaultTable) }

// faultPick is one entry of Options.Faults.
type faultPick struct {
	id, node string
	forever  bool
}

func parseFaults(list []string) ([]faultPick, error) {
	var out []faultPick
	for _, s := range list {
		for one := range strings.SplitSeq(s, ",") {
			one = strings.TrimSpace(one)
			if one == "" {
				continue
			}
			id, node, _ := strings.Cut(one, "@")
			id, forever := strings.CutSuffix(id, "!")
			if id != "all" && !slices.ContainsFunc(Faults(), func(f FaultInfo) bool { return f.ID == id }) {
				return nil, fmt.Errorf("unknown fault %q", id)
			}
			out = append(out, faultPick{id, node, forever})
		}
	}
	return out, nil
}

// faultState is what goes wrong on one node.
type faultState struct {
	b     *BMC
	live  map[string]*fault
	quiet int // requests during which no connection is disturbed: a client may try again in peace
	power time.Time
	wedge wedge

	sulkTo time.Time // R71

	deadSince map[string]int // resets when Redfish died
}

// fault is one fault with its schedule: it fires at the next opportunity from `next` on, then after each gap.
type fault struct {
	info    FaultInfo
	forever bool
	next    int
	gaps    []int
	seen    int
	fired   int
	over    bool
}

func newFaultState(b *BMC, picks []faultPick) *faultState {
	s := &faultState{b: b, live: map[string]*fault{}}
	for _, p := range picks {
		if p.node != "" && p.node != b.name {
			continue
		}
		for _, info := range faultTable {
			if p.id != info.ID && (p.id != "all" || info.OptIn) {
				continue
			}
			if info.Always || len(info.Dialects) > 0 && !slices.Contains(info.Dialects, b.dia.name) {
				continue
			}
			f := &fault{info: info, forever: p.forever}
			f.schedule(b)
			s.live[info.ID] = f
		}
	}
	return s
}

// SetFaults replaces the faults of this BMC, written as in Options.Faults; none at all ends what goes wrong. What has struck
// already is forgotten.
func (b *BMC) SetFaults(list ...string) error {
	picks, err := parseFaults(list)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance()
	s := newFaultState(b, picks)
	s.power = b.faults.power
	b.faults = s
	return nil
}

// schedule draws the moments from seed, node and fault.
func (f *fault) schedule(b *BMC) {
	if f.info.Lasting {
		return
	}
	rnd := b.rack.chance(b.name, "fault/"+f.info.ID)
	f.next = 1 + rnd.IntN(f.info.early)
	for range rnd.IntN(f.info.times) {
		f.gaps = append(f.gaps, 3+rnd.IntN(f.info.early+3))
	}
}

// on tells whether a lasting fault holds here.
func (s *faultState) on(id string) bool {
	f := s.live[id]
	if f == nil {
		return false
	}
	if f.info.Lasting {
		f.fired++
		return true
	}
	return f.forever
}

// fire counts an opportunity and tells whether the fault strikes.
func (s *faultState) fire(id string, _ *call) bool {
	f := s.live[id]
	if f == nil {
		return false
	}
	f.seen++
	if f.forever {
		f.fired++
		return true
	}
	if f.over || f.seen < f.next {
		return false
	}
	f.fired++
	if len(f.gaps) == 0 {
		f.over = true
		return true
	}
	f.next, f.gaps = f.seen+f.gaps[0], f.gaps[1:]
	return true
}

// disturb is fire for what hits connections: never twice within some requests, so that three tries are always enough.
func (s *faultState) disturb(id string, c *call) bool {
	f := s.live[id]
	if f == nil {
		return false
	}
	if s.quiet > 0 && !f.forever {
		f.seen++
		return false
	}
	if !s.fire(id, c) {
		return false
	}
	s.quiet = 6
	return true
}

// gone tells whether the BMC cannot be reached at all.
func (s *faultState) gone() bool {
	f := s.live["bmc-gone"]
	return f != nil && f.forever
}

// counts tells how often each fault has struck; of lasting ones, how often they mattered.
func (s *faultState) counts() map[string]int {
	out := map[string]int{}
	for _, id := range slices.Sorted(maps.Keys(s.live)) {
		if n := s.live[id].fired; n > 0 {
			out[id] = n
		}
	}
	return out
}
