package sim

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/switchos"
)

// The faults of switches. They are opted in, and strike once a switch unless they are told to last.
const (
	faultSwitchRefuses  = "switch-refuses"
	faultSwitchConflict = "switch-conflict"
	faultSwitchCut      = "switch-cut"
	faultSwitchLost     = "switch-lost"
	faultSwitchDiffers  = "switch-differs"
	faultSwitchSlow     = "switch-slow"
)

// The dialects of switches.
const (
	dialectNVUE  = "nvue"
	dialectSONiC = "sonic"
)

var switchDialects = []string{dialectNVUE, dialectSONiC}

// switchFaultTable lists them; it is a part of Faults().
var switchFaultTable = []FaultInfo{
	{ID: faultSwitchRefuses, Summary: "a switch refuses a change when it is applied, and says why", Dialects: switchDialects, times: 1, early: 1, OptIn: true,
		Unmet: unmetSwitch, Shown: []string{"internal/drivertest TestSwitchFaults"}},
	{ID: faultSwitchConflict, Summary: "a switch says that its configuration has changed since the revision was made", Dialects: switchDialects, times: 1, early: 1, OptIn: true,
		Unmet: unmetSwitch, Shown: []string{"internal/drivertest TestSwitchFaults"}},
	{ID: faultSwitchCut, Summary: "a switch does not answer for some seconds while it applies a change", Dialects: switchDialects, times: 1, early: 1, OptIn: true,
		Unmet: unmetSwitch, Shown: []string{"internal/drivertest TestSwitchFaults"}},
	{ID: faultSwitchLost, Summary: "a change cuts the way to the switch: it comes back only when it has taken the change back", Dialects: []string{dialectNVUE}, times: 1, early: 1, OptIn: true,
		Unmet: unmetSwitch, Shown: []string{"internal/drivertest TestSwitchFaults"}},
	{ID: faultSwitchDiffers, Summary: "a switch takes a change and leaves a setting out", Dialects: switchDialects, times: 1, early: 1, OptIn: true,
		Unmet: unmetSwitch, Shown: []string{"internal/drivertest TestSwitchFaults"}},
	{ID: faultSwitchSlow, Summary: "a switch takes ten minutes to apply a change", Dialects: switchDialects, times: 1, early: 1, OptIn: true,
		Unmet: unmetSwitch, Shown: []string{"internal/drivertest TestSwitchFaults"}},
}

const unmetSwitch = "it is a switch's, and no BMC's"

// Switch is one simulated switch: NVUE over HTTPS, or SONiC's gNMI. Its data plane is not there: what it is told it remembers.
type Switch struct {
	rack   *Rack
	name   string
	os     string
	pin    string
	addr   string
	fabric rack.FabricSwitch
	tls    *tls.Config
	mem    *memListener
	stop   func()
	wg     sync.WaitGroup
	memory bool

	mu      sync.Mutex
	config  obj // in force
	startup obj // what a restart would bring
	nvue    nvueState
	down    time.Time       // no answer before this
	faults  map[string]bool // armed; true = for ever
	led     Ledger
}

// newSwitches makes a switch for every one that has an os which can be spoken to.
func (r *Rack) newSwitches(d rack.Design, picks []faultPick) error {
	targets, _ := switchos.Targets(d)
	for _, t := range targets {
		if r.nodes[t.Switch] != nil {
			return fmt.Errorf("simulate switch %s: a node has that name", t.Switch)
		}
		s := &Switch{rack: r, name: t.Switch, os: t.OS, faults: map[string]bool{}, nvue: nvueState{revisions: map[string]*nvueRevision{}}}
		for _, f := range d.Fabrics {
			if x, ok := f.Switch(t.Switch); ok {
				s.fabric = x
			}
		}
		for _, p := range picks {
			if strings.HasPrefix(p.id, "switch-") && (p.node == "" || p.node == s.name) {
				s.faults[p.id] = p.forever
			}
		}
		var err error
		if s.tls, s.pin, err = switchCertificate(r.opt.Seed, t.Switch); err != nil {
			return fmt.Errorf("simulate switch %s: %w", t.Switch, err)
		}
		s.mem = &memListener{conns: make(chan net.Conn), done: make(chan struct{})}
		s.config = s.factory(d, t)
		s.startup = clone(s.config)
		r.switches[t.Switch] = s
		r.switchOrder = append(r.switchOrder, t.Switch)
	}
	slices.Sort(r.switchOrder)
	return nil
}

