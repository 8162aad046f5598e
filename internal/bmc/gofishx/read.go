package gofishx

import (
	"cmp"
	"context"
	"slices"
	"strings"

	gofish "github.com/stmcginnis/gofish/redfish"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// Integrity is one component that can prove what it runs (SPDM or TPM; DSP2064 ComponentIntegrity).
type Integrity struct {
	ID      string
	Path    string
	Type    string // SPDM, TPM, OEM, TCM
	Version string // of the protocol
	Enabled bool
	Target  string // path of the component
	State   string
	Health  string
}

// Switch is a switch of a fabric that the BMC knows, with its ports.
type Switch struct {
	ID     string
	Path   string
	Fabric string
	Model  string
	Serial string
	State  string
	Health string
	Ports  []Port
}

// Port is one port of a switch.
type Port struct {
	ID         string
	Path       string
	LinkState  string
	LinkStatus string
	SpeedGbps  float64
	State      string
	Health     string
}

// Integrities reads ComponentIntegrity, sorted by path. A BMC without it has none. What cannot be read or decoded is a Problem.
func Integrities(ctx context.Context, src source) ([]Integrity, []redfish.Problem, error) {
	at, c, err := start(ctx, src, "ComponentIntegrity")
	if err != nil || at == "" {
		return nil, nil, err
	}
	list, err := gofish.ListReferencedComponentIntegritys(c, at)
	problems := c.done(err, at)
	var out []Integrity
	for _, i := range list {
		out = append(out, Integrity{
			ID: i.ID, Path: i.ODataID, Type: string(i.ComponentIntegrityType), Version: i.ComponentIntegrityTypeVersion,
			Enabled: i.ComponentIntegrityEnabled, Target: i.TargetComponentURI, State: string(i.Status.State), Health: string(i.Status.Health),
		})
	}
	slices.SortFunc(out, func(a, b Integrity) int { return cmp.Compare(a.Path, b.Path) })
	return out, problems, nil
}

// Switches reads the switches of every fabric with their ports, sorted by path. A BMC without fabrics has none.
func Switches(ctx context.Context, src source) ([]Switch, []redfish.Problem, error) {
	at, c, err := start(ctx, src, "Fabrics")
	if err != nil || at == "" {
		return nil, nil, err
	}
	fabrics, err := gofish.ListReferencedFabrics(c, at)
	problems := c.done(err, at)
	var out []Switch
	for _, f := range fabrics {
		list, err := f.Switches()
		problems = append(problems, c.done(err, f.ODataID)...)
		for _, s := range list {
			x := Switch{ID: s.ID, Path: s.ODataID, Fabric: f.ID, Model: s.Model, Serial: s.SerialNumber,
				State: string(s.Status.State), Health: string(s.Status.Health)}
			ports, err := s.Ports()
			problems = append(problems, c.done(err, s.ODataID)...)
			for _, p := range ports {
				x.Ports = append(x.Ports, Port{ID: p.ID, Path: p.ODataID, LinkState: string(p.LinkState), LinkStatus: string(p.LinkStatus),
					SpeedGbps: float64(p.CurrentSpeedGbps), State: string(p.Status.State), Health: string(p.Status.Health)})
			}
			slices.SortFunc(x.Ports, func(a, b Port) int { return cmp.Compare(a.Path, b.Path) })
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b Switch) int { return cmp.Compare(a.Path, b.Path) })
	return out, problems, nil
}

// Leaks reads the leak detectors of every chassis that has a ThermalSubsystem, sorted by path: a second look, by another
// decoder than the survey's, at the gate that must be dry.
func Leaks(ctx context.Context, src source) ([]rack.LeakDetector, []redfish.Problem, error) {
	at, c, err := start(ctx, src, "Chassis")
	if err != nil || at == "" {
		return nil, nil, err
	}
	all, err := gofish.ListReferencedChassis(c, at)
	problems := c.done(err, at)
	var out []rack.LeakDetector
	for _, ch := range all {
		thermal, err := ch.ThermalSubsystem()
		problems = append(problems, c.done(err, ch.ODataID)...)
		if thermal == nil {
			continue
		}
		// gofish 0.20 takes LeakDetection for a collection and would find no detector at all: the link is followed here.
		raw, err := src.Get(ctx, thermal.ODataID)
		if err != nil || raw.Obj.Link("LeakDetection") == "" {
			problems = append(problems, c.done(err, thermal.ODataID)...)
			continue
		}
		g, err := gofish.GetLeakDetection(c, raw.Obj.Link("LeakDetection"))
		problems = append(problems, c.done(err, thermal.ODataID)...)
		if g == nil {
			continue
		}
		list, err := g.LeakDetectors()
		problems = append(problems, c.done(err, g.ODataID)...)
		for _, d := range list {
			out = append(out, rack.LeakDetector{ID: d.ID, Path: d.ODataID, State: leakState(string(d.DetectorState)), Status: string(d.Status.State)})
		}
	}
	slices.SortFunc(out, func(a, b rack.LeakDetector) int { return cmp.Compare(a.Path, b.Path) })
	return slices.CompactFunc(out, func(a, b rack.LeakDetector) bool { return a.Path == b.Path }), problems, nil
}

func leakState(s string) string {
	switch s {
	case "OK", "Warning", "Critical":
		return s
	}
	return "Unknown"
}

// start finds the collection that the service root names; "" when it names none.
func start(ctx context.Context, src source, property string) (string, *client, error) {
	root, err := src.Root(ctx)
	if err != nil {
		return "", nil, err
	}
	return root.Obj.Link(property), newClient(ctx, src), nil
}

// done collects what went wrong since the last call. A resource that is missing is no problem when it was only looked for.
func (c *client) done(err error, at string) []redfish.Problem {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.problems
	c.problems = nil
	if err != nil {
		out = append(out, undecoded(err, at)...)
	}
	slices.SortStableFunc(out, func(a, b redfish.Problem) int { return strings.Compare(a.URI, b.URI) })
	return out
}
