package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/metalwright/metalwright/internal/evidence"
	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/residency"
	"github.com/metalwright/metalwright/internal/step"
)

// KeyFile is the private key of this workspace; KeyFile + ".pub" is for handing out.
func (w *Workspace) KeyFile() string { return filepath.Join(w.opt.StateDir, "keys", "evidence") }

// Collected is a signed pack and what was said while it was made.
type Collected struct {
	Pack   []byte
	KeyID  string
	NewKey bool // the key was made just now: its public half has to be handed out by another way than the packs
}

// Collect reads the rack again and signs a pack over design, plan, journals, observations and the residency result. It refuses
// when a new plan is not empty: evidence is for a rack that is as designed.
func (w *Workspace) Collect(ctx context.Context, tool string, progress func(done, total int)) (Collected, error) {
	if w.sim != nil { // a pack must not pass for one of real machines
		tool += ", simulated rack"
	}
	replan, after := w.Plan(ctx, SurveyOptions{Progress: progress})
	if err := ctx.Err(); err != nil {
		return Collected{}, err
	}
	if !replan.Empty() || !replan.Report.Clean() {
		return Collected{}, step.Fail(step.HasMoved, fmt.Errorf("the rack is not as the design says: a new plan has %d nodes to change, and %d notes",
			len(replan.Nodes), len(replan.Report.Waiting)+len(replan.Report.Blocked)+len(replan.Report.Unreadable)),
			"Run metalwright verify to see what differs, then metalwright apply.")
	}
	parts := evidence.Parts{Design: w.Design, Before: after, After: after, Replan: replan, Tool: tool, Secrets: w.resolver.HandedOut()}
	var err error
	if parts.Findings, err = w.findings(w.Design); err != nil {
		return Collected{}, err
	}
	if err := w.lastRun(&parts); err != nil {
		return Collected{}, err
	}
	signer, made, err := evidence.OpenKey(w.KeyFile())
	if err != nil {
		return Collected{}, err
	}
	id, err := signer.KeyID()
	if err != nil {
		return Collected{}, err
	}
	pack, err := evidence.Collect(parts, signer, time.Now().UTC())
	return Collected{Pack: pack, KeyID: id, NewKey: made}, err
}

// lastRun adds the plan, the observation before it and the journals of the last run; without any the plan stays empty.
func (w *Workspace) lastRun(parts *evidence.Parts) error {
	path, rep, err := w.latestRun()
	if err != nil || path == "" {
		return err
	}
	if rep.Ended == "" || rep.Ended == journal.Left {
		return step.Fail(step.HasMoved, fmt.Errorf("the run of journal %s has not ended", filepath.Base(path)), "Finish it with metalwright apply.")
	}
	if rep.Plan.Design != w.Design.Digest() {
		return nil // an older design: this one needed nothing
	}
	var before rack.Observation
	if err := readJSON(filepath.Join(w.runDir(rep.Plan.Digest), "before.json"), &before); err != nil {
		return fmt.Errorf("what was read before the last run: %w", err)
	}
	parts.Plan, parts.Before = rep.Plan, before
	parts.Journals, err = w.journals(path)
	return err
}

// latestRun is the last run that was about the Design: ad hoc verbs are not. Without any the path is empty.
func (w *Workspace) latestRun() (string, journal.Replay, error) {
	runs, err := journal.Runs(w.opt.JournalFS, w.journalDir())
	if err != nil {
		return "", journal.Replay{}, err
	}
	for _, path := range slices.Backward(runs) {
		rep, err := journal.Load(w.opt.JournalFS, path)
		if err != nil {
			return "", rep, fmt.Errorf("journal %s: %w", filepath.Base(path), err)
		}
		if rep.Plan.Verb == "" {
			return path, rep, nil
		}
	}
	return "", journal.Replay{}, nil
}

// journals are the journals of every run of this Design, oldest first; the last one is at last.
func (w *Workspace) journals(last string) ([]evidence.Journal, error) {
	files, err := filepath.Glob(filepath.Join(w.journalDir(), "*.jsonl"))
	if err != nil {
		return nil, err
	}
	begun := map[string]time.Time{}
	var out []evidence.Journal
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("journal: %w", cause(err))
		}
		records, _, err := journal.Read(bytes.NewReader(text))
		var rep journal.Replay
		if err == nil {
			rep, err = journal.Load(w.opt.JournalFS, file)
		}
		if err != nil {
			return nil, fmt.Errorf("journal %s: %w", filepath.Base(file), err)
		}
		if rep.Plan.Design == w.Design.Digest() && rep.Ended != "" {
			begun[filepath.Base(file)] = records[0].Time
			out = append(out, evidence.Journal{Name: filepath.Base(file), Text: text})
		}
	}
	slices.SortFunc(out, func(a, b evidence.Journal) int {
		if a.Name == filepath.Base(last) || b.Name == filepath.Base(last) {
			return map[bool]int{true: 1, false: -1}[a.Name == filepath.Base(last)]
		}
		return begun[a.Name].Compare(begun[b.Name])
	})
	return out, nil
}

// findings is the residency result of a Design, as it goes into a pack.
func (w *Workspace) findings(d rack.Design) (json.RawMessage, error) {
	return residencyResult(d, w.Catalog.Policies, w.opt.Now)
}

func residencyResult(d rack.Design, profiles map[string]residency.Profile, now time.Time) (json.RawMessage, error) {
	type doc struct {
		Format   int                 `json:"format"`
		AsOf     string              `json:"as_of"` // the day that expiries were held against
		Findings []residency.Finding `json:"findings"`
	}
	found := residency.Check(residency.Facts{Design: d}, profiles, now)
	b, err := json.Marshal(doc{1, now.UTC().Format(time.DateOnly), slices.Clip(found)})
	if err != nil {
		return nil, fmt.Errorf("encode the residency result: %w", err)
	}
	return b, nil
}

// VerifyEvidence checks a pack offline: against a key that was got by another way, with the plan and the residency result of the
// packed facts computed anew.
func VerifyEvidence(pack, publicKey []byte, profiles map[string]residency.Profile) (evidence.Report, error) {
	pub, err := evidence.ParsePublic(publicKey)
	if err != nil {
		return evidence.Report{}, err
	}
	return evidence.Verify(pack, pub, evidence.VerifyOptions{
		Replan: func(d rack.Design, o rack.Observation) (plan.Plan, error) {
			p, _ := plan.Build(d, o, plan.Options{Now: o.Taken})
			return p, nil
		},
		Recheck: func(d rack.Design, packed json.RawMessage) (json.RawMessage, error) {
			var head struct {
				AsOf string `json:"as_of"`
			}
			if err := json.Unmarshal(packed, &head); err != nil {
				return nil, errors.New("the packed residency result is not readable")
			}
			day, err := time.Parse(time.DateOnly, head.AsOf)
			if err != nil {
				return nil, errors.New("the packed residency result has no day")
			}
			return residencyResult(d, profiles, day)
		},
	})
}