// switchCertificate follows from seed and name alone, as that of a BMC does.
func switchCertificate(seed uint64, name string) (*tls.Config, string, error) {
	sum := sha256.Sum256(fmt.Appendf(nil, "certificate/%d/switch/%s", seed, name))
	key := ed25519.NewKeyFromSeed(sum[:])
	tmpl := &x509.Certificate{SerialNumber: new(big.Int).SetBytes(sum[:8]),
		Subject:   pkix.Name{CommonName: name + ".sim", Organization: []string{"switch (simulated)"}},
		DNSNames:  []string{name + ".sim", "localhost"},
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(nil, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return nil, "", fmt.Errorf("make its certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, "", fmt.Errorf("read its certificate: %w", err)
	}
	pin := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}}, MinVersion: tls.VersionTLS12,
		SessionTicketsDisabled: true}, hex.EncodeToString(pin[:]), nil
}

// Switches lists the simulated switches, sorted.
func (r *Rack) Switches() []string { return slices.Clone(r.switchOrder) }

// Switch returns a simulated switch, or nil.
func (r *Rack) Switch(name string) *Switch { return r.switches[name] }

// SwitchBindings tie every simulated switch to its interface, as Bindings does for nodes.
func (r *Rack) SwitchBindings() []rack.Binding {
	var out []rack.Binding
	for _, name := range r.switchOrder {
		s := r.switches[name]
		url := "https://" + name + ".sim"
		if s.addr != "" {
			url = "https://" + s.addr
		}
		out = append(out, rack.Binding{Node: name, URL: url, PinSHA256: s.pin, Username: Username, Credential: CredentialRef(name)})
	}
	return out
}

// factory is how a switch comes out of its box and was made reachable, with settings of others that nobody may touch.
func (s *Switch) factory(d rack.Design, t switchos.Target) obj {
	if s.os == "cumulus" {
		return obj{"system": obj{"hostname": "cumulus", "timezone": "Etc/UTC", "aaa": obj{"user": obj{Username: obj{"role": "system-admin"}}}},
			"interface": obj{"eth0": obj{"type": "eth", "ip": obj{"vrf": "mgmt", "address": obj{"dhcp": obj{}}}}}}
	}
	ports := obj{}
	n := int(d.Hardware[s.fabric.Hardware].Facts["ports.data"].Value)
	for i := range max(n, 64) {
		ports[fmt.Sprintf("Ethernet%d", i*8)] = obj{"lanes": fmt.Sprintf("%d,%d,%d,%d,%d,%d,%d,%d", i*8+1, i*8+2, i*8+3, i*8+4, i*8+5, i*8+6, i*8+7, i*8+8),
			"alias": fmt.Sprintf("etp%d", i+1), "index": fmt.Sprint(i + 1), "speed": "800000", "admin_status": "down", "mtu": "9100"}
	}
	for path := range t.Want { // cages that the design splits were split by hand
		if w := strings.Split(path, " "); w[0] == "PORT" && ports[w[1]] == nil {
			ports[w[1]] = obj{"lanes": "1,2,3,4", "alias": strings.ToLower(w[1]), "index": "1", "speed": "400000", "admin_status": "down", "mtu": "9100"}
		}
	}
	return obj{
		"DEVICE_METADATA": obj{"localhost": obj{"hostname": "sonic", "hwsku": "ACS-SN5600", "platform": "x86_64-nvidia_sn5600-r0", "mac": chassisMAC(s.name),
			"type": "ToRRouter"}},
		"FEATURE":        obj{"lldp": obj{"state": "enabled", "auto_restart": "enabled"}, "bgp": obj{"state": "enabled", "auto_restart": "enabled"}},
		"MGMT_INTERFACE": obj{"eth0|10.20.8.40/22": obj{"gwaddr": "10.20.8.1"}},
		"PORT":           ports,
	}
}

func clone(o obj) obj {
	out := make(obj, len(o))
	for k, v := range o {
		if m, ok := v.(obj); ok {
			v = clone(m)
		}
		out[k] = v
	}
	return out
}

// fault takes a fault that is armed: once, unless it lasts. The lock is held.
func (s *Switch) fault(id string) bool {
	forever, armed := s.faults[id]
	if armed && !forever {
		delete(s.faults, id)
	}
	if armed {
		if s.led.FaultsFired == nil {
			s.led.FaultsFired = map[string]int{}
		}
		s.led.FaultsFired[id]++
	}
	return armed
}

