package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/rack"
)

func TestBoot(t *testing.T) {
	for _, c := range []struct {
		name  string
		order []string // wanted
		now   []string
		want  []any // nil = nothing to do
	}{
		{"as wanted", []string{"Pxe", "Hdd"}, []string{"Boot0001", "Boot0002"}, nil},
		{"other first", []string{"Hdd", "Pxe"}, []string{"Boot0001", "Boot0002"}, []any{"Boot0002", "Boot0001"}},
		{"dropped entry (R60)", []string{"Pxe", "Hdd"}, []string{"Boot0001"}, []any{"Boot0001", "Boot0002"}},
		{"unasked entry stays, at the end", []string{"Hdd"}, []string{"BootFFFF", "Boot0002"}, []any{"Boot0002", "BootFFFF"}},
		{"order of the rest does not count", []string{"Pxe", "Hdd"}, []string{"Boot0001", "BootFFFF", "Boot0002"}, nil},
		{"by reference", []string{"Boot0002"}, []string{"Boot0001", "Boot0002"}, []any{"Boot0002", "Boot0001"}},
	} {
		l, n, dev := one("r750")
		n.Boot = &rack.BootSpec{Mode: "UEFI", Order: c.order}
		dev.Systems[0].Boot.Order = c.now
		p, r := l.build()
		var got []any
		if len(p.Nodes) > 0 {
			got, _ = p.Nodes[0].Steps[0].Want["order"].([]any)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || !r.Clean() {
			t.Errorf("%s (-want +got):\n%s\n%s", c.name, diff, planText(p))
		}
	}

	// What should stand first is not there: nothing is moved to its place.
	l, n, _ := one("r750")
	n.Boot = &rack.BootSpec{Order: []string{"Cd", "Hdd"}}
	if p, r := l.build(); !p.Empty() || len(r.Warnings) != 1 {
		t.Errorf("first class missing:\n%s", planText(p))
	}

	l, n, dev := one("r750")
	n.Boot = &rack.BootSpec{Mode: "UEFI"}
	dev.Systems[0].Boot.OverrideMode = "Legacy"
	if p, _ := l.build(); len(p.Nodes) != 1 || p.Nodes[0].Steps[0].Want["mode"] != "UEFI" {
		t.Errorf("mode:\n%s", planText(p))
	}

	l, n, dev = one("r750")
	hw := l.d.Hardware["server.r750"]
	hw.Identity.Models = []string{"DGXH100"}
	l.d.Hardware["server.r750"] = hw
	dev.Systems[0].Model = "DGXH100"
	n.Boot = &rack.BootSpec{Order: []string{"Hdd"}}
	wantBIOS(n, "Quiet", false)
	p, r := l.build()
	if len(r.Waiting) != 1 || r.Waiting[0].Rule != "boot.unsafe" || len(p.Nodes) != 1 {
		t.Errorf("R62: want the boot order told and the rest planned:\n%s", planText(p))
	}
}

func TestBootClass(t *testing.T) {
	for _, c := range []struct {
		o    rack.BootOption
		want string
	}{
		{rack.BootOption{Name: "x", Alias: "Pxe", UEFIPath: "HD(1)"}, "Pxe"},
		{rack.BootOption{Name: "Slot 2 (PXE IPv4)", UEFIPath: "PciRoot(0x2)/Pci(0x1,0x0)/MAC(58,0x1)/IPv4(0.0.0.0)"}, "Pxe"},
		{rack.BootOption{Name: "UEFI: PXE IPv4", UEFIPath: "PciRoot(0x2)/MAC(58,0x1)/IPv4(0.0.0.0)/Uri()"}, "UefiHttp"},
		{rack.BootOption{Name: "UEFI PXEv4", UEFIPath: "PciRoot(0x5)/USB(0x4,0x0)/MAC(EE,0x1)/IPv4(0.0.0.0)"}, "Pxe"},
		{rack.BootOption{Name: "UEFI Flash Drive", UEFIPath: "PciRoot(0x5)/USB(0x2,0x0)"}, "Usb"},
		{rack.BootOption{Name: "Ubuntu", UEFIPath: `HD(1,GPT,7A46)/\EFI\ubuntu\shimx64.efi`}, "Hdd"},
		{rack.BootOption{Name: "OCP Slot 18", UEFIPath: "PciRoot(0xF)/Ctrl(0x0)/Scsi(0xEF,0x0)"}, "Hdd"},
		{rack.BootOption{Name: "HardDisk", UEFIPath: "VenHw_B2AD"}, "Hdd"},
		{rack.BootOption{Name: "Network", UEFIPath: "VenHw_B2AD"}, "Pxe"},
		{rack.BootOption{Name: "HTTP Device 1: NIC in Slot 5", UEFIPath: "VenHw(986D)"}, "UefiHttp"},
		{rack.BootOption{Name: "UEFI: Built-in EFI Shell"}, ""},
	} {
		got := ""
		for _, class := range []string{"Hdd", "Pxe", "UefiHttp", "Cd", "Usb"} {
			if inClass(c.o, class) {
				got += class
			}
		}
		if got != c.want {
			t.Errorf("%+v: want %q, got %q", c.o, c.want, got)
		}
	}
}

func TestMediaArmedEarlier(t *testing.T) {
	l, n, dev := one("r750")
	n.Media = &rack.MediaSpec{Image: "i.iso", BootOnce: true}
	dev.Systems[0].Media[0].Inserted, dev.Systems[0].Media[0].Image = true, "i.iso"
	if p, r := l.build(); !p.Empty() || !r.Clean() {
		t.Errorf("inserted and booted:\n%s", planText(p))
	}
	dev.Systems[0].Boot.OverrideEnabled, dev.Systems[0].Boot.OverrideTarget = "Once", "Cd"
	if p, _ := l.build(); len(p.Nodes) != 1 || p.Nodes[0].Resets["host_reset"] != 1 {
		t.Errorf("inserted and armed, not booted:\n%s", planText(p))
	}
}
