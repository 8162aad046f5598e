package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const actTakes = 30 * time.Second

func samePlace(a, b string) bool { return strings.EqualFold(a, strings.TrimRight(b, "/")) }

// namespace is an NVMe namespace on one drive.
type namespace struct {
	id, name string
	drive    *drive
	size     int64
	lba      int64
}

func (b *BMC) raidServiceURI() string { return b.dia.sys() + "/Oem/Dell/DellRaidService" }

// raidActs are the acts of DellRaidService that are offered here, each with what it does to its target.
var raidActs = []string{"AssignSpare", "ClearForeignConfig", "ImportForeignConfig", "ResetConfig", "SetControllerKey", "UnassignSpare"}

// showRAIDService links Dell's service from the System.
func (b *BMC) showRAIDService(o obj) {
	if b.dia.name == dialectIDRAC {
		o["Links"].(obj)["Oem"] = obj{"Dell": obj{"@odata.type": "#DellOem.v1_3_0.DellOemLinks", "DellRaidService": ref(b.raidServiceURI())}}
	}
}

func raidServiceRoutes(b *BMC, m map[string]*route) {
	if b.dia.name != dialectIDRAC {
		return
	}
	uri := b.raidServiceURI()
	add(b, m, uri, &route{get: func(*call) obj {
		acts := obj{}
		for _, a := range raidActs {
			acts["#DellRaidService."+a] = obj{"target": uri + "/Actions/DellRaidService." + a}
		}
		return obj{"@odata.type": "#DellRaidService.v1_5_1.DellRaidService", "Id": "DellRaidService", "Name": "DellRaidService", "Actions": acts}
	}})
	for _, a := range raidActs {
		add(b, m, uri+"/Actions/DellRaidService."+a, &route{post: func(c *call) *answer { return b.raidAct(c, a) }})
	}
}

// raidAct answers an act of DellRaidService: a job, which runs at once.
func (b *BMC) raidAct(c *call, act string) *answer {
	fqdd, _ := c.body["TargetFQDD"].(string)
	name := "DellRaidService." + act
	if fqdd == "" {
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterMissing", name, "TargetFQDD"))
	}
	var do func()
	for _, ctl := range b.store {
		if !ctl.raid {
			continue
		}
		if ctl.id == fqdd {
			var refused *answer
			if do, refused = b.controllerAct(c, ctl, act); refused != nil {
				return refused
			}
		}
		for _, d := range ctl.drives {
			if d.id != fqdd {
				continue
			}
			var refused *answer
			if do, refused = b.driveAct(c, d, act); refused != nil {
				return refused
			}
		}
	}
	if do == nil {
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterValueNotInList", fqdd, "TargetFQDD", name))
	}
	if a := b.faults.refuseWrite(c); a != nil {
		return a
	}
	return b.storageJob("Configure: "+fqdd, c.path, do)
}

// storageJob carries something out after a while, as a job.
func (b *BMC) storageJob(name, target string, do func()) *answer {
	j := b.newJob(name, "Running")
	j.target = target
	b.after(actTakes, "volume", func() {
		if j.active() {
			do()
			b.changed()
			b.complete(j)
		}
	})
	return b.accepted(j)
}

// driveAct is an act on a drive of a controller.
func (b *BMC) driveAct(c *call, d *drive, act string) (func(), *answer) {
	inUse := func() *answer { return b.fail(http.StatusConflict, b.msg("ResourceInUse")) }
	switch act {
	case "AssignSpare":
		if d.volume != nil || d.reserved || d.foreign || d.locked || d.spare || d.spareOf != nil {
			return nil, inUse()
		}
		list, dedicated := c.body["VirtualDiskArray"].([]any)
		var of *volume
		for _, v := range d.ctl.volumes {
			if slices.Contains(list, any(v.id)) {
				of = v
			}
		}
		if dedicated && of == nil {
			return nil, b.fail(http.StatusBadRequest, b.msg("ActionParameterValueNotInList", fmt.Sprint(list), "VirtualDiskArray", "DellRaidService."+act))
		}
		dropped := b.faults.fire("spare-dropped", c)
		return func() {
			if !dropped {
				b.setSpare(d, of == nil, of)
			}
		}, nil
	case "UnassignSpare":
		if !d.spare && d.spareOf == nil {
			return nil, inUse()
		}
		return func() { b.setSpare(d, false, nil) }, nil
	}
	return nil, nil
}

