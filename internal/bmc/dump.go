package bmc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// maxDump bounds what is fetched: an Active Health System log of some years is about 700 MB.
const maxDump = 2 << 30

// glanceDumps finds the diagnostic data that this BMC offers: log services with CollectDiagnosticData (DSP0268, since
// LogService 1.2), and HPE's Active Health System log, which is always there.
func (d *Driver) glanceDumps(ctx context.Context, v vitals, dev *rack.Device, _ *rack.System) error {
	services, err := d.logServices(ctx)
	if err != nil {
		return err
	}
	for _, s := range services {
		found, err := d.dumpOf(ctx, s)
		if err != nil {
			return err
		}
		if found != nil {
			dev.Dumps = append(dev.Dumps, *found)
		}
	}
	slices.SortStableFunc(dev.Dumps, func(a, b rack.Dump) int { // a manager's own data first
		return strings.Compare(rankOf(a), rankOf(b))
	})
	ahs := v.bmc.Obj.Link("Oem", "Hpe", "Links", "ActiveHealthSystem")
	if ahs == "" {
		return nil
	}
	r, err := d.c.rf.Get(ctx, ahs)
	if redfish.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the Active Health System: %w", err)
	}
	if at := r.Obj.Str("Links", "AHSLocation", "extref"); at != "" {
		dev.Dumps = append(dev.Dumps, rack.Dump{Path: at, Name: "Active Health System log"})
	}
	return nil
}

func rankOf(x rack.Dump) string {
	if x.Type == "Manager" {
		return "0"
	}
	return "1"
}

// dumpOf reads the action of one log service; nil when it has none.
func (d *Driver) dumpOf(ctx context.Context, s *redfish.Resource) (*rack.Dump, error) {
	action := s.Obj.Obj("Actions", "#LogService.CollectDiagnosticData")
	// NVIDIA's DebugTokenService collects tokens, not logs (recorded on a BlueField-3).
	if action.Str("target") == "" || strings.Contains(s.Obj.Str("Id"), "DebugToken") {
		return nil, nil
	}
	out := rack.Dump{Path: s.URI, Target: action.Str("target"), Name: nameOr(s.Obj.Str("Name"), lastPart(s.URI))}
	types, err := d.allowable(ctx, action, "DiagnosticDataType")
	if err != nil {
		return nil, err
	}
	if out.Type = firstOf(types, "Manager", "OEM"); out.Type == "" {
		out.Type = "Manager"
		if len(types) > 0 {
			out.Type = types[0]
		}
	}
	if out.Type != "OEM" {
		return &out, nil
	}
	oem, err := d.allowable(ctx, action, "OEMDiagnosticDataType")
	if err == nil && len(oem) > 0 {
		out.OEM = oem[0]
	}
	return &out, err
}

// checkDump follows the collection that its own Op began. Without one it is Ready: data that was collected for somebody
// else is older than what is asked for now.
func (d *Driver) checkDump(ctx context.Context, s step.Step, op *step.Op) (step.State, error) {
	if op == nil || !op.Sent {
		return state(step.Ready, nil, ""), nil
	}
	w := work{percent: -1}
	if op.Handle != "" {
		w = d.follow(ctx, op.Handle)
	}
	switch w.phase {
	case phaseFailed:
		return state(step.Ready, nil, "the collection failed: %s", d.redact(w.said)), nil
	case phaseRunning, phaseWaiting:
		st := state(step.Working, nil, "%s", d.redact(w.said))
		st.Percent = w.percent
		return st, nil
	case phaseUnknown, phaseDone:
	}
	at, err := d.collected(ctx, s, op)
	switch {
	case err != nil:
		return step.State{}, err
	case at != "":
		return state(step.Done, step.Facts{"at": at}, ""), nil
	default:
		return state(step.Working, nil, "the BMC does not list what it collected yet"), nil
	}
}

func (d *Driver) actDump(ctx context.Context, a *act) error {
	if proceed, err := a.begun(ctx); !proceed {
		return err
	}
	entries, err := d.entriesOf(ctx, a.s.Args.Path)
	if err != nil {
		return err
	}
	if err := a.intend(ctx, step.Facts{"entries": entries}); err != nil {
		return err
	}
	body := map[string]any{}
	kind, oem, _ := strings.Cut(a.s.Args.Data, "/")
	body["DiagnosticDataType"] = kind
	if oem != "" {
		body["OEMDiagnosticDataType"] = oem
	}
	if len(a.s.Args.Targets) != 1 {
		return unsupported("the collection of diagnostic data")
	}
	r, err := d.say(ctx, a.s.Args.Targets[0], body, nil)
	if err != nil {
		return fmt.Errorf("collect diagnostic data: %w", err)
	}
	return a.sent(r.Handle())
}

// entriesOf lists the entries of a log service by URI.
func (d *Driver) entriesOf(ctx context.Context, service string) ([]string, error) {
	r, err := d.c.rf.Get(ctx, service)
	if err != nil {
		return nil, fmt.Errorf("read log service %s: %w", lastPart(service), err)
	}
	uris, _, err := d.c.rf.MemberURIs(ctx, r.Obj.Link("Entries"))
	if err != nil {
		return nil, fmt.Errorf("read the entries of %s: %w", lastPart(service), err)
	}
	if uris == nil {
		uris = []string{}
	}
	return uris, nil
}

// collected finds the archive of the entry that came since the Op began; "" = there is none yet.
func (d *Driver) collected(ctx context.Context, s step.Step, op *step.Op) (string, error) {
	entries, err := d.entriesOf(ctx, s.Args.Path)
	if err != nil {
		return "", err
	}
	old := stringsOf(op.Baseline["entries"])
	for _, uri := range entries {
		if slices.Contains(old, uri) {
			continue
		}
		r, err := d.c.rf.Get(ctx, uri)
		if redfish.IsNotFound(err) {
			continue
		}
		if err != nil {
			return "", err
		}
		if at := r.Obj.Str("AdditionalDataURI"); at != "" {
			return at, nil
		}
	}
	return "", nil
}

// FetchDump writes diagnostic data to w: that which a step of kind dump has had collected (op is its own), or, without
// a step, the archive at path. It gives the size.
func (d *Driver) FetchDump(ctx context.Context, s step.Step, op *step.Op, path string, w io.Writer) (int64, error) {
	if path == "" {
		if op == nil {
			return 0, errors.New("fetch diagnostic data: nothing was collected")
		}
		at, err := d.collected(ctx, s, op)
		if err != nil {
			return 0, fmt.Errorf("fetch diagnostic data: %w", classed(err))
		}
		if at == "" {
			return 0, transient("", "the BMC lists no new archive")
		}
		path = at
	}
	n, err := d.c.rf.Download(ctx, path, w, maxDump)
	if err != nil {
		return n, fmt.Errorf("fetch diagnostic data: %w", classed(err))
	}
	return n, nil
}
