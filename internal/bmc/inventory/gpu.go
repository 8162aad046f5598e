package inventory

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// Where a GPU was found, as rack.GPU.Source tells it.
const (
	fromProcessor = "Processor"
	fromPCIe      = "PCIeDevice"
	fromOEM       = "OEM"
	fromFirmware  = "FirmwareInventory"
)

// gpu is an accelerator with what joins its several descriptions.
type gpu struct {
	rack.GPU
	part   string // part number
	device string // Key of the PCIeDevice that it is
}

func processorGPU(p *redfish.Resource) gpu {
	g := describedGPU(p, fromProcessor)
	g.device = redfish.Key(p.Obj.Link("Links", "PCIeDevice"))
	return g
}

func describedGPU(p *redfish.Resource, source string) gpu {
	part := text(p.Obj, "PartNumber")
	return gpu{GPU: rack.GPU{ID: idOf(p), Model: product(p.Obj), SerialNumber: serial(p.Obj), Source: source,
		Path: p.URI}, part: part}
}

var (
	partNumber = regexp.MustCompile(`^[0-9A-Z]{2,}(-[0-9A-Z]+)+$`)
	// gpuWord are words that name an accelerator by themselves; gpuCode are model codes that only count with a maker of GPUs.
	gpuWord = regexp.MustCompile(`(?i)\bGPU|\b(GB[23]00|GH200|[AHB][123]00|H800|A800|V100S?|RTX|Tesla|Quadro|Instinct|Radeon|Gaudi ?\d?|` +
		`MI\d{2,3}[A-Z]{0,2}|HL-\d{3}|Data Center GPU|Max 1[15]\d0)\b`)
	gpuCode  = regexp.MustCompile(`(?i)\b(A(2|10|16|30|40)|H20|L(4|20|40S?)|T4|P(4|40|100)|Graphics|Accelerator|3D controller)\b`)
	gpuMaker = regexp.MustCompile(`(?i)nvidia|\bamd\b|advanced micro|\bati\b|intel|habana`)
	notGPU   = regexp.MustCompile(`(?i)switch|bridge|retimer|nvlink|connectx|bluefield|ethernet|network|infiniband|nvme|\bssd|raid|` +
		`\bhba\b|storage|audio|\busb|riser|backplane|matrox|aspeed|embedded video|onboard|chipset|root port|backplane|sata\b|smbus`)
	generic = regexp.MustCompile(`(?i)^(processors?|pcie ?device|gpu|video|adapter|graphics controller)[ _-]?\d*$`)
)

// product gives the name under which an accelerator is sold. Where Model is a part number (HPE) or nothing (Lenovo), Name
// may be the product.
func product(o redfish.Object) string {
	model, name := text(o, "Model"), first(text(o, "MarketingName"), text(o, "Name"))
	named := name != "" && !generic.MatchString(name) && (gpuWord.MatchString(name) || gpuCode.MatchString(name))
	if named && (model == "" || partNumber.MatchString(model) || strings.EqualFold(model, text(o, "PartNumber"))) {
		return name
	}
	return model
}

// readGPUs completes and places the GPUs. Processors are the first source; PCIe devices are asked when there are none or
// when they leave model or serial open; vendor trees and firmware rows only when nothing else shows any.
func (r *reader) readGPUs(ctx context.Context) {
	found := r.gatherGPUs()
	if len(found) == 0 || slices.ContainsFunc(found, func(g gpu) bool { return g.Model == "" || g.SerialNumber == "" }) {
		found = joinGPUs(found, r.pcieGPUs(ctx))
	}
	if len(found) == 0 {
		found = r.graphicsControllers(ctx)
	}
	if len(found) == 0 {
		found = r.vendorGPUs(ctx)
	}
	if len(found) == 0 && r.host != nil {
		found = firmwareGPUs(r.dev.Firmware)
	}
	r.placeGPUs(dedupeGPUs(found))
}

// gatherGPUs takes the GPUs of all systems that are no host of their own.
func (r *reader) gatherGPUs() []gpu {
	var out []gpu
	for _, s := range r.systems {
		if r.severalHosts() && s.out.Host && s != r.host {
			continue // its GPUs are its own
		}
		out = append(out, s.gpus...)
		s.gpus = nil
	}
	return out
}

