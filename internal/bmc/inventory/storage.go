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

// storage is the local storage of one system.
type storage struct {
	drives      []rack.Drive
	volumes     []rack.Volume
	controllers []rack.StorageController
	namespaces  []rack.Namespace
}

// readStorage reads Storage and, where that shows no drive with a name, SimpleStorage.
func (r *reader) readStorage(ctx context.Context, sys *redfish.Resource) *storage {
	link := sys.Obj.Link("Storage")
	service := r.raidService(ctx, sys.Obj)
	r.dive(ctx, link, 2)
	units := r.members(ctx, link)
	parts := make([]storage, len(units))
	each(units, func(i int, u *redfish.Resource) { parts[i] = r.readStorageUnit(ctx, u, service) })
	out := &storage{}
	for _, p := range parts {
		out.drives = append(out.drives, p.drives...)
		out.volumes = append(out.volumes, p.volumes...)
		out.controllers = append(out.controllers, p.controllers...)
		out.namespaces = append(out.namespaces, p.namespaces...)
	}
	if !slices.ContainsFunc(out.drives, func(d rack.Drive) bool { return d.Model != "" || d.SerialNumber != "" }) {
		if simple := r.simpleDrives(ctx, sys.Obj.Link("SimpleStorage")); len(simple) > 0 {
			out.drives = simple
		}
	}
	out.drives = dedupeDrives(out.drives)
	return out
}

// readStorageUnit reads one Storage resource: its drives, volumes and what its controller can do; service is Dell's for all of them.
func (r *reader) readStorageUnit(ctx context.Context, u *redfish.Resource, service redfish.Object) storage {
	var s storage
	links := u.Obj.Links("Drives")
	r.prefetchDrives(ctx, u, links)
	var drives, volumes []*redfish.Resource
	var ctl []redfish.Object
	empty := len(links) == 0 && u.Obj.Has("Drives") // told, and none: it can hold no volume
	vlink := u.Obj.Link("Volumes")
	par(
		func() { drives = r.needAll(ctx, links) },
		func() {
			if !empty {
				volumes = r.members(ctx, vlink)
			}
		},
		func() {
			if ctl = u.Obj.Objs("StorageControllers"); len(ctl) == 0 && !empty && vlink != "" {
				for _, c := range r.members(ctx, u.Obj.Link("Controllers")) {
					ctl = append(ctl, c.Obj)
				}
			}
		},
	)
	for _, d := range drives {
		if x, ok := r.drive(d, u, ctl); ok {
			x.State = r.driveState(ctx, d)
			s.drives = append(s.drives, x)
		}
	}
	c := rack.StorageController{ID: idOf(u), Path: u.URI, Name: text(u.Obj, "Name")}
	s.volumes = r.volumes(volumes, drives, s.drives, u, &c)
	r.controllerAbilities(ctx, u, ctl, empty, &c)
	r.offer(ctx, u, service, drives, &c)
	s.namespaces = r.namespaces(volumes, serialsOf(drives), u)
	s.controllers = []rack.StorageController{c}
	return s
}

// prefetchDrives brings many drives with one request where the BMC can; its Storage resource lists them.
func (r *reader) prefetchDrives(ctx context.Context, u *redfish.Resource, links []string) {
	unread := 0
	for _, l := range links {
		if r.cached(l) == nil {
			unread++
		}
	}
	if unread < 2 || r.deep == nil || r.over() || r.deep.DeepLevels(ctx) < 1 {
		return
	}
	again, depth, err := r.deep.Deep(ctx, u.URI, 1)
	if err == nil && depth > 0 {
		r.harvest(map[string]any(again.Obj))
	}
}

func (r *reader) controllerAbilities(ctx context.Context, u *redfish.Resource, ctl []redfish.Object, empty bool,
	c *rack.StorageController) {
	vlink := u.Obj.Link("Volumes")
	told := false
	for _, o := range ctl {
		if list, ok := o["SupportedRAIDTypes"].([]any); ok {
			told = true
			for _, v := range list {
				if t, _ := v.(string); t != "" && !strings.EqualFold(t, "None") {
					c.RAIDTypes = union(c.RAIDTypes, strings.ToUpper(t))
				}
			}
		}
	}
	slices.Sort(c.RAIDTypes)
	if vlink == "" || empty {
		return
	}
	col := r.get(ctx, vlink)
	if col == nil {
		return
	}
	c.ApplyTimes = col.Obj.Strs("@Redfish.OperationApplyTimeSupport", "SupportedValues")
	creates := col.Obj.Has("@Redfish.CollectionCapabilities")
	c.CanCreate = len(c.RAIDTypes) > 0 || !told && (creates || len(ctl) > 0)
	if c.CanCreate {
		c.Volumes = vlink
	}
}

