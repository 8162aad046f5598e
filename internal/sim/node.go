package sim

import (
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
)

const (
	powerOn  = "On"
	powerOff = "Off"
)

// BMC is one simulated controller with its host. All state is guarded by mu; now is the instant that is being worked on.
type BMC struct {
	rack   *Rack
	name   string
	node   rack.Node
	hw     rack.Hardware
	dia    *dialect
	pin    string
	door   *door
	serial string
	uuid   string
	routes map[string]*route

	mu     sync.Mutex
	memory bool // the in-memory server runs
	now    time.Time
	queue  []event
	seq    int
	led    Ledger
	faults *faultState

	downUntil time.Time // the BMC does not answer before
	resetAt   time.Time // LastResetTime of the manager
	changedAt time.Time // AMI stamps it on every resource (R95)

	host      host
	bios      setup
	boot      bootSetup
	secure    secureBoot
	dpu       *dpu // nil = none is shown
	store     []*controller
	functions []*netFunction
	comps     []*component
	media     []*slot
	sessions  []*session
	accounts  []*account
	cutAt     int // requests until everything is cut (CutAt)
	cutLate   bool
	certs     certificates
	onCut     func() // nil: nobody wants to know
	jobs      []*job
	logs      []*logbook
	light     string // of the locator; empty = off
	subs      []*subscription
	tell      teller
	nextID    map[string]int
	shelf     *shelf // of a power shelf's controller; else nil
	unfed     bool   // no shelf gives it power: the BMC is dead too
	uploads   int    // pushes that are being received
	wet       bool   // Poke{Leak}
	inFlight  int32  // requests that are being answered
	bootedAt  time.Time
	pushedAt  time.Time

	set map[string]obj // what was written to settings, by URI of the resource
	due map[string]obj // of that, what is not real before the BMC has restarted

	clockIsSet bool
	clockSet   time.Duration // how far the set clock is from the right one
}

// event is something that becomes due.
type event struct {
	at  time.Time
	seq int
	tag string
	do  func()
}

func newBMC(r *Rack, n rack.Node, hw rack.Hardware, plan []faultPick) (*BMC, error) {
	d, ok := dialects()[hw.Dialect]
	if !ok {
		return nil, fmt.Errorf("hardware %s speaks no known dialect (%q)", hw.Key, hw.Dialect)
	}
	b, err := newController(r, n.Name, d, hw, plan)
	if err != nil {
		return nil, err
	}
	b.node = n
	b.bios = newSetup(d, b)
	b.comps = newComponents(b)
	b.store = newStore(b)
	b.boot = newBoot(b)
	b.secure, b.functions, b.dpu = newSecureBoot(b), newFunctions(b), newDPU(b)
	b.media = newSlots(b)
	b.logs = newLogs(b)
	b.host = host{power: r.opt.Power, lastReset: b.now}
	if r.opt.Power == powerOn {
		b.host.stage = stageOS
		b.rack.busbar.starts(b.name)
	}
	b.accounts = newAccounts(b)
	b.tell, b.subs = newTeller(d), newSubscriptions(d)
	if r.opt.Factory {
		b.asDelivered()
	}
	b.routes = buildRoutes(b)
	return b, nil
}

// newController makes what every BMC has, whatever stands behind it: an identity, a door and its faults.
func newController(r *Rack, name string, d *dialect, hw rack.Hardware, plan []faultPick) (*BMC, error) {
	b := &BMC{rack: r, name: name, hw: hw, dia: d, nextID: map[string]int{}, set: map[string]obj{}, due: map[string]obj{}}
	b.led = Ledger{Resets: map[string]int{}, Flashes: map[string]int{}}
	rnd := r.chance(name, "identity")
	b.serial = fmt.Sprintf("%s%07d", d.serialPrefix, rnd.IntN(10_000_000))
	b.uuid = fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", rnd.Uint32(), rnd.IntN(1<<16), rnd.IntN(1<<12), rnd.IntN(1<<12),
		rnd.Int64N(1<<48))
	b.now = time.Now()
	b.resetAt, b.changedAt, b.bootedAt = b.now, b.now, b.now
	b.faults = newFaultState(b, plan)
	door, pin, err := newDoor(b, b.faults.live["R48"] != nil)
	if err != nil {
		return nil, err
	}
	b.door, b.pin = door, pin
	return b, nil
}

// mac gives the n-th address of the node: 0 is the BMC's own.
func (b *BMC) mac(n int) string {
	rnd := b.rack.chance(b.name, "mac")
	base := rnd.Uint32() & 0xffff
	return fmt.Sprintf("02:5a:%02x:%02x:%02x:%02x", base>>8, base&0xff, n>>8, n&0xff)
}

// partSerial is the serial number of a part: stable for a seed, different for every part.
func (b *BMC) partSerial(kind string, n int) string {
	rnd := b.rack.chance(b.name, fmt.Sprintf("serial/%s/%d", kind, n))
	return fmt.Sprintf("SIM%s%010d", kind, rnd.Int64N(10_000_000_000))
}

// after plans something, in time of the real world.
func (b *BMC) after(d time.Duration, tag string, do func()) {
	b.seq++
	b.queue = append(b.queue, event{b.now.Add(b.rack.scaled(d)), b.seq, tag, do})
	b.signal()
}

// forget drops everything planned under a tag.
func (b *BMC) forget(tag string) {
	kept := b.queue[:0]
	for _, e := range b.queue {
		if e.tag != tag {
			kept = append(kept, e)
		}
	}
	b.queue = kept
}

// advance works off what is due by now, in order. It must be called with mu held before anything is read.
func (b *BMC) advance() {
	now := time.Now()
	for len(b.queue) > 0 {
		sort.Slice(b.queue, func(i, j int) bool {
			if b.queue[i].at.Equal(b.queue[j].at) {
				return b.queue[i].seq < b.queue[j].seq
			}
			return b.queue[i].at.Before(b.queue[j].at)
		})
		e := b.queue[0]
		if e.at.After(now) {
			break
		}
		b.queue = b.queue[1:]
		b.now = e.at
		b.changedAt = e.at
		e.do()
	}
	b.now = now
}

// changed notes that some state moved.
func (b *BMC) changed() { b.changedAt = b.now }

// down tells whether the BMC does not answer at this moment.
func (b *BMC) down() bool { return b.unfed || b.now.Before(b.downUntil) }

// accepts tells whether the BMC takes a new connection.
func (b *BMC) accepts() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance()
	return !b.down() && !b.faults.gone() && !b.faults.deaf()
}

// id hands out the next number of a series, beginning with from.
func (b *BMC) id(series string, from int) int {
	n, ok := b.nextID[series]
	if !ok {
		n = from
	}
	b.nextID[series] = n + 1
	return n
}
