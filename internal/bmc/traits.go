package bmc

import (
	"context"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
)

// traits is what this package does differently on one BMC: the rows of the quirk table that apply, and the vendor's
// ways of redfish.md §2.9 and §5.3 that no service announces. The code asks a trait, never a vendor.
type traits struct {
	quirks redfish.Set
	ways
}

// ways are mechanics of one dialect. They are data; what stands in no row is done as the device announces it.
type ways struct {
	offThenOn   bool   // host_reset is Off, wait, On (§2.9)
	emptyOem    bool   // multipart parameters need an empty Oem object (NVIDIA/libredfish dell.rs)
	keepNVRAM   bool   // BIOS pushes carry PreserveNVRAM and its sisters, else the flash clears the settings (§5.3)
	startUpdate bool   // a push with OnStartUpdateRequest is started by UpdateService.StartUpdate (§5.3)
	auxBIOS     string // attribute that turns the next power cycle into an aux cycle, and its value (§2.9 (a))
	auxValue    string
}

var waysOf = map[string]ways{
	"idrac":      {emptyOem: true, auxBIOS: "PowerCycleRequest", auxValue: "FullPowerCycle"},
	"supermicro": {keepNVRAM: true, startUpdate: true},
	"xcc":        {offThenOn: true},
}

// traits are the peculiarities of this BMC.
func (d *Driver) traits(ctx context.Context) (traits, error) {
	l, err := d.layout(ctx)
	if err != nil {
		return traits{}, err
	}
	return traits{quirks: redfish.Quirks(l.id), ways: waysOf[l.id.Dialect]}, nil
}

func (t traits) does(b redfish.Behaviour) bool { return t.quirks.Does(b) }
