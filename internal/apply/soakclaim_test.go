package apply

import (
	"context"
	"fmt"
	"sync"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/secret"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

// claims are the accounts of a rack that are kept in escrow: an escrow in memory that outlives processes.
type claims struct {
	rack *sim.Rack

	mu      sync.Mutex
	entries map[string]secret.Entry
}

func newClaims(r *sim.Rack) *claims { return &claims{rack: r, entries: map[string]secret.Entry{}} }

// mortalEscrow is the escrow as a process sees it that may die: then it writes no more.
type mortalEscrow struct {
	*claims
	dead func() bool
}

func (m mortalEscrow) ID(node string) string { return "soak:" + node }

func (m mortalEscrow) Read(_ context.Context, node string) (secret.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entries[node], nil
}

func (m mortalEscrow) Write(_ context.Context, node string, e secret.Entry) error {
	if m.dead() {
		return errKilled
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries[node] = e
	return nil
}

// access is what a process logs in to a node with; nil where its account is not kept.
func (c *claims) access(node string, dead func() bool) *bmc.Access {
	if c == nil {
		return nil
	}
	known := func(context.Context) ([]secret.Credential, error) {
		u, p := c.rack.FactoryCredentials(node)
		return []secret.Credential{{Username: u, Password: secret.NewValue(p)}}, nil
	}
	user, _ := c.rack.FactoryCredentials(node)
	return &bmc.Access{Node: node, Escrow: mortalEscrow{c, dead}, Known: known, FactoryUser: user}
}

// untrue says what is untrue about an account that is said to be changed.
func (c *claims) untrue(r *sim.Rack, node string, s step.Step) string {
	c.mu.Lock()
	e := c.entries[node]
	c.mu.Unlock()
	have := r.BMC(node).Accounts()
	switch {
	case fmt.Sprint(s.Want["generation"]) != fmt.Sprint(e.Generation) || e.Current == nil || e.Next != nil:
		return fmt.Sprintf("the escrow holds generation %d, a next %v", e.Generation, e.Next != nil)
	case have[e.Current.Username] != e.Current.Password.Reveal():
		return "the BMC does not take what the escrow calls current"
	case len(s.Args.Targets) > 0 && have[s.Args.Targets[0]] != "":
		return "the factory's account is still there"
	}
	return ""
}

// reachable demands that a BMC takes exactly one of next and current, or, before anything is kept, what it left the factory with. While
// an account of ours is being made beside that of the factory both stand.
func (c *claims) reachable(node string) string {
	c.mu.Lock()
	e := c.entries[node]
	c.mu.Unlock()
	have := c.rack.BMC(node).Accounts()
	works := 0
	for _, x := range []*secret.Credential{e.Next, e.Current} {
		if x != nil && have[x.Username] == x.Password.Reveal() {
			works++
		}
	}
	if u, p := c.rack.FactoryCredentials(node); e.Current == nil && e.Next == nil && have[u] == p {
		works++
	}
	made := e.Next != nil && e.Current != nil && e.Next.Username != e.Current.Username
	if works == 1 || works == 2 && made {
		return ""
	}
	return fmt.Sprintf("%s takes %d of what the escrow holds (next %v, current %v)", node, works, e.Next != nil, e.Current != nil)
}

// passwords are every password that the BMCs know now.
func (c *claims) passwords() []string {
	var out []string
	for _, n := range c.rack.Nodes() {
		for _, p := range c.rack.BMC(n).Accounts() {
			if len(p) > 8 { // shorter ones are words that everybody knows
				out = append(out, p)
			}
		}
	}
	return out
}