// Config tells what is in force on the switch, setting by setting, whatever its interface says.
func (s *Switch) Config() rack.ConfigTree {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	return treeOf(s.config)
}

// Startup tells what a restart would bring.
func (s *Switch) Startup() rack.ConfigTree {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	return treeOf(s.startup)
}

func treeOf(o obj) rack.ConfigTree {
	b, err := json.Marshal(o)
	if err == nil {
		var t rack.ConfigTree
		if t, err = switchos.Flatten(b); err == nil {
			return t
		}
	}
	panic(fmt.Sprintf("metalwright: internal error: configuration of a simulated switch: %v. This is a bug in Metalwright.", err))
}

// Set changes one setting behind everybody's back: value is JSON, and null takes it away.
func (s *Switch) Set(path, value string) error {
	var v any
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		return fmt.Errorf("value of %s: %w", path, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	words := strings.Split(path, " ")
	patch := obj{}
	at := patch
	for _, w := range words[:len(words)-1] {
		next := obj{}
		at[w] = next
		at = next
	}
	at[words[len(words)-1]] = v
	overlay(s.config, patch)
	s.startup = clone(s.config)
	return nil
}

// pokeSwitch changes settings of a switch, for the command line.
func (r *Rack) pokeSwitch(w http.ResponseWriter, req *http.Request, s *Switch) {
	var p Poke
	if err := json.NewDecoder(http.MaxBytesReader(w, req.Body, 1<<20)).Decode(&p); err != nil {
		http.Error(w, "read the poke: "+err.Error(), http.StatusBadRequest)
		return
	}
	if len(p.Config) == 0 {
		http.Error(w, "a switch takes settings only", http.StatusBadRequest)
		return
	}
	for path, value := range p.Config {
		if err := s.Set(path, value); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.Config())
}

// Ledger counts what the switch has seen.
func (s *Switch) Ledger() Ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.led
	l.Resets, l.Flashes = map[string]int{}, map[string]int{}
	return l
}

// Revisions counts what was applied and kept.
func (s *Switch) Revisions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nvue.kept
}

// overlay lays a patch over a configuration: null takes away.
func overlay(o, patch obj) {
	for k, v := range patch {
		m, isObj := v.(obj)
		old, wasObj := o[k].(obj)
		switch {
		case v == nil:
			delete(o, k)
		case isObj && wasObj:
			overlay(old, m)
		case isObj:
			next := obj{}
			overlay(next, m)
			o[k] = next
		default:
			o[k] = v
		}
	}
}

// listen starts the interface on a socket.
func (s *Switch) listen(host string) error {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return fmt.Errorf("listen for switch %s: %w", s.name, err)
	}
	s.addr = l.Addr().String()
	s.serve(l)
	return nil
}

func (s *Switch) serve(l net.Listener) {
	if s.os == "sonic" {
		s.serveGNMI(l)
		return
	}
	s.serveNVUE(l)
}

// dialSwitch connects to a switch of a rack that is open.
func (r *Rack) dialSwitch(ctx context.Context, network string, s *Switch) (net.Conn, error) {
	r.mu.Lock()
	closed := r.closed
	r.mu.Unlock()
	if closed {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	return s.dial(ctx, network)
}

// dial connects to the switch in memory.
func (s *Switch) dial(ctx context.Context, network string) (net.Conn, error) {
	s.mu.Lock()
	refused := time.Now().Before(s.down)
	first := !s.memory
	s.memory = true
	s.mu.Unlock()
	if first {
		s.serve(s.mem)
	}
	if refused {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	near, far := net.Pipe()
	select {
	case s.mem.conns <- far:
		return near, nil
	case <-s.mem.done:
	case <-ctx.Done():
	}
	_ = near.Close()
	_ = far.Close()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
}

func (s *Switch) close() {
	s.mem.cut()
	_ = s.mem.Close()
	if s.stop != nil {
		s.stop()
	}
	s.wg.Wait()
}

// authorized holds a login against the one of this switch.
func (s *Switch) authorized(user, pass string) bool {
	u, p := s.rack.Credentials(s.name)
	return user == u && pass == p
}

// neighbours is what LLDP told this switch: port → who, chassis, port.
func (s *Switch) neighbours() map[string]farEnd { return s.rack.cables.at(s.name) }
