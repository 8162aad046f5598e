package sim

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// abilitySwordfish is the fault that makes controllers offer what the standard has for them.
const abilitySwordfish = "swordfish"

// arrayStyle is what a controller takes beyond type, drives and size.
type arrayStyle uint8

const (
	arrayPlain    arrayStyle = iota // nothing, and it says nothing
	arrayDell                       // Dell's properties, and DellRaidService for the rest
	arrayCaps                       // what the capabilities object lists, as recorded of an HPE MR controller
	arrayStandard                   // that, and the standard's actions of Storage
)

func (b *BMC) arrayStyle() arrayStyle {
	switch {
	case b.faults.live[abilitySwordfish] != nil:
		b.faults.on(abilitySwordfish)
		return arrayStandard
	case b.dia.name == dialectIDRAC:
		return arrayDell
	case b.dia.storage.capabilities:
		return arrayCaps
	}
	return arrayPlain
}

// storeType gives the type of a schema of storage: newer where the standard's own actions are offered.
func (b *BMC) storeType(schema string) string {
	if b.arrayStyle() == arrayStandard {
		return map[string]string{"Storage": "#Storage.v1_19_0.Storage", "Volume": "#Volume.v1_10_2.Volume", "Drive": "#Drive.v1_22_0.Drive"}[schema]
	}
	return b.dia.typ(schema)
}

var (
	stripSizes  = []int64{64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20}
	readCaches  = []string{"Off", "ReadAhead"}
	writeCaches = []string{"ProtectedWriteBack", "UnprotectedWriteBack", "WriteThrough"}
)

const (
	mostSpans   = 16
	spareGlobal = "Global"
	spareOne    = "Dedicated"
	usualStrip  = 64 << 10
	initTakes   = time.Minute
)

// volumeCapabilities is what a new volume may say; the shape is recorded on an HPE MR416i-o Gen11.
func (b *BMC) volumeCapabilities(ctl *controller) obj {
	var strips []string
	for _, n := range stripSizes {
		strips = append(strips, strconv.FormatInt(n, 10))
	}
	o := obj{"@odata.type": b.storeType("Volume"), "Id": "Capabilities", "Name": "Capabilities for VolumeCollection",
		"CapacityBytes@Redfish.OptionalOnCreate": true, "DisplayName@Redfish.OptionalOnCreate": true}
	if !ctl.raid {
		o["NVMeNamespaceProperties@Redfish.OptionalOnCreate"] = true
		o["Links"] = obj{"Drives@Redfish.RequiredOnCreate": true}
		return o
	}
	o["RAIDType@Redfish.RequiredOnCreate"], o["RAIDType@Redfish.AllowableValues"] = true, texts2list(b.raidTypes(ctl))
	o["Links@Redfish.RequiredOnCreate"] = true
	o["Links"] = obj{"Drives@Redfish.RequiredOnCreate": true, "DedicatedSpareDrives@Redfish.OptionalOnCreate": true,
		"DedicatedSpareDrives@Redfish.UpdatableAfterCreate": true}
	o["StripSizeBytes@Redfish.OptionalOnCreate"], o["StripSizeBytes@Redfish.AllowableNumbers"] = true, texts2list(strips)
	o["MediaSpanCount@Redfish.OptionalOnCreate"], o["MediaSpanCount@Redfish.AllowableNumbers"] = true, []any{fmt.Sprintf("1:%d", mostSpans)}
	o["InitializeMethod@Redfish.OptionalOnCreate"] = true
	o["ReadCachePolicy@Redfish.OptionalOnCreate"], o["ReadCachePolicy@Redfish.AllowableValues"] = true, texts2list(readCaches)
	o["WriteCachePolicy@Redfish.OptionalOnCreate"], o["WriteCachePolicy@Redfish.AllowableValues"] = true, texts2list(writeCaches)
	if b.arrayStyle() == arrayStandard {
		o["Encrypted@Redfish.OptionalOnCreate"] = true
	}
	return o
}

