package engine

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// EraseCertificate says what happened to one drive. It is made from a run's plan and journal alone, so it says nothing that the
// journal does not hold. A BMC reads nothing back, so ReadBack is always none.
type EraseCertificate struct {
	Format    int          `json:"format"`
	Serial    string       `json:"serial"`
	Model     string       `json:"model,omitempty"`
	Capacity  int64        `json:"capacity_bytes,omitempty"`
	Media     string       `json:"media,omitempty"`
	Bay       string       `json:"bay,omitempty"`
	Node      string       `json:"node"`
	Address   rack.Address `json:"address"`
	Occasion  string       `json:"occasion"` // destroy
	Policy    string       `json:"policy,omitempty"`
	Method    string       `json:"method"` // what was done; none when it failed
	Asked     string       `json:"asked"`
	Passes    int64        `json:"passes,omitempty"`
	ReadBack  string       `json:"read_back"`
	Result    string       `json:"result"` // done, or the journal's word for how it failed
	Answer    string       `json:"answer,omitempty"`
	Transport string       `json:"transport"` // redfish
	Started   time.Time    `json:"started"`
	Ended     time.Time    `json:"ended"`
	Operator  string       `json:"operator"`
	Consent   string       `json:"consent"` // owner and reason
	Plan      rack.Digest  `json:"plan"`
	Journal   string       `json:"journal"`
	Entry     int          `json:"entry"` // number of the journal entry with the result
	Simulated bool         `json:"simulated,omitempty"`
}

// EraseDir is where the certificates of erased drives stand.
func (w *Workspace) EraseDir() string { return filepath.Join(w.opt.StateDir, "erase") }

// destroyRun is one journal of a destroy.
type destroyRun struct {
	name    string
	begun   time.Time
	records []journal.Record
	plan    plan.Plan
}

// destroyRuns reads all journals, oldest first, and gives those of destroys; latest tells how many of them, from the end, no
// other run came after.
func (w *Workspace) destroyRuns() (runs []destroyRun, latest int, err error) {
	files, err := filepath.Glob(filepath.Join(w.journalDir(), "*.jsonl"))
	if err != nil {
		return nil, 0, err
	}
	var all []destroyRun
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, 0, fmt.Errorf("journal: %w", cause(err))
		}
		records, _, err := journal.Read(bytes.NewReader(text))
		if err != nil || len(records) == 0 {
			continue // one that is damaged or was only begun proves no erase
		}
		rep, err := journal.Load(w.opt.JournalFS, file)
		if err != nil {
			continue
		}
		all = append(all, destroyRun{filepath.Base(file), records[0].Time, records, rep.Plan})
	}
	slices.SortFunc(all, func(a, b destroyRun) int { return a.begun.Compare(b.begun) })
	for _, r := range all {
		if r.plan.Destroys {
			runs, latest = append(runs, r), latest+1
		} else {
			latest = 0
		}
	}
	return runs, latest, nil
}

// erased lists the drives that destroys have erased since anything else was run, by node.
func (w *Workspace) erased() (map[string][]string, error) {
	runs, latest, err := w.destroyRuns()
	out := map[string][]string{}
	for _, r := range runs[len(runs)-latest:] {
		for _, c := range certificates(r) {
			if c.Result == "done" {
				out[c.Node] = append(out[c.Node], c.Serial)
			}
		}
	}
	return out, err
}

// certificates makes one certificate for each erase of a run that has an outcome.
func certificates(r destroyRun) []EraseCertificate {
	steps := map[step.ID]step.Step{}
	for _, n := range r.plan.Nodes {
		for _, s := range n.Steps {
			if s.Kind == step.Erase {
				steps[s.ID] = s
			}
		}
	}
	started, said := map[step.ID]time.Time{}, map[step.ID]string{}
	var out []EraseCertificate
	for _, rec := range r.records {
		s, ok := steps[rec.Step]
		if !ok {
			continue
		}
		if started[s.ID].IsZero() {
			started[s.ID] = rec.Time
		}
		if rec.Text != "" {
			said[s.ID] = rec.Text
		}
		if rec.Kind != journal.Outcome {
			continue
		}
		c := EraseCertificate{Format: 1, Node: s.Node, Address: s.Address, Occasion: "destroy", Method: "none", ReadBack: "none",
			Transport: "redfish", Result: rec.Result, Answer: said[s.ID], Started: started[s.ID], Ended: rec.Time, Plan: r.plan.Digest,
			Journal: r.name, Entry: rec.Seq, Consent: s.Why}
		c.Serial, _ = s.Want["serial"].(string)
		c.Asked, _ = s.Want["method"].(string)
		if rec.Result == "done" {
			c.Method = c.Asked
			c.Passes, _ = s.Want["passes"].(int64)
		}
		out = append(out, c)
	}
	return out
}

// keepCertificates writes the certificates of all runs. The same runs give the same files.
func (w *Workspace) keepCertificates(o rack.Observation) error {
	runs, _, err := w.destroyRuns()
	if err != nil {
		return err
	}
	count := map[string]int{}
	for _, r := range runs {
		for _, c := range certificates(r) {
			count[c.Serial]++
			path := filepath.Join(w.EraseDir(), fmt.Sprintf("%s-%d.json", fileName(c.Serial), count[c.Serial]))
			if _, err := os.Stat(path); err == nil {
				continue
			}
			w.describe(&c, o)
			if err := writeJSON(path, c); err != nil {
				return step.Fail(step.Internal, fmt.Errorf("keep the erase certificate of drive %s: %w", c.Serial, err),
					"Make room in "+w.opt.StateDir+", then run metalwright destroy again: the journal holds what was done.")
			}
		}
	}
	return nil
}

// describe adds what is known of the drive, the policy and the operator.
func (w *Workspace) describe(c *EraseCertificate, o rack.Observation) {
	who := w.who()
	c.Operator, c.Simulated = who.Operator, w.sim != nil
	if n, ok := w.Design.Node(c.Node); ok && n.EraseFloor != nil {
		c.Policy = n.EraseFloor.Policy
	}
	dev, ok := o.Device(c.Node)
	if !ok {
		return
	}
	for _, sys := range dev.Systems {
		for _, d := range sys.Drives {
			if d.SerialNumber == c.Serial {
				c.Model, c.Capacity, c.Media, c.Bay = d.Model, d.CapacityBytes, d.Media, d.Bay
			}
		}
	}
}

// fileName keeps letters, digits and dashes: a serial number comes from a device.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, s)
}
