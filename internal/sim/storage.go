package sim

import (
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
)

// controller is a Storage resource: one that makes volumes, or a plain attachment of NVMe drives.
type controller struct {
	id, name string
	raid     bool
	enclosed string // chassis that holds the drives, where drives live there
	drives   []*drive
	volumes  []*volume
	spaces   []*namespace
	jobs     []*volumeJob
	keyID    string // of the key that drives are locked with
	keySum   string // SHA-256 of that key
}

// drive is a physical drive.
type drive struct {
	id, bay  string
	facts    rack.DiskFacts
	serial   string
	ctl      *controller
	volume   *volume
	reserved bool    // by a volume job that waits
	spare    bool    // for all volumes
	spareOf  *volume // for one
	foreign  bool    // holds the configuration of another controller
	locked   bool
	erasing  bool
	erased   string // SanitizationType of the last erase that was real
}

// volume is a local volume.
type volume struct {
	id, name, raid string
	capacity       int64
	drives         []*drive
	ctl            *controller
	strip          int64
	spans          int
	read, write    string // cache policies
	encrypted      bool
	initKind       string   // of the initialisation that runs
	inits          []string // that have ended
}

// volumeJob creates (or deletes) a volume at the next reset.
type volumeJob struct {
	job    *job
	make   *volume
	remove *volume
	erase  *drive
	method string // of the erase
}

// members is how many drives a RAID type needs at least, and how many of n drives' capacity it gives.
var members = map[string]struct {
	least  int
	usable func(n int) int
}{
	"RAID0":  {1, func(n int) int { return n }},
	"RAID1":  {2, func(int) int { return 1 }},
	"RAID5":  {3, func(n int) int { return n - 1 }},
	"RAID6":  {4, func(n int) int { return n - 2 }},
	"RAID10": {4, func(n int) int { return n / 2 }},
	"RAID50": {6, func(n int) int { return n - 2 }},
	"RAID60": {8, func(n int) int { return n - 4 }},
}

// newStore puts the drives of the catalog behind controllers.
func newStore(b *BMC) []*controller {
	var out []*controller
	find := func(raid bool, name string) *controller {
		for _, c := range out {
			if c.raid == raid && (c.name == name || !raid) {
				return c
			}
		}
		sp := b.dia.storage
		c := &controller{raid: raid, name: name, id: sp.directID}
		if raid {
			c.id = sp.raidID
			if n := slices.IndexFunc(out, func(x *controller) bool { return x.id == c.id }); n >= 0 {
				c.id = fmt.Sprintf("%s.%d", sp.raidID, len(out)+1)
			}
		} else {
			c.name = "NVMe Storage"
		}
		c.enclosed = b.enclosure(len(out))
		out = append(out, c)
		return c
	}
	n := 0
	for _, f := range b.hw.Disks {
		for range f.Count {
			name := f.Controller
			if name == "" {
				name = "RAID Controller"
			}
			c := find(f.By == "redfish", name)
			d := &drive{id: fmt.Sprintf(b.dia.storage.driveFormat, n), bay: strconv.Itoa(n), facts: f, ctl: c,
				serial: b.partSerial("D", n)}
			if d.facts.Model == "" {
				d.facts.Model = "SIM-" + f.Protocol + "-" + f.Media
			}
			c.drives = append(c.drives, d)
			n++
		}
	}
	return out
}

func (b *BMC) enclosure(n int) string {
	switch b.dia.name {
	case dialectILO:
		return fmt.Sprintf("DE00B%03d", n)
	case dialectSupermicro:
		return fmt.Sprintf("NVMeSSD.0.Group.%d.StorageBackplane", n)
	case dialectOpenBMC:
		return fmt.Sprintf("StorageBackplane_%d", n)
	}
	return b.dia.chassisID
}

func (b *BMC) storageURI(c *controller) string { return b.dia.sys() + "/Storage/" + c.id }
func (b *BMC) volumeURI(v *volume) string      { return b.storageURI(v.ctl) + "/Volumes/" + v.id }

