package engine

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/secret"
	"github.com/metalwright/metalwright/internal/sim"
)

// simFile is what `metalwright sim up` leaves in the state folder while it runs.
const simFile = "sim.json"

// Simulated says that the rack behind the bindings is a simulator on this machine.
type Simulated struct {
	PID   int     `json:"pid"`
	Admin string  `json:"admin"` // URL of the ledger
	Speed float64 `json:"speed"` // by how much its minutes are shorter
	Seed  uint64  `json:"seed"`
	// Pins are of the certificates that the simulated BMCs show.
	Pins []string `json:"pins"`
}

// PinsOf lists the certificate pins of bindings.
func PinsOf(bindings []rack.Binding) []string {
	var out []string
	for _, b := range bindings {
		out = append(out, b.PinSHA256)
	}
	return out
}

// WriteSimulated records a running simulator for the workspace whose state folder is dir.
func WriteSimulated(dir string, s Simulated) error { return writeJSON(dir+"/"+simFile, s) }

// readSimulated believes the record only when every binding is on this machine and pinned to a certificate of the simulator: a
// record that a killed simulator left behind must not shorten the waits of real hardware, be it reached through a tunnel.
func readSimulated(path string, bindings map[string]rack.Binding) *Simulated {
	var s Simulated
	if err := readJSON(path, &s); err != nil || s.Speed <= 0 || len(bindings) == 0 {
		return nil
	}
	for _, b := range bindings {
		u, err := url.Parse(b.URL)
		if err != nil {
			return nil
		}
		if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
			return nil
		}
		if !slices.Contains(s.Pins, b.PinSHA256) {
			return nil
		}
	}
	return &s
}

// Simulated tells about the simulator behind the bindings; nil = hardware.
func (w *Workspace) Simulated() *Simulated { return w.sim }

func (w *Workspace) pace() float64 {
	if w.sim == nil {
		return 1
	}
	return max(w.sim.Speed, 1)
}

// simResolver resolves the references that a simulator's bindings carry, from its own mouth.
func simResolver(r *sim.Rack) *secret.Resolver {
	return secret.NewResolver(secret.Options{LookupEnv: func(name string) (string, bool) {
		for _, node := range slices.Concat(r.Nodes(), r.Shelves(), r.Switches()) {
			if sim.CredentialRef(node) == rack.SecretRef("env:"+name) {
				_, pass := r.Credentials(node)
				return pass, true
			}
		}
		return "", false
	}})
}

// notes joins the lines of reports.
func notes(lists ...[]plan.Note) string {
	var out []string
	for _, l := range lists {
		for _, n := range l {
			out = append(out, strings.TrimSpace(n.Node+" "+n.Summary+". "+n.Detail))
		}
	}
	return strings.Join(out, " ")
}
