package inventory

import (
	"context"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// readBoot reads the override, the order and the options. A system without a Boot property has none.
func (r *reader) readBoot(ctx context.Context, sys *redfish.Resource) *rack.Boot {
	o := sys.Obj.Obj("Boot")
	if o == nil {
		if v, there := sys.Obj.Lookup("Boot"); there && v != nil {
			r.fieldGap(sys, "it is no object", "Boot")
		}
		return nil
	}
	b := &rack.Boot{OverrideEnabled: o.Str("BootSourceOverrideEnabled"), OverrideTarget: o.Str("BootSourceOverrideTarget"),
		OverrideMode: text(o, "BootSourceOverrideMode"), Targets: o.Strs("BootSourceOverrideTarget@Redfish.AllowableValues"),
		Order: some(o.Strs("BootOrder"))}
	if v, there := o["HttpBootUri"]; there { // null: not set, and it can be
		uri, _ := v.(string)
		b.HTTPURI = &uri
	}
	_, b.OrderWritable = o["BootOrder"].([]any)
	for _, m := range r.take(ctx, o.Link("BootOptions")) {
		on, told := m.Obj.Bool("BootOptionEnabled")
		b.Options = append(b.Options, rack.BootOption{
			Reference: first(text(m.Obj, "BootOptionReference"), idOf(m)),
			Name:      first(text(m.Obj, "DisplayName"), text(m.Obj, "Name")),
			Alias:     text(m.Obj, "Alias"), UEFIPath: text(m.Obj, "UefiDevicePath"), Enabled: on || !told,
		})
	}
	slices.SortStableFunc(b.Options, func(x, y rack.BootOption) int { return strings.Compare(x.Reference, y.Reference) })
	return b
}

// readMedia picks the virtual media of the host: under the system or under the manager, wherever a slot can be filled.
func (r *reader) readMedia(ctx context.Context, manager *redfish.Resource) {
	if r.host == nil {
		return
	}
	slots := r.mediaSlots(ctx, r.host.res.Obj.Link("VirtualMedia"))
	can := func(l []rack.MediaSlot) bool {
		return slices.ContainsFunc(l, func(m rack.MediaSlot) bool { return m.CanPost })
	}
	if !can(slots) && manager != nil {
		if other := r.mediaSlots(ctx, manager.Obj.Link("VirtualMedia")); can(other) || len(slots) == 0 {
			slots = other
		}
	}
	r.host.out.Media = slots
	r.dev.Capabilities.VirtualMedia = len(slots) > 0
}

func (r *reader) mediaSlots(ctx context.Context, list string) []rack.MediaSlot {
	var out []rack.MediaSlot
	for _, m := range r.take(ctx, list) {
		in, _ := m.Obj.Bool("Inserted")
		_, can := findAction(m.Obj, "VirtualMedia.InsertMedia")
		out = append(out, rack.MediaSlot{ID: idOf(m), Path: m.URI, Types: some(m.Obj.Strs("MediaTypes")),
			Image: text(m.Obj, "Image"), Inserted: in, CanPost: can})
	}
	return out
}
