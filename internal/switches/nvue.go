package switches

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
	"github.com/metalwright/metalwright/internal/switchos"
)

// NVUE of Cumulus Linux 5 (user guide, NVUE API): a change is a revision. It is made (POST revision), written (PATCH ?rev=ID, where null
// takes a setting away), and applied by writing its state. With state-controls.confirm it is taken back after that many seconds unless
// it is applied a second time: its state is then "ays", as in "are you sure".
const (
	nvueRoot = "/nvue_v1/"
	// confirmS is how long the switch waits for the confirmation before it takes the change back: the management network may need a
	// minute to settle, and three polls of a slow reload fit in it several times.
	confirmS = 300
	// applyTimeout is how long an apply may say that it is under way: a reload of FRR and ports on a full switch takes minutes.
	applyTimeout = 20 * time.Minute
)

type nvue struct {
	*web
}

func newNVUE(ep Endpoint, opt Options) (*nvue, error) {
	w, err := newWeb(ep, opt)
	if err != nil {
		return nil, err
	}
	return &nvue{w}, nil
}

// config reads what is applied, without the defaults that nobody has set.
func (n *nvue) config(ctx context.Context) (rack.ConfigTree, error) {
	var raw json.RawMessage
	if err := n.do(ctx, http.MethodGet, nvueRoot+"?rev=applied&filled=false", nil, &raw); err != nil {
		return nil, err
	}
	t, err := switchos.Flatten(raw)
	if err != nil {
		return nil, step.Fail(step.Transient, err, "")
	}
	return t, nil
}

// revision is one revision as NVUE tells it.
type revision struct {
	State      string `json:"state"`
	Transition struct {
		Progress string `json:"progress"`
		Issue    map[string]struct {
			Code     string `json:"code"`
			Message  string `json:"message"`
			Severity string `json:"severity"`
		} `json:"issue"`
	} `json:"transition"`
}

func (n *nvue) revision(ctx context.Context, id string) (revision, error) {
	var r revision
	err := n.do(ctx, http.MethodGet, nvueRoot+"revision/"+url.PathEscape(id), nil, &r)
	return r, err
}

// The families of a revision's states. What is in none of them is over: applied, saved, inactive, pending.
func (r revision) waits() bool { return r.State == "ays" || r.State == "confirm" }

func (r revision) failed() bool {
	return r.State == "invalid" || r.State == "ignore_fail" || strings.HasSuffix(r.State, "_fail") || strings.HasSuffix(r.State, "_failed")
}

func (r revision) working() bool {
	return r.waits() || slices.Contains([]string{"apply", "ays_yes", "confirm_yes", "check", "checking", "verify", "verifying", "load", "loading", "reload", "reloading",
		"ready", "readying"}, r.State)
}

func (r revision) saved() bool { return strings.Contains(r.State, "save") }

// says is what a revision tells of itself, for people.
func (r revision) says(redact func(string) string) string {
	var out []string
	if r.Transition.Progress != "" {
		out = append(out, r.Transition.Progress)
	}
	for _, x := range r.Transition.Issue {
		out = append(out, x.Message)
	}
	slices.Sort(out)
	text := strings.Join(out, "; ")
	if text == "" {
		text = "state " + r.State
	}
	return shortened(redact(text))
}

// stand asks for all revisions: which is under way, what became of that of the handle, and whether what is in force is saved.
func (n *nvue) stand(ctx context.Context, handle string) (stand, error) {
	var out stand
	var all map[string]revision
	if err := n.do(ctx, http.MethodGet, nvueRoot+"revision", nil, &all); err != nil {
		return out, err
	}
	applied, err := n.revision(ctx, "applied")
	if err != nil {
		return out, err
	}
	all["applied"] = applied
	for _, id := range sortedKeys(all) {
		r := all[id]
		switch {
		case r.waits():
			out.working = "a change waits for its confirmation; without one the switch takes it back"
		case r.working() && out.working == "":
			out.working = "the switch applies a change: " + r.says(n.opt.Redact)
		case id == handle && r.failed():
			out.failed = "the switch did not take the change: " + r.says(n.opt.Redact)
		}
	}
	out.unsaved = applied.State == "applied"
	return out, nil
}

// change makes, writes and applies a revision, looks whether the switch still answers and has what was asked, and only then confirms.
func (n *nvue) change(ctx context.Context, c change) error {
	id, err := n.newRevision(ctx)
	if err != nil {
		return err
	}
	if err := n.do(ctx, http.MethodPatch, nvueRoot+"?rev="+url.QueryEscape(id), switchos.Nested(c.list), nil); err != nil {
		return n.discard(ctx, id, err)
	}
	at := nvueRoot + "revision/" + url.PathEscape(id)
	sure := map[string]string{"ays": "ays_yes"}
	err = n.do(ctx, http.MethodPatch, at, map[string]any{"state": "apply", "auto-prompt": map[string]string{"ays": "ays_yes", "confirm": "confirm_yes"},
		"state-controls": map[string]int{"confirm": confirmS}}, nil)
	if step.ClassOf(err) == step.Rejected || isStatus(err, http.StatusConflict) {
		return n.discard(ctx, id, err)
	}
	if jerr := c.sent(id); jerr != nil {
		return jerr
	}
	if err != nil && !lost(err) {
		return err
	}
	asks, err := n.settle(ctx, c, id)
	if err != nil {
		return err
	}
	if asks {
		if err := n.do(ctx, http.MethodPatch, at, map[string]any{"state": "apply", "auto-prompt": sure}, nil); err != nil {
			return err
		}
	}
	return n.keep(ctx, c)
}

