package inventory

import (
	"context"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
)

// maxFunctionReads bounds how many PCIe devices are asked for their functions when their names do not tell what they are.
const maxFunctionReads = 64

// pcieGPUs finds the GPUs among the PCIe devices of all chassis, else of the hosts' own lists. A device tells what it is by
// its words, else by the class of its functions.
func (r *reader) pcieGPUs(ctx context.Context) []gpu {
	var devices []*redfish.Resource
	seen := map[string]bool{}
	add := func(list []*redfish.Resource) {
		for _, d := range list {
			if k := redfish.Key(d.URI); !seen[k] && !absent(d.Obj) {
				seen[k] = true
				devices = append(devices, d)
			}
		}
	}
	lists := make([][]*redfish.Resource, len(r.chassis))
	each(r.chassis, func(i int, c *redfish.Resource) { lists[i] = r.pcieDevices(ctx, c.Obj) })
	for _, l := range lists {
		add(l)
	}
	if len(devices) == 0 {
		for _, s := range r.systems {
			add(r.pcieDevices(ctx, s.res.Obj))
		}
	}
	kinds := make([]bool, len(devices))
	var unsure []int
	for i, d := range devices {
		switch gpuDevice(d.Obj) {
		case yes:
			kinds[i] = true
		case unknown:
			unsure = append(unsure, i)
		}
	}
	if !slices.Contains(kinds, true) || len(unsure) <= 8 {
		each(unsure[:min(len(unsure), maxFunctionReads)], func(_, i int) { kinds[i] = r.hasGPUFunction(ctx, devices[i].Obj) })
	}
	var out []gpu
	for i, d := range devices {
		if kinds[i] {
			g := describedGPU(d, fromPCIe)
			g.device = redfish.Key(d.URI)
			out = append(out, g)
		}
	}
	return out
}

// pcieDevices reads a PCIeDevices property, which is a collection under a chassis and a list under a system.
func (r *reader) pcieDevices(ctx context.Context, o redfish.Object) []*redfish.Resource {
	if l := o.Link("PCIeDevices"); l != "" {
		return r.members(ctx, l)
	}
	return r.needAll(ctx, o.Links("PCIeDevices"))
}

type answer uint8

const (
	unknown answer = iota
	yes
	no
)

// gpuDevice judges a PCIe device by what it says of itself.
func gpuDevice(o redfish.Object) answer {
	said := strings.Join([]string{o.Str("Name"), o.Str("Model"), o.Str("Description"), o.Str("Id")}, " ")
	for _, vendor := range []string{"Supermicro", "Huawei", "xFusion", "Public"} {
		oem := o.Obj("Oem", vendor)
		if strings.Contains(strings.ToUpper(oem.Str("@odata.type")), "GPU") || strings.EqualFold(oem.Str("FunctionType"), "GPU") ||
			oem.Has("GPUSlot") {
			return yes
		}
	}
	maker := o.Str("Manufacturer")
	switch {
	case notGPU.MatchString(said + " " + maker):
		return no
	case gpuWord.MatchString(said), gpuMaker.MatchString(maker+" "+said) && gpuCode.MatchString(said):
		return yes
	case maker == "" || gpuMaker.MatchString(maker):
		return unknown
	}
	return no
}

// hasGPUFunction asks the functions of a device for their class: display (03) or processing accelerator (12) of a maker of
// accelerators. Video chips of BMCs (Matrox 102b, ASPEED 1a03) are display too.
func (r *reader) hasGPUFunction(ctx context.Context, o redfish.Object) bool {
	functions := r.members(ctx, o.Link("PCIeFunctions"))
	if len(functions) == 0 {
		functions = r.needAll(ctx, o.Links("Links", "PCIeFunctions"))
	}
	return slices.ContainsFunc(functions, func(f *redfish.Resource) bool {
		class, vendor := hex(f.Obj.Str("ClassCode")), hex(f.Obj.Str("VendorId"))
		kind := f.Obj.Str("DeviceClass")
		accelerates := strings.EqualFold(kind, "DisplayController") || strings.EqualFold(kind, "ProcessingAccelerators") ||
			len(class) == 6 && (strings.HasPrefix(class, "03") || strings.HasPrefix(class, "12")) || class == "000003" || class == "000012"
		if vendor == "8086" && strings.HasPrefix(class, "0300") {
			return false // the graphics inside a CPU
		}
		return accelerates && slices.Contains([]string{"10de", "1002", "8086", "1da3"}, vendor) // NVIDIA, AMD, Intel, Habana
	})
}

// hex gives the digits of a number written 0x…, lower case.
func hex(s string) string { return strings.TrimPrefix(strings.ToLower(strings.TrimSpace(s)), "0x") }
