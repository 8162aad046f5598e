// Package inventory reads one BMC through Redfish into a rack.Device: what is there, what it is set to, and what it can be
// asked to do. It follows links and meanings, never ids, and it never writes.
//
// What could not be read is a rack.Gap. Three things are no gap: a resource that is linked and answers 404 (a member that a
// collection lists is not optional, so its 404 is one), a property that the BMC does not tell, and a placeholder such as
// "N/A" (quirk R99), which is the BMC's way of not telling. Log entries are never read (R118).
package inventory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// Source is what Read needs of a BMC. *redfish.Client satisfies it.
type Source interface {
	Root(ctx context.Context) (*redfish.Resource, error)
	Get(ctx context.Context, uri string) (*redfish.Resource, error)
	Members(ctx context.Context, collection string) ([]*redfish.Resource, []redfish.Problem, error)
}

// Deeper is a Source that can read a resource together with what hangs below it. Without it Read asks more often.
type Deeper interface {
	Deep(ctx context.Context, uri string, levels int) (r *redfish.Resource, depth int, err error)
	DeepLevels(ctx context.Context) int
}

// Speculator is a Source that can hold expanded answers against plain ones afterwards. When it finds them wrong the BMC is
// read again, without.
type Speculator interface {
	Speculate(ctx context.Context) (speculative context.Context, settled func() bool)
}

// Adopter is a Source that changes its manners by what the BMC turns out to be.
type Adopter interface {
	Adopt(id redfish.Identity) redfish.Set
}

// Options says what is read. The zero value is a survey.
type Options struct {
	System     string       // id or path of the host system, when a BMC has several hosts
	Facets     []rack.Facet // what is read beyond a survey
	OnProgress func(done string)
}

// Read reads one BMC. The error is for a BMC of which nothing can be said: its service root cannot be read, or it lets nobody
// in. Everything else that fails is a gap; gaps carry no address, which is the caller's to set. The same BMC gives the same
// bytes.
func Read(ctx context.Context, src Source, opt Options) (rack.Device, []rack.Gap, error) {
	root, err := src.Root(ctx)
	if err != nil {
		return rack.Device{}, nil, err
	}
	if s, ok := src.(Speculator); ok {
		sctx, settled := s.Speculate(ctx)
		d, gaps, err := readOnce(sctx, src, root.Obj, opt)
		if settled() || err != nil {
			return d, gaps, err
		}
	}
	return readOnce(ctx, src, root.Obj, opt)
}

func readOnce(ctx context.Context, src Source, root redfish.Object, opt Options) (rack.Device, []rack.Gap, error) {
	r := &reader{src: src, opt: opt, root: root, cache: map[string]*entry{}, lists: map[string]*listEntry{},
		gaps: map[string]string{}, systemsRead: make(chan struct{})}
	r.deep, _ = src.(Deeper)
	d := r.device(ctx)
	if isLoginRefused(r.fatal) && len(d.Systems)+len(d.Chassis) == 0 {
		return rack.Device{}, nil, r.fatal
	}
	gaps := r.sortedGaps()
	if len(gaps)+len(d.Systems)+len(d.Chassis)+len(d.Firmware)+len(d.Power)+len(d.LeakDetectors) == 0 {
		gaps = append(gaps, rack.Gap{Path: "/redfish/v1/", Reason: "the BMC answers and tells nothing: no system, no chassis, no firmware. " +
			"It may still be starting; try again in a few minutes. If it stays so, restart the BMC."})
	}
	return d, gaps, nil
}

// reader is one reading of one BMC.
type reader struct {
	src  Source
	deep Deeper
	opt  Options
	root redfish.Object

	mu    sync.Mutex
	cache map[string]*entry
	lists map[string]*listEntry
	gaps  map[string]string
	fatal error // the BMC as a whole is out of reach: nothing more is asked

	systemsRead chan struct{} // closed when the system resources are there, or are known not to be
	systems     []*system
	managers    []*redfish.Resource
	serving     *redfish.Resource // the manager that answers
	chassis     []*redfish.Resource
	host        *system
	dev         rack.Device

	chassisNICs    [][]rack.NIC // by place in chassis
	switchSeen     []rack.NIC   // Dell's view of neighbours
	equipmentLeaks []rack.LeakDetector
	equipmentPower []rack.PowerUnit
}

func (r *reader) wants(f rack.Facet) bool { return slices.Contains(r.opt.Facets, f) }

