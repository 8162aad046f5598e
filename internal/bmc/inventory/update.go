package inventory

import (
	"context"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// readUpdate reads the firmware inventory and how images may be sent.
func (r *reader) readUpdate(ctx context.Context) {
	us := r.get(ctx, r.root.Link("UpdateService"))
	if us == nil {
		return
	}
	r.updateAbilities(us.Obj)
	rows := r.take(ctx, us.Obj.Link("FirmwareInventory"))
	for _, f := range rows {
		r.dev.Firmware = append(r.dev.Firmware, r.firmwareRow(f))
	}
	slices.SortStableFunc(r.dev.Firmware, func(a, b rack.Firmware) int { return natural(a.ID, b.ID) })
}

// firmwareRow reads one row. A placeholder is never a version (R99): what says that it is not present is absent.
func (r *reader) firmwareRow(f *redfish.Resource) rack.Firmware {
	up, _ := f.Obj.Bool("Updateable")
	staged, _ := f.Obj.Bool("Staged")
	row := rack.Firmware{ID: idOf(f), Name: text(f.Obj, "Name"), Version: r.checked(f, "Version"), Updateable: up,
		SoftwareID: text(f.Obj, "SoftwareId"), State: state(f.Obj), Staged: staged, Path: f.URI}
	if strings.EqualFold(strings.TrimSpace(f.Obj.Str("Version")), "Not Present") {
		row.State = "Absent"
	}
	// Lenovo and Supermicro keep what waits in rows of their own (redfish.md 5.2).
	row.Staged = row.Staged || row.Version != "" && (strings.HasSuffix(row.ID, "-Pending") || strings.HasPrefix(row.ID, "Staging_"))
	return row
}

func (r *reader) updateAbilities(o redfish.Object) {
	c := &r.dev.Capabilities
	c.MultipartPush = text(o, "MultipartHttpPushUri") != ""
	c.HTTPPush = text(o, "HttpPushUri") != ""
	if n, ok := o.Int("MaxImageSizeBytes"); ok && n > 0 {
		c.MaxImageBytes = n
	}
	const support = "@Redfish.OperationApplyTimeSupport"
	c.ApplyTimes = union(nil, o.Strs("MultipartHttpPushUri"+support, "SupportedValues")...)
	if a, ok := findAction(o, "UpdateService.SimpleUpdate"); ok {
		c.SimpleUpdate = true
		c.ApplyTimes = union(c.ApplyTimes, a.obj.Strs(support, "SupportedValues")...)
	}
	for _, k := range []string{"HttpPushUri" + support, support} {
		c.ApplyTimes = union(c.ApplyTimes, o.Strs(k, "SupportedValues")...)
	}
	c.ApplyTimes = union(c.ApplyTimes, o.Strs("HttpPushUriOptions", "HttpPushUriApplyTime", "ApplyTime@Redfish.AllowableValues")...)
	slices.Sort(c.ApplyTimes)
}

// auxValue are the values of an OEM reset that cut the auxiliary power too (redfish.md 2.9).
var auxValues = []string{"AuxCycle", "AuxPowerCycle", "ACPowerCycle", "FullPowerCycle"}

// readAuxCycle finds how the auxiliary power can be cycled: an OEM action whose name or allowable values say so, else a
// BIOS attribute (Dell's PowerCycleRequest). It is found before anything is flashed, or the plan asks for hands.
func (r *reader) readAuxCycle(ctx context.Context) {
	var holders []*redfish.Resource
	if r.host != nil {
		holders = append(holders, r.host.res)
	}
	for _, c := range append(holders, r.chassis...) {
		for _, a := range actions(c.Obj) {
			name := strings.ToLower(a.name)
			vendor := !strings.HasPrefix(name, "computersystem.") && !strings.HasPrefix(name, "chassis.")
			if !vendor || !strings.Contains(name, "reset") && !strings.Contains(name, "powercycle") {
				continue
			}
			if strings.Contains(name, "auxpower") || strings.HasSuffix(name, "delloemchassis.extendedreset") || slices.ContainsFunc(r.parameterValues(ctx, a, ""), isAux) {
				r.dev.Capabilities.AuxCycle = "oem:" + a.target
				return
			}
		}
	}
}

func isAux(v string) bool {
	return slices.ContainsFunc(auxValues, func(a string) bool { return strings.EqualFold(a, v) })
}

// auxAttribute is Dell's way, when no action was found.
func (r *reader) auxAttribute() {
	c := &r.dev.Capabilities
	if c.AuxCycle != "" || r.host == nil || r.host.out.BIOS == nil {
		return
	}
	if _, ok := r.host.out.BIOS.Attributes["PowerCycleRequest"]; ok {
		c.AuxCycle = "bios:PowerCycleRequest"
	}
}
