// Package plan decides: Build turns a Design and an Observation into a Plan and a Report. It is a pure function; every
// choice about hardware is made here, so that nothing is left to decide while hardware is being changed.
package plan

import (
	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// Format is the version of the JSON form of a Plan.
const Format = 1

// Plan is what will be done. It is immutable and has a digest.
type Plan struct {
	Format      int         `json:"format"`
	Digest      rack.Digest `json:"digest"` // of Design digest and steps; not of the time or of facts that no step reads
	Design      rack.Digest `json:"design"`
	Observation rack.Digest `json:"observation"`
	Nodes       []NodePlan  `json:"nodes"` // only nodes that change, in the order of their waves
	Waves       []Wave      `json:"waves"`
	Report      Report      `json:"report"`
	Acts        []Act       `json:"acts,omitempty"`     // what it does once, besides what the Design wants
	Destroys    bool        `json:"destroys,omitempty"` // made by Destroy: it leads away from the Design
	Verb        string      `json:"verb,omitempty"`     // made by Say: what a technician said, such as "power off"

	Power []PowerDomain `json:"power,omitempty"` // hosts that come on or are cycled, by what they share their power with
}

// Empty tells whether there is nothing to do. It is the product's only definition of "finished".
func (p Plan) Empty() bool { return len(p.Nodes) == 0 }

// ComputeDigest covers the Design's digest and the steps.
func (p Plan) ComputeDigest() rack.Digest {
	type part struct {
		Design   rack.Digest
		Nodes    []NodePlan
		Waves    []Wave
		Destroys bool          `json:",omitempty"`
		Verb     string        `json:",omitempty"`
		Power    []PowerDomain `json:",omitempty"`
	}
	return rack.DigestOf(part{p.Design, p.Nodes, p.Waves, p.Destroys, p.Verb, digested(p.Power)})
}

// NodePlan is what will be done to one node, in order.
type NodePlan struct {
	Address     rack.Address   `json:"address"`
	Name        string         `json:"name"`
	Steps       []step.Step    `json:"steps"`
	Resets      map[string]int `json:"resets"`       // by class, as issued
	NaiveResets int            `json:"naive_resets"` // one per change that needs one
	EstimatedS  int            `json:"estimated_s"`
	Bytes       int64          `json:"bytes"`
	NotMerged   []string       `json:"not_merged,omitempty"` // what could not share an activation, and why
	Holds       []Hold         `json:"holds,omitempty"`      // what a run holds besides the node while it changes it, widest first
}

// Hold is something that a node shares with others and that one run at a time, or only runs that share it, may change in:
// rack/NAME, chassis/BMC.
type Hold struct {
	Name   string `json:"name"`
	Shared bool   `json:"shared,omitempty"` // runs that change no host's power go side by side
}

// Wave is a set of nodes that may change at the same time.
type Wave struct {
	Name        string   `json:"name"` // canary, 1, 2 …
	Nodes       []string `json:"nodes"`
	MaxParallel int      `json:"max_parallel"`
	OnError     string   `json:"on_error"` // halt, continue
	AllowFailed int      `json:"allow_failed"`
}

// Report says why something is not in the plan.
type Report struct {
	Waiting    []Note `json:"waiting"`     // for hands, for another run, for something outside
	Blocked    []Note `json:"blocked"`     // cannot be done as written: an error on the line that asks for it
	Unreadable []Note `json:"unreadable"`  // could not be seen, so is not touched
	NotPlanned []Note `json:"not_planned"` // decoded, and not planned by this version
	Warnings   []Note `json:"warnings,omitempty"`
}

// Note is one line of a report.
type Note struct {
	Address rack.Address `json:"address"`
	Node    string       `json:"node,omitempty"`
	Rule    string       `json:"rule,omitempty"`
	Summary string       `json:"summary"`          // terse and constant
	Detail  string       `json:"detail,omitempty"` // what, why, what to do
	Origin  diag.Origin  `json:"origin,omitzero"`
}