// driveURI is the canonical place of a drive; GB200 shows it under the chassis as well (R98).
func (b *BMC) driveURI(d *drive) string {
	if b.dia.storage.driveHome == "chassis" {
		return "/redfish/v1/Chassis/" + d.ctl.enclosed + "/Drives/" + d.id
	}
	return b.storageURI(d.ctl) + "/Drives/" + d.id
}

func (v *volume) serials() []string {
	var out []string
	for _, d := range v.drives {
		out = append(out, d.serial)
	}
	sort.Strings(out)
	return out
}

func (b *BMC) dropVolume(name string) bool {
	for _, c := range b.store {
		for _, v := range c.volumes {
			if v.name == name {
				b.removeVolume(v)
				return true
			}
		}
	}
	return false
}

func (b *BMC) removeVolume(v *volume) {
	v.ctl.volumes = slices.DeleteFunc(v.ctl.volumes, func(x *volume) bool { return x == v })
	for _, d := range v.drives {
		d.volume = nil
	}
	for _, d := range v.ctl.drives {
		if d.spareOf == v {
			d.spareOf = nil
		}
	}
	b.changed()
}

func (b *BMC) addVolume(v *volume) {
	v.ctl.volumes = append(v.ctl.volumes, v)
	for _, d := range v.drives {
		d.volume, d.reserved, d.erased = v, false, ""
	}
	b.led.VolumesCreated++
	b.changed()
}

// volumeJobs tells whether a job waits for a reset.
func (b *BMC) volumeJobs() bool {
	return slices.ContainsFunc(b.store, func(c *controller) bool { return len(c.jobs) > 0 })
}

// runVolumeJobs carries out what waits, during POST.
func (b *BMC) runVolumeJobs() {
	for _, c := range b.store {
		for _, vj := range c.jobs {
			if !vj.job.active() {
				continue
			}
			b.runVolumeJob(vj)
		}
		c.jobs = nil
	}
}

func (b *BMC) runVolumeJob(vj *volumeJob) {
	if vj.make != nil && b.faults.fire("volume-fails", nil) {
		for _, d := range vj.make.drives {
			d.reserved = false
		}
		b.failJob(vj.job, b.msg("OperationFailed"))
		b.changed()
		return
	}
	if vj.make != nil {
		b.addVolume(vj.make)
	}
	if vj.remove != nil {
		b.removeVolume(vj.remove)
		b.led.VolumesDeleted++
	}
	if vj.erase != nil && !b.endErase(vj) {
		return
	}
	b.complete(vj.job)
}

// createVolume answers POST on a volume collection.
func (b *BMC) createVolume(c *call, ctl *controller) *answer {
	v, a := b.readVolume(c, ctl)
	if a != nil {
		return a
	}
	if a := b.faults.refuseWrite(c); a != nil {
		return a
	}
	at, _ := c.body["@Redfish.OperationApplyTime"].(string)
	switch {
	case at != "" && !slices.Contains(b.dia.storage.applyTimes, at):
		return b.fail(http.StatusBadRequest, b.msg("PropertyValueNotInList", at, "@Redfish.OperationApplyTime"))
	case b.dia.storage.apply == "job":
		return b.volumeJob("Configure: "+ctl.id, &volumeJob{make: v}, ctl, at != "Immediate")
	case b.dia.storage.apply == "task":
		return b.volumeJob("Volume Creation", &volumeJob{make: v}, ctl, false)
	}
	b.addVolume(v)
	body := b.volumeResource(v)
	body["@odata.id"] = b.volumeURI(v)
	return &answer{status: http.StatusCreated, header: map[string]string{"Location": b.volumeURI(v)}, body: body}
}

// volumeJob opens the job of a volume operation: it waits for a reset, or runs at once.
func (b *BMC) volumeJob(name string, vj *volumeJob, ctl *controller, waits bool) *answer {
	vj.job = b.newJob(name, "Running")
	free := func(yes bool) {
		if vj.make != nil {
			for _, d := range vj.make.drives {
				d.reserved = yes
			}
		}
	}
	free(true)
	vj.job.cancel = func() {
		free(false)
		ctl.jobs = slices.DeleteFunc(ctl.jobs, func(x *volumeJob) bool { return x == vj })
	}
	if waits {
		vj.job.state = "Scheduled"
		ctl.jobs = append(ctl.jobs, vj)
	} else {
		b.after(30*time.Second, "volume", func() { b.runVolumeJob(vj) })
	}
	return b.accepted(vj.job)
}

