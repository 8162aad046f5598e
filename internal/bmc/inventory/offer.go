package inventory

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// What Dell's controllers take on creation is told by no resource. The bodies of Dell's own Redfish examples name strip size,
// caches and encryption; iDRAC refuses a value that a controller does not know.
var (
	dellReadCache  = []string{"Off", "ReadAhead", "AdaptiveReadAhead"}
	dellWriteCache = []string{"WriteThrough", "ProtectedWriteBack", "UnprotectedWriteBack"}
	initializes    = []string{"Fast", "Slow"}
)

// raidService is Dell's DellRaidService of one system: the acts on its controllers that the standard has no word for.
func (r *reader) raidService(ctx context.Context, sys redfish.Object) redfish.Object {
	if !r.wants(rack.FacetDrives) {
		return nil
	}
	link := sys.Link("Links", "Oem", "Dell", "DellRaidService")
	if link == "" {
		return nil
	}
	if res := r.get(ctx, link); res != nil {
		return res.Obj
	}
	return nil
}

// offer reads what one controller can be asked to do.
func (r *reader) offer(ctx context.Context, u *redfish.Resource, service redfish.Object, drives []*redfish.Resource, c *rack.StorageController) {
	if !r.wants(rack.FacetDrives) {
		return
	}
	o := &rack.ControllerOffer{}
	c.Offer = o
	r.standardOffer(ctx, u.Obj, drives, c)
	dell := u.Obj.Obj("Oem", "Dell", "DellController")
	if !c.CanCreate || service == nil {
		return
	}
	act := func(name string) *rack.Action {
		target := service.Str("Actions", "#DellRaidService."+name, "target")
		if target == "" {
			return nil
		}
		return &rack.Action{Target: target, Style: rack.StyleDell, Name: c.ID}
	}
	o.Dedicate, o.Globalise, o.Unspare = act("AssignSpare"), act("AssignSpare"), act("UnassignSpare")
	o.Import, o.Clear, o.Reset = act("ImportForeignConfig"), act("ClearForeignConfig"), act("ResetConfig")
	o.KeyID = text(dell, "KeyID")
	able := strings.Contains(dell.Str("EncryptionCapability"), "Capable")
	if able {
		o.SetKey = act("SetControllerKey")
	}
	o.Volume = &rack.VolumeOffer{AnyStrip: true, StripKey: "OptimumIOSizeBytes", ReadCache: dellReadCache, WriteCache: dellWriteCache,
		Encrypted: able, Initialize: initializes}
}

// standardOffer reads what the standard's own resources say (DSP0268: Storage, Volume; DSP0266 §7.8.3: capabilities).
func (r *reader) standardOffer(ctx context.Context, u redfish.Object, drives []*redfish.Resource, c *rack.StorageController) {
	o := c.Offer
	act := func(name string) *rack.Action {
		target := u.Str("Actions", "#Storage."+name, "target")
		if target == "" {
			return nil
		}
		return &rack.Action{Target: target, Style: rack.StyleStandard}
	}
	o.Import, o.SetKey = act("ImportForeignDrives"), act("SetEncryptionKey")
	if words := u.Strs("Actions", "#Storage.ResetToDefaults", "ResetType@Redfish.AllowableValues"); slices.Contains(words, "ResetAll") {
		o.Reset = act("ResetToDefaults")
	}
	o.KeyID = text(u, "LocalEncryptionKeyIdentifier")
	written := &rack.Action{Style: rack.StyleStandard}
	for _, d := range drives {
		if slices.Contains(d.Obj.Strs("@Redfish.WriteableProperties"), "HotspareType") {
			o.Globalise, o.Unspare = written, written
		}
	}
	col := r.get(ctx, u.Link("Volumes"))
	if col == nil {
		return
	}
	for _, k := range col.Obj.Objs("@Redfish.CollectionCapabilities", "Capabilities") {
		p := k.Link("CapabilitiesObject")
		if p == "" || k.Str("UseCase") != "VolumeCreation" {
			continue
		}
		caps := r.get(ctx, p)
		if caps == nil {
			continue
		}
		if creatable(caps.Obj, "NVMeNamespaceProperties") {
			o.Namespace = true
			c.CanCreate = c.CanCreate && creatable(caps.Obj, "RAIDType") // a collection of namespaces takes no volumes
			c.Volumes = u.Link("Volumes")
		}
		o.Volume = volumeOffer(caps.Obj)
		if o.SetKey == nil && o.KeyID == "" {
			o.Volume.Encrypted = false
		}
		if yes, _ := caps.Obj.Bool("Links", "DedicatedSpareDrives@Redfish.UpdatableAfterCreate"); yes {
			o.Dedicate = written
			if o.Unspare == nil {
				o.Unspare = written
			}
		}
	}
}

