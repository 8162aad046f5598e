package inventory

import (
	"context"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// system is one ComputerSystem while it is read.
type system struct {
	res   *redfish.Resource
	out   rack.System
	gpus  []gpu
	shelf *storage
	nics  []rack.NIC
	bare  []rack.NIC // ports that tell no MAC
	board bool       // it can neither be reset nor booted: a part that calls itself a system
}

const bytesPerGiB = 1 << 30

// readSystems reads every system, and in each what needs no other part of the BMC.
func (r *reader) readSystems(ctx context.Context) {
	for _, res := range r.members(ctx, r.root.Link("Systems")) {
		r.systems = append(r.systems, &system{res: res})
	}
	r.markHosts()
	close(r.systemsRead)
	each(r.systems, func(_ int, s *system) { r.readSystem(ctx, s) })
}

// markHosts tells nodes from other systems. A host can be reset or has a BIOS: an HGX baseboard has neither (R112). What is
// disabled and has neither identity nor processors is a form that a power shelf fills in (R117); a host that is merely off
// may call itself disabled, so its identity counts. A DPU is a host only where nothing else is.
func (r *reader) markHosts() {
	for _, s := range r.systems {
		o := s.res.Obj
		_, resets := findAction(o, "ComputerSystem.Reset")
		host := resets || o.Link("Bios") != ""
		s.board = !host
		if st := state(o); strings.EqualFold(st, "Disabled") || strings.EqualFold(st, "Absent") {
			n, _ := o.Int("ProcessorSummary", "Count")
			host = host && (n > 0 || serial(o) != "" || text(o, "Model") != "")
		}
		if want := r.opt.System; want != "" {
			host = host && (strings.EqualFold(want, idOf(s.res)) || redfish.Key(want) == redfish.Key(s.res.URI))
		}
		s.out.Host = host
	}
	if i := slices.IndexFunc(r.systems, func(s *system) bool { return s.out.Host && !isDPU(s.res.Obj) }); i >= 0 && r.opt.System == "" {
		for _, s := range r.systems {
			s.out.Host = s.out.Host && !isDPU(s.res.Obj)
		}
	}
	if i := slices.IndexFunc(r.systems, func(s *system) bool { return s.out.Host }); i >= 0 {
		r.host = r.systems[i]
	}
}

func isDPU(o redfish.Object) bool { return strings.EqualFold(o.Str("SystemType"), "DPU") }

func (r *reader) readSystem(ctx context.Context, s *system) {
	o := s.res.Obj
	s.out.ID, s.out.Path = idOf(s.res), s.res.URI
	s.out.Manufacturer, s.out.Model = r.checked(s.res, "Manufacturer"), r.checked(s.res, "Model")
	s.out.SerialNumber, s.out.BIOSVersion = r.checkedSerial(s.res), r.checked(s.res, "BiosVersion")
	s.out.UUID, s.out.PowerState = strings.ToLower(text(o, "UUID")), r.checked(s.res, "PowerState")
	s.out.BootProgress = bootProgress(o)
	s.out.LastResetTime = text(o, "LastResetTime")
	for _, m := range o.Objs("TrustedModules") {
		if tpm := (rack.TPM{Type: text(m, "InterfaceType"), Firmware: text(m, "FirmwareVersion"), State: state(m)}); tpm != (rack.TPM{}) {
			s.out.TPMs = append(s.out.TPMs, tpm)
		}
	}
	work := []func(){
		func() { s.out.MemoryBytes = r.memoryBytes(ctx, s.res) },
		func() { r.readProcessors(ctx, s) },
		func() { r.readEthernet(ctx, s) },
		func() { s.shelf = r.readStorage(ctx, s.res) },
	}
	if s.out.Host {
		work = append(work,
			func() { s.out.BIOS = r.readBIOS(ctx, o.Link("Bios")) },
			func() { s.out.Boot = r.readBoot(ctx, s.res) },
			func() { r.readSecureBoot(ctx, s) },
		)
	}
	if s == r.host {
		work = append(work, func() { r.dev.Capabilities.ResetTypes = r.resetTypes(ctx, o, "ComputerSystem.Reset") })
	}
	par(work...)
}

// bootProgress gives the standard word; BlueField's own one is mapped to it.
func bootProgress(o redfish.Object) string {
	last := text(o, "BootProgress", "LastState")
	if strings.EqualFold(last, "OEM") {
		switch strings.ToLower(o.Str("BootProgress", "OemLastState")) {
		case "osisrunning":
			return "OSRunning"
		case "":
		default:
			return "OEM"
		}
	}
	return last
}

// memoryBytes is the summary's word, else the sum of the modules.
func (r *reader) memoryBytes(ctx context.Context, res *redfish.Resource) int64 {
	if v, ok := res.Obj.Lookup("MemorySummary", "TotalSystemMemoryGiB"); ok && v != nil {
		f, ok := res.Obj.Float("MemorySummary", "TotalSystemMemoryGiB")
		if !ok || f < 0 || f > 1<<20 { // a pebibyte in one host
			r.fieldGap(res, "it is no plausible number of GiB", "MemorySummary", "TotalSystemMemoryGiB")
			return 0
		}
		return int64(f * bytesPerGiB)
	}
	var mib int64
	for _, m := range r.take(ctx, res.Obj.Link("Memory")) {
		if !absent(m.Obj) {
			mib += r.amount(m, "CapacityMiB")
		}
	}
	return mib << 20
}

func (r *reader) readProcessors(ctx context.Context, s *system) {
	for _, p := range r.take(ctx, s.res.Obj.Link("Processors")) {
		if absent(p.Obj) {
			continue
		}
		switch kind := strings.ToLower(p.Obj.Str("ProcessorType")); kind {
		case "gpu", "accelerator":
			s.gpus = append(s.gpus, processorGPU(p))
		case "cpu", "":
			cores, _ := p.Obj.Int("TotalCores")
			s.out.Processors = append(s.out.Processors, rack.Processor{ID: idOf(p), Model: text(p.Obj, "Model"),
				Cores: int(max(cores, 0)), Vendor: text(p.Obj, "Manufacturer")})
		}
	}
}

// identify gives a host that does not tell who it is (GB200) the identity of the chassis that it stands in.
func (r *reader) identify() {
	for _, s := range r.systems {
		if !s.out.Host || s.out.SerialNumber != "" && s.out.Model != "" {
			continue
		}
		c := r.enclosure(s)
		if c == nil {
			continue
		}
		s.out.Manufacturer = first(s.out.Manufacturer, text(c.Obj, "Manufacturer"))
		s.out.Model = first(s.out.Model, text(c.Obj, "Model"))
		s.out.SerialNumber = first(s.out.SerialNumber, serial(c.Obj))
	}
	if r.host == nil {
		return
	}
	for _, s := range r.systems { // a baseboard lists the host's CPUs again: count by identity, not by URI
		if s.board && len(r.host.out.Processors) >= len(s.out.Processors) {
			completeProcessors(r.host.out.Processors, s.out.Processors)
			s.out.Processors = nil
		}
	}
}

// completeProcessors takes from a baseboard's list what the host's own does not tell, where both list the same ones.
func completeProcessors(host, board []rack.Processor) {
	if len(host) != len(board) {
		return
	}
	for i := range host {
		host[i].Model = first(host[i].Model, board[i].Model)
		host[i].Vendor = first(host[i].Vendor, board[i].Vendor)
		host[i].Cores = max(host[i].Cores, board[i].Cores)
	}
}

// enclosure finds the chassis that best stands for a system: the largest kind among those linked either way.
func (r *reader) enclosure(s *system) *redfish.Resource {
	var best *redfish.Resource
	most := -1
	linked := map[string]bool{}
	for _, l := range s.res.Obj.Links("Links", "Chassis") {
		linked[redfish.Key(l)] = true
	}
	for _, c := range r.chassis {
		mine := linked[redfish.Key(c.URI)]
		for _, l := range c.Obj.Links("Links", "ComputerSystems") {
			mine = mine || redfish.Key(l) == redfish.Key(s.res.URI)
		}
		if n := enclosureRank(c.Obj); mine && serial(c.Obj) != "" && n > most {
			best, most = c, n
		}
	}
	return best
}

func enclosureRank(o redfish.Object) int {
	switch strings.ToLower(o.Str("ChassisType")) {
	case "sled", "blade", "rackmount", "standalone", "shelf", "stackable", "cartridge":
		return 3
	case "enclosure", "drawer", "row", "pod", "expansion", "sidecar":
		return 2
	case "zone", "card", "storageenclosure":
		return 1
	}
	return 0
}

// finish gives the system in its stable form.
func (s *system) finish() rack.System {
	o := s.out
	o.GPUs = make([]rack.GPU, len(s.gpus))
	for i, g := range s.gpus {
		o.GPUs[i] = g.GPU
	}
	if s.shelf != nil {
		o.Drives, o.Volumes, o.Controllers = s.shelf.drives, s.shelf.volumes, s.shelf.controllers
		o.Namespaces = s.shelf.namespaces
	}
	if o.NICs = s.nics; len(o.NICs) == 0 {
		o.NICs = s.bare // beside ports with a MAC they would be the same ports again
	} else {
		for _, n := range s.bare {
			if n.Path != "" && (n.Neighbour != nil || n.Link == "LinkDown") { // asked for neighbours: what each port says counts
				o.NICs = append(o.NICs, n)
			}
		}
	}
	o.Processors, o.Drives, o.Volumes, o.NICs = some(o.Processors), some(o.Drives), some(o.Volumes), some(o.NICs)
	return o
}