// controllerAct is an act on a controller.
func (b *BMC) controllerAct(c *call, ctl *controller, act string) (func(), *answer) {
	missing := func(p string) *answer {
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterMissing", "DellRaidService."+act, p))
	}
	switch act {
	case "ClearForeignConfig":
		return func() { b.clearForeign(ctl) }, nil
	case "ImportForeignConfig":
		return func() { b.importForeign(ctl) }, nil
	case "ResetConfig":
		return func() { b.resetController(ctl) }, nil
	case "SetControllerKey":
		key, _ := c.body["Key"].(string)
		id, _ := c.body["Keyid"].(string)
		switch {
		case key == "":
			return nil, missing("Key")
		case id == "":
			return nil, missing("Keyid")
		case ctl.keyID != "":
			return nil, b.fail(http.StatusConflict, b.msg("ResourceInUse"))
		}
		return func() { ctl.keyID, ctl.keySum = id, sumOf(key) }, nil
	}
	return nil, nil
}

func (b *BMC) clearForeign(ctl *controller) {
	had := false
	for _, d := range ctl.drives {
		had = had || d.foreign
		d.foreign = false
	}
	if had {
		b.led.ForeignCleared++
	}
}

// importForeign makes one volume of all foreign drives: what they held on the controller that they come from.
func (b *BMC) importForeign(ctl *controller) {
	v := &volume{raid: "RAID1", ctl: ctl, strip: usualStrip, read: "Off", write: "WriteThrough"}
	for _, d := range ctl.drives {
		if !d.foreign {
			continue
		}
		d.foreign = false
		v.drives = append(v.drives, d)
		if v.capacity == 0 || d.facts.CapacityBytes < v.capacity {
			v.capacity = d.facts.CapacityBytes
		}
	}
	if len(v.drives) == 0 {
		return
	}
	if len(v.drives) != members["RAID1"].least {
		v.raid, v.capacity = "RAID0", v.capacity*int64(len(v.drives))
	}
	b.nameVolume(v)
	v.name = "foreign-" + v.name
	v.ctl.volumes = append(v.ctl.volumes, v)
	for _, d := range v.drives {
		d.volume = v
	}
	b.led.ForeignImported++
}

// resetController throws away all volumes and spares.
func (b *BMC) resetController(ctl *controller) {
	for _, v := range slices.Clone(ctl.volumes) {
		b.removeVolume(v)
		b.led.VolumesDeleted++
	}
	for _, d := range ctl.drives {
		d.spare, d.spareOf = false, nil
	}
	b.led.ControllersReset++
}

// standardActs adds the standard's actions of Storage.
func (b *BMC) standardActs(ctl *controller, o obj) {
	uri := b.storageURI(ctl)
	acts := obj{}
	target := func(name string) string { return uri + "/Actions/Storage." + name }
	switch style := b.arrayStyle(); {
	case !ctl.raid:
		return
	case style == arrayStandard:
		acts["#Storage.SetEncryptionKey"] = obj{"target": target("SetEncryptionKey")}
		acts["#Storage.ImportForeignDrives"] = obj{"target": target("ImportForeignDrives")}
		if o["EncryptionMode"] = "Disabled"; ctl.keyID != "" {
			o["EncryptionMode"], o["LocalEncryptionKeyIdentifier"] = "UseLocalKey", ctl.keyID
		}
		fallthrough
	case style == arrayCaps:
		acts["#Storage.ResetToDefaults"] = obj{"target": target("ResetToDefaults"), "ResetType@Redfish.AllowableValues": []any{"ResetAll", "PreserveVolumes"}}
		o["Actions"] = acts
	case style == arrayDell:
		status := "EncryptionCapable"
		dell := obj{"@odata.type": "#DellController.v1_4_0.DellController", "Id": ctl.id, "Name": "DellController",
			"EncryptionCapability": "LocalKeyManagementCapable", "EncryptionMode": "None", "KeyID": nil}
		if ctl.keyID != "" {
			status, dell["EncryptionMode"], dell["KeyID"] = "SecurityKeyAssigned", "LocalKeyManagement", ctl.keyID
		}
		dell["SecurityStatus"] = status
		o["Oem"] = obj{"Dell": obj{"@odata.type": "#DellOem.v1_3_0.DellOemResources", "DellController": dell}}
	}
}