// readOptions judges what a wish says beyond type, drives and size.
func (b *BMC) readOptions(c *call, v *volume) *answer {
	style := b.arrayStyle()
	v.strip, v.read, v.write = usualStrip, "Off", "WriteThrough"
	strip := "StripSizeBytes"
	if style == arrayDell {
		strip = "OptimumIOSizeBytes"
	}
	bad := func(m obj) *answer { return b.fail(http.StatusBadRequest, m) }
	for _, key := range []string{"StripSizeBytes", "OptimumIOSizeBytes", "ReadCachePolicy", "WriteCachePolicy", "MediaSpanCount", "Encrypted"} {
		if _, given := c.body[key]; !given {
			continue
		}
		known := style != arrayPlain && (key == strip || key == "ReadCachePolicy" || key == "WriteCachePolicy" ||
			key == "MediaSpanCount" && style != arrayDell || key == "Encrypted" && style != arrayCaps)
		if !known {
			return bad(b.msg("PropertyUnknown", key))
		}
	}
	if n, given := number(c.body[strip]); given {
		if !slices.Contains(stripSizes, n) {
			return bad(b.msg("PropertyValueNotInList", fmt.Sprint(n), strip))
		}
		v.strip = n
	}
	for _, p := range []struct {
		key  string
		list []string
		to   *string
	}{{"ReadCachePolicy", append(slices.Clone(readCaches), "AdaptiveReadAhead"), &v.read}, {"WriteCachePolicy", writeCaches, &v.write}} {
		if s, given := c.body[p.key].(string); given {
			if !slices.Contains(p.list, s) || s == "AdaptiveReadAhead" && style != arrayDell {
				return bad(b.msg("PropertyValueNotInList", s, p.key))
			}
			*p.to = s
		}
	}
	if n, given := number(c.body["MediaSpanCount"]); given {
		if n < 1 || n > mostSpans || len(v.drives)%int(n) != 0 {
			return bad(b.msg("PropertyValueOutOfRange", fmt.Sprint(n), "MediaSpanCount"))
		}
		v.spans = int(n)
	}
	if c.body["Encrypted"] == true {
		if v.ctl.keyID == "" {
			return bad(b.msg("PropertyValueConflict", "Encrypted", "EncryptionKeyIdentifier"))
		}
		v.encrypted = true
	}
	return nil
}

func number(v any) (int64, bool) {
	if v == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(fmt.Sprint(v), 10, 64)
	return n, err == nil
}

// showVolume adds to a volume what its controller tells of it.
func (b *BMC) showVolume(v *volume, o obj) {
	style := b.arrayStyle()
	if style == arrayPlain {
		return
	}
	uri := b.volumeURI(v)
	var spares []string
	for _, d := range v.ctl.drives {
		if d.spareOf == v {
			spares = append(spares, b.driveURI(d))
		}
	}
	links := o["Links"].(obj)
	links["DedicatedSpareDrives"], links["DedicatedSpareDrives@odata.count"] = refs(spares), len(spares)
	o["OptimumIOSizeBytes"], o["ReadCachePolicy"], o["WriteCachePolicy"], o["Encrypted"] = v.strip, v.read, v.write, v.encrypted
	if v.encrypted {
		o["EncryptionTypes"] = []any{"NativeDriveEncryption"}
	}
	o["Operations"] = []any{}
	if v.initKind != "" {
		o["Operations"] = []any{obj{"OperationName": "Initialize", "PercentageComplete": 10}}
	}
	init := obj{"target": uri + "/Actions/Volume.Initialize", "InitializeType@Redfish.AllowableValues": []any{"Fast", "Slow"}}
	o["Actions"] = obj{"#Volume.Initialize": init}
	if style == arrayDell {
		init["@Redfish.OperationApplyTimeSupport"] = obj{"@odata.type": "#Settings.v1_3_3.OperationApplyTimeSupport",
			"SupportedValues": texts2list([]string{"Immediate", "OnReset"})}
		o["@Redfish.Settings"] = obj{"@odata.type": "#Settings.v1_3_3.Settings", "SettingsObject": ref(uri + "/Settings"),
			"SupportedApplyTimes": texts2list([]string{"Immediate", "OnReset"})}
		return
	}
	o["StripSizeBytes"] = v.strip
	if v.spans > 0 {
		o["MediaSpanCount"] = v.spans
	}
	links["@Redfish.WriteableProperties"] = []any{"DedicatedSpareDrives"}
	o["@Redfish.WriteableProperties"] = []any{"DisplayName", "ReadCachePolicy", "WriteCachePolicy"}
}

