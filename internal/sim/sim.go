// Package sim is a simulated rack on the wire: for every node of a Design a BMC that speaks Redfish over TLS in its vendor's
// dialect, a state machine and not canned answers, with a seeded schedule of named faults.
//
// Everything the BMCs show is generated from the Design and its hardware catalog. Time is the standard library's divided by
// Options.Speed, so the same code runs in a testing/synctest bubble and on real sockets. No goroutine runs between requests, but
// for streams of events and events that are pushed:
// what was due is worked off, in order of time, when somebody looks.
package sim

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
)

// Username is the administrator of every simulated BMC.
const Username = "admin"

// Options shape a simulated rack. The zero value is a rack at real speed without faults, hosts powered on.
type Options struct {
	Seed uint64
	// Speed divides every duration; 0 means 1.
	Speed float64
	// Faults names what goes wrong: ids of Faults(), or "all" (every one that a correct client survives). "ID!" never ends,
	// "ID@NODE" and "ID!@NODE" hold for one node.
	Faults []string
	// Latency is added to every request, before Speed.
	Latency time.Duration
	// Power is what hosts are at the start: "On" (default, an operating system runs) or "Off" (default with Factory).
	Power string
	// Factory is a rack as it is delivered: BMCs have FactoryCredentials, and some of them take nothing but another password (R68);
	// hosts boot from the network, ports have another mode than is usual, and drives hold a volume of somebody else.
	Factory bool
	// Deliver dials the receivers of events that are pushed; nil means the network, once Start was called, and nothing before.
	Deliver DeliverFunc
	// Fetch brings the image of a SimpleUpdate; nil means an HTTP GET.
	Fetch func(url string) (io.ReadCloser, error)
}

// Rack is a set of simulated BMCs. Close it when done; it may be used from several goroutines.
type Rack struct {
	opt    Options
	order  []string
	nodes  map[string]*BMC
	mu     sync.Mutex
	closed bool
	cables *cabling
	busbar *busbar

	switches    map[string]*Switch
	switchOrder []string
}

// New builds the rack. Nothing listens yet: use DialContext in memory, or Start for sockets.
func New(d rack.Design, o Options) (*Rack, error) {
	if o.Speed <= 0 {
		o.Speed = 1
	}
	if o.Power == "" && o.Factory {
		o.Power = powerOff
	}
	if o.Power == "" {
		o.Power = powerOn
	}
	if o.Power != powerOn && o.Power != powerOff {
		return nil, fmt.Errorf("hosts start %q: want On or Off", o.Power)
	}
	plan, err := parseFaults(o.Faults)
	if err != nil {
		return nil, err
	}
	r := &Rack{opt: o, nodes: map[string]*BMC{}, cables: newCabling(d), busbar: newBusbar(d), switches: map[string]*Switch{}}
	for _, n := range d.Nodes {
		hw, ok := d.Hardware[n.Hardware]
		if !ok {
			return nil, fmt.Errorf("simulate node %s: hardware %q is not in the design", n.Name, n.Hardware)
		}
		if _, ok := r.nodes[n.Name]; ok {
			return nil, fmt.Errorf("simulate node %s: the name stands twice in the design", n.Name)
		}
		b, err := newBMC(r, n, hw, plan)
		if err != nil {
			return nil, fmt.Errorf("simulate node %s: %w", n.Name, err)
		}
		r.nodes[n.Name] = b
		r.order = append(r.order, n.Name)
	}
	for _, s := range d.PowerShelves {
		if r.nodes[s.Name] != nil {
			return nil, fmt.Errorf("simulate power shelf %s: the name stands twice in the design", s.Name)
		}
		b, err := newShelf(r, s, d.Hardware[s.Hardware], plan)
		if err != nil {
			return nil, fmt.Errorf("simulate power shelf %s: %w", s.Name, err)
		}
		r.nodes[s.Name] = b
		r.order = append(r.order, s.Name)
		r.busbar.update(s.Name, supply{kw: b.shelf.working()})
	}
	sort.Strings(r.order)
	if err := r.newSwitches(d, plan); err != nil {
		return nil, err
	}
	if err := r.wireFaults(plan); err != nil {
		return nil, err
	}
	return r, nil
}

