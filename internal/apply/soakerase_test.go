package apply

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/step"
)

// judgeErases holds the journal against what a certificate is made of: one outcome for each drive of a node that is done, with the
// BMC's own words before it, and never two.
func (s *soak) judgeErases(records []journal.Record, res Result) {
	for _, np := range s.world.Plan().Nodes {
		done := false
		for _, n := range res.Nodes {
			done = done || n.Node == np.Name && n.Word == Done
		}
		for _, st := range np.Steps {
			if st.Kind != step.Erase {
				continue
			}
			certificates, said := 0, false
			for _, r := range records {
				if r.Step != st.ID {
					continue
				}
				said = said || r.Text != ""
				if r.Kind == journal.Outcome && r.Result == string(Done) {
					certificates++
				}
			}
			switch {
			case certificates > 1:
				s.violate("%s has %d certificates", st.ID, certificates)
			case done && certificates == 0:
				s.violate("%s is done and has no certificate", st.ID)
			case certificates == 1 && !said:
				s.violate("the certificate of %s has no word of the BMC", st.ID)
			}
		}
	}
}

// brokenErases are engines that are broken in what they do to drives. The soak has to notice every one of them.
var brokenErases = map[string]variant{
	"erases a drive that nobody agreed to lose": fixed(hooks{afterAct: func(ctx context.Context, d Driver, s step.Step) error {
		if s.Kind != step.Erase {
			return nil
		}
		s.Want = maps.Clone(s.Want)
		s.Want["serial"] = "d3"
		return d.Act(ctx, s, func(step.Op) error { return nil })
	}}),
	"erases again after a cut": stateHook(func(s step.Step, _ *step.Op, st step.State, old bool) step.Standing {
		if old && s.Kind == step.Erase && st.Standing == step.Done {
			return step.Ready
		}
		return st.Standing
	}),
	"takes an erase with a warning for done": stateHook(func(s step.Step, _ *step.Op, st step.State, _ bool) step.Standing {
		if s.Kind == step.Erase && st.Note == warned {
			return step.Done
		}
		return st.Standing
	}),
	"keeps no word of an erase": recordHook(func() func(*journal.Journal, journal.Record) error {
		return func(j *journal.Journal, r journal.Record) error {
			if r.Kind == journal.Outcome && strings.HasSuffix(string(r.Step), "-"+string(step.Erase)) {
				return nil
			}
			return j.Append(r)
		}
	}),
}

// TestSoakCatchesErases holds every one of them against the soak.
func TestSoakCatchesErases(t *testing.T) { catches(t, brokenErases) }