func (r *reader) severalHosts() bool {
	n := 0
	for _, s := range r.systems {
		if s.out.Host {
			n++
		}
	}
	return n > 1
}

// placeGPUs gives the GPUs to the host, or where there is none to the system that they hang on.
func (r *reader) placeGPUs(found []gpu) {
	for _, g := range found {
		home := r.host
		if home == nil {
			for _, s := range r.systems {
				if home == nil || strings.HasPrefix(redfish.Key(g.Path), redfish.Key(s.res.URI)+"/") {
					home = s
				}
			}
		}
		if home != nil {
			home.gpus = append(home.gpus, g)
		}
	}
}

// dedupeGPUs drops what another collection has listed before, by serial, and orders by id as people count. Within one
// collection nothing is dropped: on a GB300 two GPUs of one board have one serial.
func dedupeGPUs(in []gpu) []gpu {
	var out []gpu
	counted := map[string]int{} // by serial
	listed := map[string]int{}  // by serial and collection
	paths := map[string]bool{}
	for _, g := range in {
		sn := strings.ToLower(g.SerialNumber)
		if k := redfish.Key(g.Path) + " " + g.ID; paths[k] {
			continue
		} else if paths[k] = true; sn == "" {
			out = append(out, g)
			continue
		}
		k := sn + " " + parentOf(g.Path)
		if listed[k]++; listed[k] > counted[sn] {
			counted[sn]++
			out = append(out, g)
		}
	}
	slices.SortStableFunc(out, func(a, b gpu) int {
		if c := natural(a.ID, b.ID); c != 0 {
			return c
		}
		return strings.Compare(a.Path, b.Path)
	})
	return out
}

// parentOf is the collection that a resource stands in.
func parentOf(uri string) string {
	k := redfish.Key(uri)
	return k[:max(strings.LastIndexByte(k, '/'), 0)]
}

// joinGPUs completes processors with their PCIe devices: by link, by serial, by part number (R116). A device that is none
// of them is a GPU of its own only where identity can tell: when there are no processors, or when all have serials.
func joinGPUs(processors, devices []gpu) []gpu {
	out := slices.Clone(processors)
	serials := !slices.ContainsFunc(processors, func(g gpu) bool { return g.SerialNumber == "" })
	models := map[string]string{} // part number to product; "" when the devices disagree
	for _, d := range devices {
		if m, seen := models[d.part]; seen && m != d.Model {
			models[d.part] = ""
		} else if d.part != "" {
			models[d.part] = d.Model
		}
		i := slices.IndexFunc(out, func(g gpu) bool {
			return g.device != "" && g.device == d.device || g.SerialNumber != "" && g.SerialNumber == d.SerialNumber
		})
		switch {
		case i >= 0:
			out[i].Model, out[i].SerialNumber = first(out[i].Model, d.Model), first(out[i].SerialNumber, d.SerialNumber)
		case serials && (len(processors) == 0 || d.SerialNumber != ""):
			out = append(out, d)
		}
	}
	for i := range out {
		if out[i].Model == "" {
			out[i].Model = models[out[i].part]
		}
	}
	return out
}

// graphicsControllers reads the standard collection of that name; the BMC's own video chip is none.
func (r *reader) graphicsControllers(ctx context.Context) []gpu {
	var out []gpu
	for _, s := range r.systems {
		for _, g := range r.members(ctx, s.res.Obj.Link("GraphicsControllers")) {
			said := strings.Join([]string{g.Obj.Str("Manufacturer"), g.Obj.Str("Model"), g.Obj.Str("Name")}, " ")
			if !absent(g.Obj) && !notGPU.MatchString(said) {
				out = append(out, describedGPU(g, "GraphicsController"))
			}
		}
	}
	return out
}

var vendorList = regexp.MustCompile(`(?i)gpu|video|accelerator|graphics|^devices$`)

// maxVendorLists bounds how many vendor collections are asked for GPUs.
const maxVendorLists = 8