// creatable tells whether a property may be told on creation.
func creatable(caps redfish.Object, key string) bool {
	may, _ := caps.Bool(key + "@Redfish.OptionalOnCreate")
	must, _ := caps.Bool(key + "@Redfish.RequiredOnCreate")
	return may || must
}

// volumeOffer reads a capabilities object.
func volumeOffer(caps redfish.Object) *rack.VolumeOffer {
	o := &rack.VolumeOffer{Encrypted: creatable(caps, "Encrypted")}
	for _, key := range []string{"StripSizeBytes", "OptimumIOSizeBytes"} {
		if o.StripKey != "" || !creatable(caps, key) {
			continue
		}
		o.StripKey = key
		o.Strips, _ = numbers(caps.Strs(key + "@Redfish.AllowableNumbers"))
		o.AnyStrip = len(o.Strips) == 0
	}
	if creatable(caps, "ReadCachePolicy") {
		o.ReadCache = caps.Strs("ReadCachePolicy@Redfish.AllowableValues")
	}
	if creatable(caps, "WriteCachePolicy") {
		o.WriteCache = caps.Strs("WriteCachePolicy@Redfish.AllowableValues")
	}
	if creatable(caps, "MediaSpanCount") {
		_, most := numbers(caps.Strs("MediaSpanCount@Redfish.AllowableNumbers"))
		if o.MaxSpans = int(most); most == 0 {
			o.MaxSpans = unboundedSpans
		}
	}
	if creatable(caps, "InitializeMethod") { // its volumes have the action, with both kinds
		o.Initialize = initializes
	}
	return o
}

// unboundedSpans stands for a number of spans that may be told and has no bound that is said.
const unboundedSpans = 1 << 10

// numbers reads AllowableNumbers (DSP0266 §7.9.3): single ones, and the upper bounds of ranges "LOW:HIGH" or "LOW:HIGH:STEP".
func numbers(list []string) (single []int64, most int64) {
	for _, s := range list {
		parts := strings.Split(s, ":")
		if len(parts) > 1 {
			if n, err := strconv.ParseInt(parts[1], 10, 64); err == nil {
				most = max(most, n)
			}
			continue
		}
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			single, most = append(single, n), max(most, n)
		}
	}
	return single, most
}

// volumeDetail reads what a volume says beyond type, size and members; serials are those of its controller's drives, by path.
func (r *reader) volumeDetail(v *redfish.Resource, serials map[string]string) *rack.VolumeDetail {
	if !r.wants(rack.FacetDrives) {
		return nil
	}
	o := v.Obj
	d := &rack.VolumeDetail{ReadCache: o.Str("ReadCachePolicy"), WriteCache: o.Str("WriteCachePolicy"),
		Initialize: o.Strs("Actions", "#Volume.Initialize", "InitializeType@Redfish.AllowableValues")}
	for _, key := range []string{"StripSizeBytes", "OptimumIOSizeBytes"} {
		if n, ok := o.Int(key); ok && d.StripBytes == 0 {
			d.StripBytes = n
		}
	}
	if n, ok := o.Int("MediaSpanCount"); ok {
		d.Spans = int(n)
	}
	d.Encrypted, _ = o.Bool("Encrypted")
	for _, l := range o.Links("Links", "DedicatedSpareDrives") {
		if sn := serials[redfish.Key(l)]; sn != "" {
			d.Spares = append(d.Spares, sn)
		}
	}
	slices.Sort(d.Spares)
	settings := o.Link("@Redfish.Settings", "SettingsObject") != ""
	for _, key := range []string{"ReadCachePolicy", "WriteCachePolicy"} {
		if o.Str(key) != "" && (settings || slices.Contains(o.Strs("@Redfish.WriteableProperties"), key)) {
			d.Writable = append(d.Writable, key)
		}
	}
	return d
}

// namespaces takes the entries of a collection that are NVMe namespaces.
func (r *reader) namespaces(list []*redfish.Resource, serials map[string]string, u *redfish.Resource) []rack.Namespace {
	if !r.wants(rack.FacetDrives) {
		return nil
	}
	var out []rack.Namespace
	for _, v := range list {
		if v.Obj.Obj("NVMeNamespaceProperties") == nil || strings.EqualFold(lastSegment(v.URI), "Capabilities") {
			continue
		}
		n := rack.Namespace{ID: idOf(v), Path: v.URI, Name: text(v.Obj, "Name"), CapacityBytes: r.amount(v, "CapacityBytes"), Controller: u.URI}
		for _, l := range v.Obj.Links("Links", "Drives") {
			n.Drive = serials[redfish.Key(l)]
		}
		n.LBABytes, _ = v.Obj.Int("NVMeNamespaceProperties", "LBAFormat", "LBADataSizeBytes")
		if n.LBABytes == 0 {
			n.LBABytes, _ = v.Obj.Int("BlockSizeBytes")
		}
		out = append(out, n)
	}
	return out
}