// device reads side by side what does not depend on each other; the client bounds what is on the wire.
func (r *reader) device(ctx context.Context) rack.Device {
	d := &r.dev
	managersRead := make(chan struct{})
	par(
		func() { r.readSystems(ctx) },
		func() {
			r.managers = r.members(ctx, r.root.Link("Managers"))
			close(managersRead)
		},
		func() { r.readManager(ctx, managersRead) },
		func() { r.readChassis(ctx) },
		func() { r.readUpdate(ctx) },
		func() { r.readPowerEquipment(ctx) },
		func() { r.readThermalEquipment(ctx) },
	)
	for i, c := range r.chassis {
		r.placeNICs(c, r.chassisNICs[i])
	}
	r.placeNeighbours()
	r.addEquipment()
	r.auxAttribute()
	r.readFunctions(ctx)
	r.readTPM(ctx)
	r.readLockdown(ctx)
	r.readGPUs(ctx)
	r.readChassisDrives(ctx)
	r.identify()
	r.readShelf(ctx)
	r.readLocation()
	r.readSettings(ctx, r.serving)
	r.readCertificates(ctx, r.serving)
	r.readEvents(ctx)
	d.Systems = []rack.System{}
	for _, s := range r.systems {
		d.Systems = append(d.Systems, s.finish())
	}
	r.finishDevice()
	return *d
}

// finishDevice puts everything into an order that does not depend on who answered first, and empty lists where JSON wants
// a list.
func (r *reader) finishDevice() {
	d := &r.dev
	d.Chassis, d.Firmware, d.Power, d.LeakDetectors = some(d.Chassis), some(d.Firmware), some(d.Power), some(d.LeakDetectors)
	for _, f := range d.Firmware { // a manager that leaves its version to the inventory (HPE Cray)
		if d.BMC.FirmwareVersion == "" && strings.EqualFold(f.ID, "BMC") {
			d.BMC.FirmwareVersion = f.Version
		}
	}
	for _, c := range d.Chassis { // equipment without a system: the maker of what stands there
		d.BMC.Vendor = first(d.BMC.Vendor, c.Manufacturer)
	}
	slices.SortStableFunc(d.LeakDetectors, func(a, b rack.LeakDetector) int { return strings.Compare(a.Path, b.Path) })
}

// some makes a nil list an empty one.
func some[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// par runs functions side by side and waits for all of them.
func par(fs ...func()) {
	var wg sync.WaitGroup
	for _, f := range fs[1:] {
		wg.Go(f)
	}
	fs[0]()
	wg.Wait()
}

// each runs f for every element side by side and waits.
func each[T any](list []T, f func(i int, v T)) {
	var wg sync.WaitGroup
	for i, v := range list {
		wg.Go(func() { f(i, v) })
	}
	wg.Wait()
}

// gap records that something could not be read. The first reason for a path stays.
func (r *reader) gap(path, reason string) {
	path = withoutExpand(path)
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, dup := r.gaps[path]; !dup {
		r.gaps[path] = reason
	}
}

// fieldGap records that one property holds something else than it should.
func (r *reader) fieldGap(res *redfish.Resource, reason string, keys ...string) {
	r.gap(res.URI+"#/"+strings.Join(keys, "/"), reason)
}

func (r *reader) sortedGaps() []rack.Gap {
	out := make([]rack.Gap, 0, len(r.gaps))
	for p, why := range r.gaps {
		out = append(out, rack.Gap{Path: p, Reason: why})
	}
	slices.SortFunc(out, func(a, b rack.Gap) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// failed records why a read failed. An error about the BMC as a whole is recorded once and ends the reading.
func (r *reader) failed(path string, err error) {
	r.mu.Lock()
	over := r.fatal != nil
	if !over && endsAll(err) {
		r.fatal = err
	}
	r.mu.Unlock()
	if over {
		return
	}
	r.gap(path, Reason(err))
}

// over tells whether the BMC is out of reach, so that a hundred more questions are not asked in vain.
func (r *reader) over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fatal != nil
}

func endsAll(err error) bool {
	return redfish.IsUnreachable(err) || redfish.IsUntrusted(err) || redfish.IsCancelled(err) || isLoginRefused(err)
}

func isLoginRefused(err error) bool {
	var e *redfish.Error
	return errors.As(err, &e) && (e.Kind == redfish.LoginRefused || e.Kind == redfish.Forbidden)
}

// Reason words an error as the reason of a gap: without the request, which is the gap's path.
func Reason(err error) string {
	var e *redfish.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	return strings.TrimPrefix(e.Error(), strings.ToLower(e.Method)+" "+e.URI+": ")
}

// withoutExpand cuts the query that asked for more than the resource itself.
func withoutExpand(path string) string {
	if i := strings.Index(path, "?$expand"); i >= 0 {
		return path[:i]
	}
	return path
}