// vendorGPUs looks through vendor trees that the hosts and their chassis link: Dell's DellVideo, HPE's Devices, and others
// that are named alike.
func (r *reader) vendorGPUs(ctx context.Context) []gpu {
	var lists []string
	for _, res := range append(r.hostResources(), r.chassis...) {
		for _, o := range []redfish.Object{res.Obj.Obj("Oem"), res.Obj.Obj("Links", "Oem")} {
			lists = append(lists, vendorLinks(o, 0)...)
		}
	}
	slices.Sort(lists)
	lists = slices.Compact(lists)
	var out []gpu
	for _, l := range lists[:min(len(lists), maxVendorLists)] {
		if c := r.get(ctx, l); c == nil || !c.Obj.Has("Members") {
			continue // a link of that name, to something else
		}
		for _, m := range r.members(ctx, l) {
			said := strings.Join([]string{m.Obj.Str("Manufacturer"), m.Obj.Str("MarketingName"), m.Obj.Str("Model"), m.Obj.Str("Name"),
				m.Obj.Str("DeviceType")}, " ")
			sensor := strings.Contains(strings.ToLower(typeName(m.Obj)), "sensor")
			if !sensor && !absent(m.Obj) && isGPUName(said) {
				out = append(out, describedGPU(m, fromOEM))
			}
		}
	}
	return out
}

func vendorLinks(o redfish.Object, depth int) []string {
	var out []string
	for k := range o {
		c := o.Obj(k)
		if c == nil {
			continue
		}
		if l := c.Str("@odata.id"); l != "" && vendorList.MatchString(k) {
			out = append(out, l)
		} else if depth < 4 {
			out = append(out, vendorLinks(c, depth+1)...)
		}
	}
	return out
}

func (r *reader) hostResources() []*redfish.Resource {
	var out []*redfish.Resource
	for _, s := range r.systems {
		if s.out.Host {
			out = append(out, s.res)
		}
	}
	return out
}

// isGPUName tells whether words name an accelerator.
func isGPUName(said string) bool {
	if notGPU.MatchString(said) {
		return false
	}
	return gpuWord.MatchString(said) || gpuMaker.MatchString(said) && gpuCode.MatchString(said)
}

var (
	gpuRow  = regexp.MustCompile(`(?i)^(.*?GPU[_ -]?(?:SXM)?[_ -]?)(\d+)$`)
	copyRow = regexp.MustCompile(`(?i)backup|golden|staging|previous|capsule|pending|available|inforom|[ei]rot|switch|nvlink`)
)

// firmwareGPUs counts GPUs by their firmware rows: of several families of rows for the same GPUs (R97) the largest. Rows
// that name a GPU product count one each.
func firmwareGPUs(rows []rack.Firmware) []gpu {
	families := map[string][]gpu{}
	var named []gpu
	for _, f := range rows {
		if copyRow.MatchString(f.ID+" "+f.Name) || f.Version == "" || strings.EqualFold(f.State, "Absent") {
			continue
		}
		g := gpu{GPU: rack.GPU{ID: f.ID, Source: fromFirmware, Path: f.Path}}
		if m := gpuRow.FindStringSubmatch(f.ID); m != nil {
			families[strings.ToLower(m[1])] = append(families[strings.ToLower(m[1])], g)
			continue
		}
		if isGPUName(f.Name) {
			g.Model = f.Name
			named = append(named, g)
		}
	}
	best := named
	keys := make([]string, 0, len(families))
	for k := range families {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if len(families[k]) > len(best) {
			best = families[k]
		}
	}
	return best
}

// natural compares names with numbers in them as people do: GPU2 before GPU10.
func natural(a, b string) int {
	for a != "" && b != "" {
		na, nb := digits(a), digits(b)
		if na > 0 && nb > 0 {
			x, errA := strconv.ParseUint(a[:na], 10, 64)
			y, errB := strconv.ParseUint(b[:nb], 10, 64)
			if errA == nil && errB == nil && x != y {
				if x < y {
					return -1
				}
				return 1
			}
			if a[:na] != b[:nb] {
				return strings.Compare(a[:na], b[:nb])
			}
			a, b = a[na:], b[nb:]
			continue
		}
		if a[0] != b[0] {
			return strings.Compare(a[:1], b[:1])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