// patchVolume takes cache policies and dedicated spares of a volume that exists.
func (b *BMC) patchVolume(c *call, v *volume) *answer {
	if a := b.faults.refuseWrite(c); a != nil {
		return a
	}
	read, hasRead := c.body["ReadCachePolicy"].(string)
	write, hasWrite := c.body["WriteCachePolicy"].(string)
	switch {
	case hasRead && !slices.Contains(readCaches, read) && read != "AdaptiveReadAhead":
		return b.fail(http.StatusBadRequest, b.msg("PropertyValueNotInList", read, "ReadCachePolicy"))
	case hasWrite && !slices.Contains(writeCaches, write):
		return b.fail(http.StatusBadRequest, b.msg("PropertyValueNotInList", write, "WriteCachePolicy"))
	}
	var spares []*drive
	links, _ := c.body["Links"].(obj)
	list, hasSpares := links["DedicatedSpareDrives"].([]any)
	for _, l := range list {
		uri, _ := l.(obj)["@odata.id"].(string)
		d := b.driveAt(v.ctl, uri)
		if d == nil || d.volume != nil || d.reserved || d.foreign || d.spareOf != nil && d.spareOf != v || d.spare {
			return b.fail(http.StatusBadRequest, b.msg("PropertyValueConflict", "DedicatedSpareDrives", uri))
		}
		spares = append(spares, d)
	}
	if hasRead {
		v.read = read
	}
	if hasWrite {
		v.write = write
	}
	if hasSpares && !b.faults.fire("spare-dropped", c) {
		for _, d := range v.ctl.drives {
			is := slices.Contains(spares, d)
			if is && d.spareOf != v {
				b.led.SparesSet++
			}
			if is {
				d.spareOf = v
			} else if d.spareOf == v {
				d.spareOf = nil
			}
		}
	}
	b.changed()
	return b.done()
}

// initVolume answers Volume.Initialize.
func (b *BMC) initVolume(c *call, v *volume) *answer {
	kind, given := c.body["InitializeType"].(string)
	switch {
	case given && kind != "Fast" && kind != "Slow":
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterValueNotInList", kind, "InitializeType", "Volume.Initialize"))
	case v.initKind != "":
		return b.fail(http.StatusConflict, b.msg("ResourceInUse"))
	}
	if a := b.faults.refuseWrite(c); a != nil {
		return a
	}
	if !given {
		kind = "Fast"
	}
	v.initKind = kind
	b.changed()
	j := (*job)(nil)
	if b.dia.storage.apply != "immediate" {
		j = b.newJob("Initialize: "+v.ctl.id, "Running")
		j.target = b.volumeURI(v) + "/Actions/Volume.Initialize"
	}
	if !b.faults.on("init-endless") {
		b.after(initTakes, "volume", func() {
			v.inits, v.initKind = append(v.inits, v.initKind), ""
			b.changed()
			if j != nil {
				b.complete(j)
			}
		})
	}
	if j == nil {
		return b.done()
	}
	return b.accepted(j)
}

// driveAt finds a drive of a controller by its path.
func (b *BMC) driveAt(ctl *controller, uri string) *drive {
	for _, d := range ctl.drives {
		if samePlace(b.driveURI(d), uri) {
			return d
		}
	}
	return nil
}