func storageActRoutes(b *BMC, m map[string]*route, ctl *controller) {
	if !ctl.raid {
		return
	}
	for _, name := range []string{"SetEncryptionKey", "ImportForeignDrives", "ResetToDefaults"} {
		add(b, m, b.storageURI(ctl)+"/Actions/Storage."+name, &route{post: func(c *call) *answer { return b.storageAct(c, ctl, name) }})
	}
}

// storageAct answers the standard's actions of Storage.
func (b *BMC) storageAct(c *call, ctl *controller, name string) *answer {
	style := b.arrayStyle()
	if style != arrayStandard && (style != arrayCaps || name != "ResetToDefaults") {
		return b.fail(http.StatusBadRequest, b.msg("ActionNotSupported", "Storage."+name))
	}
	var do func()
	switch name {
	case "ResetToDefaults":
		kind, _ := c.body["ResetType"].(string)
		if kind != "ResetAll" && kind != "PreserveVolumes" {
			return b.fail(http.StatusBadRequest, b.msg("ActionParameterValueNotInList", kind, "ResetType", "Storage."+name))
		}
		do = func() {
			if kind == "ResetAll" {
				b.resetController(ctl)
			}
		}
	case "ImportForeignDrives":
		do = func() { b.importForeign(ctl) }
	default:
		key, _ := c.body["EncryptionKey"].(string)
		id, _ := c.body["EncryptionKeyIdentifier"].(string)
		if key == "" || id == "" {
			return b.fail(http.StatusBadRequest, b.msg("ActionParameterMissing", "Storage."+name, "EncryptionKey"))
		}
		if ctl.keyID != "" {
			return b.fail(http.StatusConflict, b.msg("ResourceInUse"))
		}
		do = func() { ctl.keyID, ctl.keySum = id, sumOf(key) }
	}
	if a := b.faults.refuseWrite(c); a != nil {
		return a
	}
	do()
	b.changed()
	return b.done()
}

// sumOf keeps of a key what tells whether it is the right one.
func sumOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// showNamespaces tells whether a collection of a direct controller holds namespaces.
func (b *BMC) showNamespaces(ctl *controller) bool {
	return !ctl.raid && b.arrayStyle() == arrayStandard
}

func (b *BMC) namespaceURI(ctl *controller, n *namespace) string {
	return b.storageURI(ctl) + "/Volumes/" + n.id
}

func (b *BMC) namespaceResource(n *namespace) obj {
	return obj{"@odata.type": b.storeType("Volume"), "Id": n.id, "Name": n.name, "DisplayName": n.name, "RAIDType": "None", "CapacityBytes": n.size,
		"BlockSizeBytes": n.lba, "Status": enabled(), "Links": obj{"Drives": refs([]string{b.driveURI(n.drive)})},
		"NVMeNamespaceProperties": obj{"NamespaceId": "0x" + strconv.FormatInt(int64(atoi(n.id)), 16), "LBAFormat": obj{"LBADataSizeBytes": n.lba,
			"LBAFormatType": "LBAFormat0"}}}
}