// drive reads one drive. Empty bays and the BMC's own virtual media are none.
func (r *reader) drive(res, unit *redfish.Resource, ctl []redfish.Object) (rack.Drive, bool) {
	o := res.Obj
	d := rack.Drive{ID: idOf(res), Path: res.URI, Model: r.checked(res, "Model"), SerialNumber: r.checkedSerial(res),
		CapacityBytes: r.amount(res, "CapacityBytes"), Media: text(o, "MediaType"), Protocol: text(o, "Protocol"), Bay: bay(o)}
	if absent(o) || virtualDrive(d.ID, d.Model, d.Protocol) {
		return d, false
	}
	if unit != nil {
		d.Controller = unit.URI
		if d.Protocol == "" {
			d.Protocol = protocolOf(unit.Obj, ctl)
		}
	}
	if strings.EqualFold(d.Protocol, "PCIe") { // Dell's word: what speaks PCIe is NVMe
		d.Protocol = "NVMe"
	}
	if d.Media == "" && d.Protocol == "NVMe" {
		d.Media = "SSD"
	}
	return d, true
}

// protocolOf is the only protocol that the controllers speak to drives, or NVMe where the unit is called so.
func protocolOf(unit redfish.Object, ctl []redfish.Object) string {
	var all []string
	for _, c := range ctl {
		all = union(all, c.Strs("SupportedDeviceProtocols")...)
	}
	if len(all) == 1 {
		return all[0]
	}
	if strings.Contains(strings.ToLower(unit.Str("Id")+" "+unit.Str("Name")), "nvme") {
		return "NVMe"
	}
	return ""
}

var virtualWord = regexp.MustCompile(`(?i)^usb[_ ]|virtual (cd|dvd|hdisk|disk|floppy|media|drive)`)

func virtualDrive(id, model, protocol string) bool {
	return strings.EqualFold(protocol, "USB") || virtualWord.MatchString(id) || virtualWord.MatchString(model)
}

// bay gives where a drive sits, as the machine is labelled.
func bay(o redfish.Object) string {
	for _, part := range append([]redfish.Object{o.Obj("PhysicalLocation", "PartLocation")}, o.Objs("Location")...) {
		if p := part.Obj("PartLocation"); p != nil {
			part = p
		}
		if l := text(part, "ServiceLabel"); l != "" {
			return l
		}
		if n, ok := part.Int("LocationOrdinalValue"); ok {
			return strconv.FormatInt(n, 10)
		}
	}
	return ""
}

// dedupeDrives counts drives by serial, since several trees list each under two URIs (R98).
func dedupeDrives(in []rack.Drive) []rack.Drive {
	var out []rack.Drive
	seen := map[string]bool{}
	for _, d := range in {
		k := "serial " + strings.ToLower(d.SerialNumber)
		if d.SerialNumber == "" {
			k = "path " + redfish.Key(d.Path) + " " + d.ID
		}
		if !seen[k] {
			seen[k] = true
			out = append(out, d)
		}
	}
	slices.SortStableFunc(out, func(a, b rack.Drive) int {
		if c := natural(a.ID, b.ID); c != 0 {
			return c
		}
		return strings.Compare(a.Path, b.Path)
	})
	return out
}