// readVolume judges the wish.
func (b *BMC) readVolume(c *call, ctl *controller) (*volume, *answer) {
	bad := func(m obj) (*volume, *answer) { return nil, b.fail(http.StatusBadRequest, m) }
	raid, _ := c.body["RAIDType"].(string)
	if raid == "" {
		old, _ := c.body["VolumeType"].(string)
		raid = map[string]string{"NonRedundant": "RAID0", "Mirrored": "RAID1", "StripedWithParity": "RAID5", "SpannedMirrors": "RAID10"}[old]
	}
	if raid == "" {
		return bad(b.msg("PropertyMissing", "RAIDType"))
	}
	kind, known := members[raid]
	if !known || !slices.Contains(b.raidTypes(ctl), raid) {
		return bad(b.msg("PropertyValueNotInList", raid, "RAIDType"))
	}
	links, _ := c.body["Links"].(obj)
	list, _ := links["Drives"].([]any)
	if list == nil {
		list, _ = c.body["Drives"].([]any)
	}
	v := &volume{raid: raid, ctl: ctl}
	for _, l := range list {
		uri, _ := l.(obj)["@odata.id"].(string)
		i := slices.IndexFunc(ctl.drives, func(d *drive) bool { return strings.EqualFold(b.driveURI(d), strings.TrimRight(uri, "/")) })
		if i < 0 {
			return bad(b.msg("ResourceNotFound", "Drive", uri))
		}
		d := ctl.drives[i]
		if d.volume != nil || d.reserved || d.foreign || d.locked || d.spare || d.spareOf != nil || slices.Contains(v.drives, d) {
			return bad(b.msg("ResourceCreationConflict", uri))
		}
		v.drives = append(v.drives, d)
	}
	if len(v.drives) < kind.least || raid == "RAID10" && len(v.drives)%2 != 0 || raid == "RAID1" && len(v.drives) != 2 {
		return bad(b.msg("PropertyValueConflict", "RAIDType", "Links/Drives"))
	}
	least := v.drives[0].facts.CapacityBytes
	for _, d := range v.drives {
		least = min(least, d.facts.CapacityBytes)
	}
	v.capacity = least * int64(kind.usable(len(v.drives)))
	if want, given := c.body["CapacityBytes"]; given {
		n, err := strconv.ParseInt(fmt.Sprint(want), 10, 64)
		if err != nil || n <= 0 || n > v.capacity {
			return bad(b.msg("PropertyValueOutOfRange", fmt.Sprint(want), "CapacityBytes"))
		}
		v.capacity = n
	}
	if a := b.readOptions(c, v); a != nil {
		return nil, a
	}
	b.nameVolume(v)
	for _, k := range []string{"DisplayName", "Name"} {
		if s, _ := c.body[k].(string); s != "" {
			v.name = s
		}
	}
	return v, nil
}

// nameVolume gives a new volume its id and the name that it has unless another is told.
func (b *BMC) nameVolume(v *volume) {
	n := b.id("volume", 0)
	v.id, v.name = strconv.Itoa(n+1), fmt.Sprintf("Volume %d", n+1)
	if b.dia.name == dialectIDRAC {
		v.id = fmt.Sprintf("Disk.Virtual.%d:%s", n, v.ctl.id)
	}
}

// raidTypes are those that a controller makes.
func (b *BMC) raidTypes(c *controller) []string {
	out := []string{"RAID0", "RAID1"}
	if len(c.drives) >= 3 {
		out = append(out, "RAID5", "RAID6", "RAID10", "RAID50", "RAID60")
	}
	if b.faults.on("no-raid60") {
		out = slices.DeleteFunc(out, func(t string) bool { return t == "RAID60" })
	}
	return out
}

// deleteVolume answers DELETE on a volume.
func (b *BMC) deleteVolume(v *volume) *answer {
	if b.dia.storage.apply == "job" {
		return b.volumeJob("Configure: "+v.ctl.id, &volumeJob{remove: v}, v.ctl, false)
	}
	b.removeVolume(v)
	b.led.VolumesDeleted++
	return b.done()
}