// createNamespace answers POST on the volumes of a direct controller.
func (b *BMC) createNamespace(c *call, ctl *controller) *answer {
	links, _ := c.body["Links"].(obj)
	list, _ := links["Drives"].([]any)
	if len(list) != 1 {
		return b.fail(http.StatusBadRequest, b.msg("PropertyMissing", "Links/Drives"))
	}
	uri, _ := list[0].(obj)["@odata.id"].(string)
	n := &namespace{drive: b.driveAt(ctl, uri), lba: 512}
	if n.drive == nil {
		return b.fail(http.StatusBadRequest, b.msg("ResourceNotFound", "Drive", uri))
	}
	left := n.drive.facts.CapacityBytes
	for _, x := range ctl.spaces {
		if x.drive == n.drive {
			left -= x.size
		}
	}
	size, given := number(c.body["CapacityBytes"])
	if n.size = left; given {
		n.size = size
	}
	props, _ := c.body["NVMeNamespaceProperties"].(obj)
	format, _ := props["LBAFormat"].(obj)
	if lba, told := number(format["LBADataSizeBytes"]); told {
		n.lba = lba
	}
	switch {
	case n.size <= 0 || n.size > left:
		return b.fail(http.StatusBadRequest, b.msg("PropertyValueOutOfRange", fmt.Sprint(n.size), "CapacityBytes"))
	case n.lba != 512 && n.lba != 4096:
		return b.fail(http.StatusBadRequest, b.msg("PropertyValueNotInList", fmt.Sprint(n.lba), "LBADataSizeBytes"))
	}
	if a := b.faults.refuseWrite(c); a != nil {
		return a
	}
	n.id = strconv.Itoa(b.id("namespace", 1))
	n.name = "Namespace " + n.id
	for _, k := range []string{"DisplayName", "Name"} {
		if s, _ := c.body[k].(string); s != "" {
			n.name = s
		}
	}
	ctl.spaces = append(ctl.spaces, n)
	b.led.NamespacesCreated++
	b.changed()
	return &answer{status: http.StatusCreated, header: map[string]string{"Location": b.namespaceURI(ctl, n)},
		body: mergeID(b.namespaceResource(n), b.namespaceURI(ctl, n))}
}

func mergeID(o obj, uri string) obj {
	o["@odata.id"] = uri
	return o
}

func (b *BMC) deleteNamespace(ctl *controller, n *namespace) *answer {
	ctl.spaces = slices.DeleteFunc(ctl.spaces, func(x *namespace) bool { return x == n })
	b.changed()
	return b.done()
}

// pokeVolume makes a volume behind everybody's back.
func (b *BMC) pokeVolume(p *PokeVolume) error {
	kind, known := members[p.RAID]
	for _, ctl := range b.store {
		v := &volume{raid: p.RAID, ctl: ctl, strip: usualStrip, read: "Off", write: "WriteThrough"}
		for _, d := range ctl.drives {
			if ctl.raid && d.volume == nil && slices.Contains(p.Bays, d.bay) {
				v.drives = append(v.drives, d)
				v.capacity = d.facts.CapacityBytes
			}
		}
		if !known || len(v.drives) != len(p.Bays) || len(v.drives) < kind.least {
			continue
		}
		v.capacity *= int64(kind.usable(len(v.drives)))
		b.nameVolume(v)
		v.name = p.Name
		ctl.volumes = append(ctl.volumes, v)
		for _, d := range v.drives {
			d.volume = v
		}
		return nil
	}
	return fmt.Errorf("poke %s: no %s can be made of the drives in bays %s", b.name, p.RAID, strings.Join(p.Bays, ", "))
}

// pokeDrives makes drives foreign, locked or spare behind everybody's back, by bay.
func (b *BMC) pokeDrives(p Poke) error {
	if p.Volume != nil {
		if err := b.pokeVolume(p.Volume); err != nil {
			return err
		}
	}
	for _, x := range []struct {
		bays []string
		set  func(*drive)
	}{{p.Foreign, func(d *drive) { d.foreign = true }}, {p.Locked, func(d *drive) { d.locked = true }}, {p.Spare, func(d *drive) { d.spare = true }}} {
		for _, bay := range x.bays {
			found := false
			for _, ctl := range b.store {
				for _, d := range ctl.drives {
					if d.bay == bay && d.volume == nil {
						x.set(d)
						found = true
					}
				}
			}
			if !found {
				return fmt.Errorf("poke %s: no free drive in bay %q", b.name, bay)
			}
		}
	}
	return nil
}