// volumes takes what a controller made out of drives: no pass-through of one drive (R111), no capabilities object, no
// settings twin. Drives are named by serial.
func (r *reader) volumes(list, drives []*redfish.Resource, known []rack.Drive, u *redfish.Resource,
	c *rack.StorageController) []rack.Volume {
	serials := serialsOf(drives)
	var out []rack.Volume
	for _, v := range list {
		raid := raidType(v.Obj)
		if v.Obj.Obj("NVMeNamespaceProperties") != nil { // of a drive, and no work of a controller
			continue
		}
		if raid == "" || strings.EqualFold(lastSegment(v.URI), "Capabilities") || strings.EqualFold(lastSegment(v.URI), "Settings") {
			continue
		}
		vol := rack.Volume{ID: idOf(v), Path: v.URI, Name: text(v.Obj, "Name"), RAIDType: raid,
			CapacityBytes: r.amount(v, "CapacityBytes"), Controller: u.URI, Drives: []string{}, Detail: r.volumeDetail(v, serials)}
		for _, l := range v.Obj.Links("Links", "Drives") {
			sn := serials[redfish.Key(l)]
			vol.Drives = append(vol.Drives, sn)
			for i := range known {
				if redfish.Key(known[i].Path) == redfish.Key(l) || sn != "" && known[i].SerialNumber == sn {
					known[i].InVolume = true
				}
			}
		}
		slices.Sort(vol.Drives)
		if pendingVolume(v.Obj) {
			c.PendingVolumes = append(c.PendingVolumes, vol.Name)
			continue
		}
		out = append(out, vol)
	}
	return out
}

// serialsOf gives the serial numbers of drives by path.
func serialsOf(drives []*redfish.Resource) map[string]string {
	out := map[string]string{}
	for _, d := range drives {
		out[redfish.Key(d.URI)] = serial(d.Obj)
	}
	return out
}

// pendingVolume tells whether a volume only waits to be made.
func pendingVolume(o redfish.Object) bool {
	return strings.EqualFold(o.Str("Oem", "Dell", "DellVolume", "RAIDStatus"), "Pending") ||
		strings.Contains(o.Str("Oem", "Dell", "DellVirtualDisk", "PendingOperations"), "Create")
}

// raidType gives RAID0 … RAID60, from RAIDType or the older VolumeType; "" for what is no volume of a controller.
func raidType(o redfish.Object) string {
	if strings.EqualFold(o.Str("VolumeType"), "RawDevice") {
		return ""
	}
	if t := text(o, "RAIDType"); t != "" {
		return strings.ToUpper(t)
	}
	switch strings.ToLower(o.Str("VolumeType")) {
	case "nonredundant":
		return "RAID0"
	case "mirrored":
		return "RAID1"
	case "stripedwithparity":
		return "RAID5"
	case "spannedmirrors":
		return "RAID10"
	case "spannedstripeswithparity":
		return "RAID50"
	}
	return ""
}

// simpleDrives reads the devices of SimpleStorage: model and size, no serial.
func (r *reader) simpleDrives(ctx context.Context, link string) []rack.Drive {
	var out []rack.Drive
	for _, unit := range r.members(ctx, link) {
		for i, o := range unit.Obj.Objs("Devices") {
			n, _ := o.Int("CapacityBytes")
			d := rack.Drive{ID: text(o, "Name"), Model: text(o, "Model"), CapacityBytes: max(n, 0),
				Path: unit.URI + "#/Devices/" + strconv.Itoa(i)}
			if strings.Contains(strings.ToLower(d.ID), "nvme") {
				d.Protocol, d.Media = "NVMe", "SSD"
			}
			if !absent(o) && !virtualDrive(d.ID, d.Model, "") {
				out = append(out, d)
			}
		}
	}
	return out
}

// readChassisDrives looks under the chassis where a host's own storage shows no drive, or where a chassis names drives of
// other ids. It only costs requests where something new can come of it.
func (r *reader) readChassisDrives(ctx context.Context) {
	if r.host == nil || r.host.shelf == nil {
		return
	}
	shelf := r.host.shelf
	ids := map[string]bool{}
	for _, s := range r.systems {
		if s.shelf != nil {
			for _, d := range s.shelf.drives {
				ids[strings.ToLower(lastSegment(d.Path))] = true
			}
		}
	}
	any := len(ids) > 0
	var more []rack.Drive
	for _, c := range r.chassis {
		var links []string
		if known, ok := r.knownMembers(c.Obj.Link("Drives")); ok {
			links = known
		} else if !any {
			for _, m := range r.members(ctx, c.Obj.Link("Drives")) {
				links = append(links, m.URI)
			}
		}
		if !any {
			links = union(links, c.Obj.Links("Links", "Drives")...)
		}
		links = slices.DeleteFunc(links, func(l string) bool { return ids[strings.ToLower(lastSegment(l))] })
		for _, d := range r.needAll(ctx, links) {
			if x, ok := r.drive(d, nil, nil); ok {
				more = append(more, x)
			}
		}
	}
	shelf.drives = dedupeDrives(append(shelf.drives, more...))
}