// lost tells whether a request may have acted though no answer came.
func lost(err error) bool {
	var a *answered
	return !errors.As(err, &a) && (step.ClassOf(err) == step.Transient || step.ClassOf(err) == step.Unreachable)
}

func (n *nvue) newRevision(ctx context.Context) (string, error) {
	var made map[string]json.RawMessage
	if err := n.do(ctx, http.MethodPost, nvueRoot+"revision", nil, &made); err != nil {
		return "", err
	}
	for id := range made {
		if len(made) == 1 && id != "" {
			return id, nil
		}
	}
	return "", step.Fail(step.Rejected, fmt.Errorf("a new revision is told as %d names, want one", len(made)), "")
}

// discard takes a revision that came to nothing away, so that no half of a change lies about for others to apply.
func (n *nvue) discard(ctx context.Context, id string, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dialTimeout)
	defer cancel()
	_ = n.do(ctx, http.MethodDelete, nvueRoot+"revision/"+url.PathEscape(id), nil, nil) // the cause is the one to tell
	return cause
}

const byConsole = "What changes the management path of a switch is done by its console."

// settle waits until the revision is in force, holds that against what was asked, and tells whether it asks for a confirmation. While
// the change reloads the management network, answers may stay away: as long as the switch would still take a confirmation.
func (n *nvue) settle(ctx context.Context, c change, id string) (asks bool, err error) {
	begun := time.Now()
	answer := begun
	for {
		if err := c.pause(ctx); err != nil {
			return false, err
		}
		r, err := n.revision(ctx, id)
		switch class := step.ClassOf(err); {
		case err == nil:
			answer = time.Now()
		case class != step.Transient && class != step.Unreachable:
			return false, err
		case time.Since(answer) > c.pace(confirmS*time.Second):
			return false, step.Fail(step.Rejected, errors.New("the switch has not answered since the change, and was not told to keep it"), fmt.Sprintf(
				"It takes the change back by itself, %d s after it was applied. %s", confirmS, byConsole))
		default:
			continue
		}
		switch {
		case r.failed():
			return false, step.Fail(step.Rejected, fmt.Errorf("the switch refuses the change: %s", r.says(n.opt.Redact)), "Nothing of it is in force.")
		case r.waits():
			return true, c.verify(ctx)
		case strings.HasPrefix(r.State, "applied"): // a version that asks for no confirmation
			return false, c.verify(ctx)
		case !r.working() && r.State != "pending":
			return false, step.Fail(step.Rejected, fmt.Errorf("the switch has not answered since the change, and has taken it back (state %s)", r.State),
				byConsole)
		case time.Since(begun) > c.pace(applyTimeout):
			return false, step.Fail(step.Rejected, fmt.Errorf("the switch has been applying the change for %s: %s", applyTimeout, r.says(n.opt.Redact)), "Look at its own log.")
		}
	}
}

// keep waits until the confirmed revision is in force for good, and saves it where the switch does not do so by itself.
func (n *nvue) keep(ctx context.Context, c change) error {
	begun := time.Now()
	for {
		r, err := n.revision(ctx, "applied")
		switch {
		case err != nil && (!lost(err) || time.Since(begun) > c.pace(confirmS*time.Second)):
			return err
		case err == nil && r.saved():
			return nil
		case err == nil && !r.working():
			return n.save(ctx)
		}
		if err := c.pause(ctx); err != nil {
			return err
		}
	}
}

// save writes what is in force to the start-up configuration.
func (n *nvue) save(ctx context.Context) error {
	return n.do(ctx, http.MethodPatch, nvueRoot+"revision/applied", map[string]any{"state": "save", "auto-prompt": map[string]string{"ays": "ays_yes"}}, nil)
}

// cables reads the neighbours of all interfaces: one request, for whole interfaces are more than a loaded switch likes to tell.
func (n *nvue) cables(ctx context.Context) (rack.Cables, error) {
	var told map[string]struct {
		LLDP struct {
			Neighbour map[string]struct {
				Chassis struct {
					ID   string `json:"chassis-id"`
					Name string `json:"system-name"`
				} `json:"chassis"`
				Port struct {
					Name  string `json:"name"`
					Descr string `json:"description"`
				} `json:"port"`
			} `json:"neighbor"`
		} `json:"lldp"`
	}
	var out rack.Cables
	err := n.do(ctx, http.MethodGet, nvueRoot+"interface?include="+url.QueryEscape("/*/lldp/neighbor"), nil, &told)
	if isStatus(err, http.StatusNotFound) { // no interface has any
		return out, nil
	}
	if err != nil {
		return out, err
	}
	for _, port := range sortedKeys(told) {
		for _, name := range sortedKeys(told[port].LLDP.Neighbour) {
			x := told[port].LLDP.Neighbour[name]
			system := x.Chassis.Name
			if system == "" {
				system = name
			}
			out.Seen = append(out.Seen, rack.SeenCable{Ports: []string{port}, Neighbour: rack.Neighbour{System: system,
				Chassis: strings.ToLower(x.Chassis.ID), Port: x.Port.Name, Descr: x.Port.Descr}})
		}
	}
	return out, nil
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