// BMC returns the controller of a node or power shelf, or nil.
func (r *Rack) BMC(name string) *BMC { return r.nodes[name] }

// Speed is what every duration is divided by.
func (r *Rack) Speed() float64 { return r.opt.Speed }

// Nodes lists the names of nodes, sorted.
func (r *Rack) Nodes() []string { return r.named(false) }

// Shelves lists the names of power shelves, sorted.
func (r *Rack) Shelves() []string { return r.named(true) }

func (r *Rack) named(shelves bool) []string {
	var out []string
	for _, name := range r.order {
		if (r.nodes[name].shelf != nil) == shelves {
			out = append(out, name)
		}
	}
	return out
}

// Credentials gives the log-in of a node. The password follows from the seed and the name; it fits the narrowest recorded
// limits (13 to 20 characters).
func (r *Rack) Credentials(node string) (user, pass string) {
	sum := sha256.Sum256(fmt.Appendf(nil, "password/%d/%s", r.opt.Seed, node))
	return Username, "Sx1-" + base64.RawURLEncoding.EncodeToString(sum[:9])
}

// CredentialRef is the reference that Bindings carry: an environment variable of this node.
func CredentialRef(node string) rack.SecretRef {
	up := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' {
			return c - 'a' + 'A'
		}
		if c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '_'
	}, node)
	return rack.SecretRef("env:METALWRIGHT_SIM_" + up)
}

// Bindings tie every node to its BMC: the sockets of Start when it was called, else "https://NODE.sim" for DialContext.
func (r *Rack) Bindings() []rack.Binding {
	var out []rack.Binding
	for _, name := range r.order {
		b := r.nodes[name]
		host := b.dia.hostID
		if b.shelf != nil { // there is no host behind it
			host = ""
		}
		out = append(out, rack.Binding{
			Node: name, URL: b.url(), PinSHA256: b.pin, Serial: b.serial, MAC: b.mac(0),
			System: host, Username: Username, Credential: CredentialRef(name),
		})
	}
	return out
}

// Ledger counts what every BMC has seen, by node.
func (r *Rack) Ledger() map[string]Ledger {
	out := map[string]Ledger{}
	for _, name := range r.order {
		out[name] = r.nodes[name].Ledger()
	}
	for name, s := range r.switches {
		out[name] = s.Ledger()
	}
	return out
}

// Truth tells the real state of every node, whatever its BMC says.
func (r *Rack) Truth() map[string]Truth {
	out := map[string]Truth{}
	for _, name := range r.order {
		out[name] = r.nodes[name].Truth()
	}
	return out
}

// Close stops listening, cuts every connection and waits until no goroutine of the rack is left. It may be called twice.
func (r *Rack) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	var errs []error
	for _, name := range r.order {
		errs = append(errs, r.nodes[name].close())
	}
	for _, s := range r.switches {
		s.close()
	}
	return errors.Join(errs...)
}

// chance is the seeded source of one thing of one node: equal arguments give equal numbers, whatever else happens.
func (r *Rack) chance(node, what string) *rand.Rand {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s/%s", r.opt.Seed, node, what))
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16])))
}

// scaled turns a duration of the real world into one of this rack.
func (r *Rack) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) / r.opt.Speed)
}

// fetch brings the image of a SimpleUpdate.
func (r *Rack) fetch(url string) (io.ReadCloser, error) {
	if r.opt.Fetch != nil {
		return r.opt.Fetch(url)
	}
	resp, err := http.Get(url) //nolint:noctx // the answer is read at once and bounded by the image limit of the dialect
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("fetch %s: %s", url, resp.Status)
	}
	return resp.Body, nil
}
