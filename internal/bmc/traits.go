package bmc

import (
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
)

// traits is what this package does differently for one family of BMCs. It is data: the code asks a trait, never a vendor.
// The numbers are rows of the quirk table (docs: redfish.md §7).
type traits struct {
	dialect string // idrac, ilo, supermicro, xcc, ami, openbmc, unknown

	offThenOn    bool // host_reset is Off, wait, On: a forced restart hangs or is not to be seen (R35)
	fullBoot     bool // the boot override wants target, enabled and mode together (R32)
	leanBoot     bool // repeating the mode adds a job and a boot: it is sent only when it changes (R25)
	orderAsSet   bool // the boot order is right when its first entry and its members are (R60)
	orderNever   bool // correcting the boot order is unsafe (R62)
	usbCd        bool // virtual CD is booted as UsbCd where that is listed (R28)
	leanMedia    bool // media body holds the image alone; query characters in the URL are refused (R29)
	ejectFirst   bool // a slot is emptied before it is filled, whatever it says (R23)
	firstSlot    bool // only the first slot works (R24)
	emptyOem     bool // multipart parameters need an empty Oem object (NVIDIA/libredfish dell.rs)
	keepNVRAM    bool // BIOS pushes carry Oem PreserveNVRAM and its sisters (§5.3)
	startUpdate  bool // a push with OnStartUpdateRequest is started by UpdateService.StartUpdate (§5.3)
	auxBIOS      string
	auxBIOSValue string
}

// dialects lists the traits, by dialect. What stands in no row is handled by what the device announces.
var dialects = map[string]traits{
	"idrac": {leanBoot: true, ejectFirst: true, emptyOem: true,
		auxBIOS: "PowerCycleRequest", auxBIOSValue: "FullPowerCycle"}, // §2.9 (a)
	"ilo":        {},
	"supermicro": {usbCd: true, leanMedia: true, keepNVRAM: true, startUpdate: true},
	"xcc":        {offThenOn: true, orderAsSet: true},
	"ami":        {fullBoot: true},
	"openbmc":    {},
	"unknown":    {fullBoot: true},
}

// dialectOf names the family from the service root and the serving manager: vendor words first, then OEM keys.
func dialectOf(root, manager redfish.Object) string {
	said := strings.ToLower(strings.Join([]string{root.Str("Vendor"), root.Str("Product"), manager.Str("Manufacturer"),
		manager.Str("Model")}, " "))
	for _, k := range []redfish.Object{root.Obj("Oem"), manager.Obj("Oem")} {
		for name := range k {
			said += " oem:" + strings.ToLower(name)
		}
	}
	for _, row := range []struct{ word, dialect string }{
		{"oem:dell", "idrac"}, {"idrac", "idrac"}, {"integrated dell", "idrac"},
		{"oem:hpe", "ilo"}, {"oem:hp", "ilo"}, {"hpe", "ilo"},
		{"oem:supermicro", "supermicro"}, {"supermicro", "supermicro"}, {"super micro", "supermicro"},
		{"lenovo", "xcc"}, {"oem:ami", "ami"}, {"ami redfish", "ami"}, {"megarac", "ami"},
		{"openbmc", "openbmc"}, {"oem:openbmc", "openbmc"}, {"gb200", "openbmc"}, {"gb300", "openbmc"}, {"nvidia", "openbmc"},
	} {
		if strings.Contains(said, row.word) {
			return row.dialect
		}
	}
	return "unknown"
}

// traitsOf gives the traits of a dialect, adjusted by product.
func traitsOf(dialect string, manager, system redfish.Object) traits {
	t, ok := dialects[dialect]
	if !ok {
		dialect = "unknown"
		t = dialects[dialect]
	}
	t.dialect = dialect
	if dialect == "idrac" && strings.HasPrefix(manager.Str("FirmwareVersion"), "1.") {
		t.firstSlot = true // iDRAC10 counts its versions from 1 (R24)
	}
	if dialect == "ami" && strings.HasPrefix(system.Str("Model"), "DGXH100") {
		t.orderNever = true // R62
	}
	return t
}