// showDrive adds to a drive what its controller tells of it.
func (b *BMC) showDrive(d *drive, o obj) {
	style := b.arrayStyle()
	if style != arrayPlain && d.ctl.raid {
		o["HotspareType"] = "None"
		switch {
		case d.spare:
			o["HotspareType"] = spareGlobal
		case d.spareOf != nil:
			o["HotspareType"] = spareOne
		}
		if style != arrayDell && d.volume == nil && !d.reserved && !d.foreign && d.spareOf == nil { // recorded of an HPE MR controller
			o["@Redfish.WriteableProperties"], o["HotspareType@Redfish.AllowableValues"] = []any{"HotspareType"}, []any{spareGlobal}
			if d.spare {
				o["HotspareType@Redfish.AllowableValues"] = []any{"None"}
			}
		}
	}
	switch {
	case d.locked:
		o["EncryptionAbility"], o["EncryptionStatus"] = "SelfEncryptingDrive", "Locked"
	case d.facts.SED:
		o["EncryptionAbility"], o["EncryptionStatus"] = "SelfEncryptingDrive", "Unlocked"
	}
	if d.foreign && style != arrayDell {
		o["EncryptionStatus"] = "Foreign"
	}
	if style == arrayDell && d.ctl.raid {
		state := "Ready"
		switch {
		case d.foreign:
			state = "Foreign"
		case d.volume != nil:
			state = "Online"
		case d.spare || d.spareOf != nil:
			state = "Spare"
		}
		o["Oem"] = obj{"Dell": obj{"@odata.type": "#DellOem.v1_3_0.DellOemResources",
			"DellPhysicalDisk": obj{"@odata.type": "#DellPhysicalDisk.v1_5_0.DellPhysicalDisk", "Id": d.id, "Name": "DellPhysicalDisk", "RaidStatus": state}}}
	}
}

// patchDrive takes HotspareType of a free drive, where the standard's way is offered.
func (b *BMC) patchDrive(c *call, d *drive) *answer {
	kind, given := c.body["HotspareType"].(string)
	switch {
	case b.arrayStyle() == arrayPlain || b.arrayStyle() == arrayDell || !d.ctl.raid || !given:
		return b.fail(http.StatusBadRequest, b.msg("PropertyNotWritable", "HotspareType"))
	case kind != "None" && kind != spareGlobal:
		return b.fail(http.StatusBadRequest, b.msg("PropertyValueNotInList", kind, "HotspareType"))
	case d.volume != nil || d.reserved || d.foreign || d.spareOf != nil:
		return b.fail(http.StatusConflict, b.msg("ResourceInUse"))
	}
	if a := b.faults.refuseWrite(c); a != nil {
		return a
	}
	if !b.faults.fire("spare-dropped", c) {
		b.setSpare(d, kind == spareGlobal, nil)
	}
	return b.done()
}

// setSpare makes a drive a hot spare, or none any more.
func (b *BMC) setSpare(d *drive, global bool, of *volume) {
	if (global && !d.spare) || (of != nil && d.spareOf != of) {
		b.led.SparesSet++
	}
	d.spare, d.spareOf = global, of
	b.changed()
}

func (b *BMC) volumeTruth(v *volume) VolumeTruth {
	t := VolumeTruth{Name: v.name, RAID: v.raid, Drives: v.serials(), CapacityBytes: v.capacity, StripBytes: v.strip, Spans: v.spans, ReadCache: v.read,
		WriteCache: v.write, Encrypted: v.encrypted, Inits: slices.Clone(v.inits)}
	for _, d := range v.ctl.drives {
		if d.spareOf == v {
			t.Spares = append(t.Spares, d.serial)
		}
	}
	slices.Sort(t.Spares)
	return t
}

// storeTruth adds what a controller holds beside volumes.
func (b *BMC) storeTruth(c *controller, t *Truth) {
	for _, d := range c.drives {
		if d.foreign {
			t.Foreign = append(t.Foreign, d.serial)
		}
		if d.spare {
			t.Spares = append(t.Spares, d.serial)
		}
	}
	for _, n := range c.spaces {
		t.Namespaces = append(t.Namespaces, NamespaceTruth{n.name, n.drive.serial, n.size, n.lba})
	}
	if c.keyID != "" {
		if t.Keys == nil {
			t.Keys = map[string]KeyTruth{}
		}
		t.Keys[c.id] = KeyTruth{c.keyID, c.keySum}
	}
}
