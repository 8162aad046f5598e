package sim_test

import (
	"slices"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/sim"
)

// TestStorageAnswersValidate takes the controllers of every dialect, and those that offer what the standard has, through what can
// be asked of them, and holds every answer against DMTF's schemas.
func TestStorageAnswersValidate(t *testing.T) {
	d := needsDMTF(t)
	for _, faults := range [][]string{nil, {"swordfish"}} {
		dialects := sim.Dialects()
		if faults != nil {
			dialects = []string{"ilo", "supermicro", "xcc"}
		}
		onDialects(t, dialects, sim.Options{Seed: 21, Faults: faults}, func(p *probe) {
			var f findings
			state := "before"
			p.judge(d, &f, &state)
			p.login()
			_ = p.bmc.Poke(sim.Poke{Foreign: []string{"2"}}) // where there is a free drive in that bay
			_ = p.bmc.Poke(sim.Poke{Locked: []string{"3"}})
			_ = p.bmc.Poke(sim.Poke{Volume: &sim.PokeVolume{Name: "data", RAID: "RAID1", Bays: []string{"0", "1"}}})
			state = "foreign, locked, a volume"
			p.walk()
			state = "asked for"
			p.storageActs()
			state = "under way"
			p.walk()
			time.Sleep(10 * time.Minute)
			state = "done"
			p.walk()
			p.logout()
			f.report(p.t)
			if tr := p.bmc.Truth(); faults != nil && p.dia != "ilo" && len(tr.Namespaces) != 1 { // all drives of the iLO machine hang on its RAID controller
				p.t.Errorf("namespaces %+v", tr.Namespaces)
			}
		})
	}
}

// storageActs asks every controller for all that it offers; some of it is refused, and that is an answer too.
func (p *probe) storageActs() {
	p.t.Helper()
	ask := func(method, uri string, body obj) {
		if uri == "" {
			return
		}
		if _, err := p.do(method, uri, body); err != nil {
			p.t.Fatal(err)
		}
	}
	service := obj{}
	if uri := link(p.system(), "Links", "Oem", "Dell", "DellRaidService"); uri != "" {
		service = p.get(uri)
	}
	for _, uri := range p.members(link(p.system(), "Storage")) {
		o := p.get(uri)
		id, _ := o["Id"].(string)
		for _, drive := range o["Drives"].([]any)[:1] {
			ask("PATCH", drive.(obj)["@odata.id"].(string), obj{"HotspareType": "Global"})
		}
		volumes := link(o, "Volumes")
		if volumes == "" {
			continue
		}
		ask("POST", volumes, obj{"DisplayName": "space", "CapacityBytes": 1 << 39, "Links": obj{"Drives": o["Drives"].([]any)[:1]},
			"NVMeNamespaceProperties": obj{"LBAFormat": obj{"LBADataSizeBytes": 4096}}})
		for _, v := range p.members(volumes) {
			vol := p.get(v)
			ask("POST", link(vol, "Actions", "#Volume.Initialize", "target"), obj{"InitializeType": "Fast"})
			ask("PATCH", v, obj{"WriteCachePolicy": "ProtectedWriteBack"})
			ask("PATCH", v, obj{"WriteCachePolicy": "Sometimes"})
			ask("PATCH", link(vol, "@Redfish.Settings", "SettingsObject"), obj{"ReadCachePolicy": "ReadAhead"})
		}
		for _, name := range []string{"ImportForeignConfig", "SetControllerKey", "ClearForeignConfig", "AssignSpare"} {
			ask("POST", link(service, "Actions", "#DellRaidService."+name, "target"), obj{"TargetFQDD": id, "Key": "correct horse", "Keyid": "k"})
		}
		for _, name := range []string{"ImportForeignDrives", "SetEncryptionKey", "ResetToDefaults"} {
			ask("POST", link(o, "Actions", "#Storage."+name, "target"), obj{"EncryptionKey": "correct horse", "EncryptionKeyIdentifier": "k", "ResetType": "PreserveVolumes"})
		}
	}
	if !slices.Contains([]string{"ami", "openbmc"}, p.dia) && len(p.bmc.Truth().Volumes) == 0 {
		p.t.Error("no volume was made")
	}
}
