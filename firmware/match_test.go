package firmware_test

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/firmware"
	"github.com/metalwright/metalwright/internal/rack"
)

// rows are of the shapes that vendors give: fall-back copies, staged images, placeholders, names instead of ids.
var rows = []rack.Firmware{
	{ID: "Installed-159-1.8.2__BIOS.Setup.1-1", Name: "BIOS", Version: "1.8.2"},
	{ID: "Previous-159-1.2.4__BIOS.Setup.1-1", Name: "BIOS", Version: "1.2.4"},
	{ID: "Current-159-1.8.2__BIOS.Setup.1-1", Name: "BIOS", Version: "1.8.2"},
	{ID: "BMC", Name: "BMC", Version: "11.01.01"},
	{ID: "Backup_BMC", Name: "BMC Backup", Version: "Not Present"},
	{ID: "Staging_BMC", Name: "BMC Staging", Version: "11.03.05"},
	{ID: "Golden_BMC", Name: "BMC Golden", Version: "01.00.26"},
	{ID: "BMC-Primary", Name: "Firmware:BMC", Version: "42S-2.83"},
	{ID: "BMC-Primary-Pending", Name: "Firmware:BMC", Version: "-*"},
	{ID: "BMC-Backup", Name: "Firmware:BMC", Version: "42S-2.83"},
	{ID: "2", Name: "System ROM", Version: "U58 v2.44 (01/17/2025)"},
	{ID: "10", Name: "Redundant System ROM", Version: "U58 v2.40 (01/17/2024)"},
	{ID: "HGX_FW_GPU_SXM_1", Version: "96.00.61.00.01", SoftwareID: "0x0020"},
	{ID: "HGX_FW_GPU_SXM_2", Version: "96.00.68.00.01", SoftwareID: "0x0020"},
	{ID: "HGX_FW_GPU_SXM_3", Version: "96.00.61.00.01", SoftwareID: "0x0020", State: "Absent"},
	{ID: "HGX_FW_GPU_SXM_4", Version: "96.00.61.00.01", SoftwareID: "0x0020", Staged: true},
	{ID: "CPLD_1", Version: "version not available"},
}

func TestMatch(t *testing.T) {
	for name, c := range map[string]struct {
		sel  rack.RowSelect
		want []string
	}{
		"installed only":        {rack.RowSelect{ID: `^Installed-.*__BIOS\.Setup`}, []string{"Installed-159-1.8.2__BIOS.Setup.1-1"}},
		"previous left out":     {rack.RowSelect{ID: `__BIOS\.Setup`}, []string{"Installed-159-1.8.2__BIOS.Setup.1-1", "Current-159-1.8.2__BIOS.Setup.1-1"}},
		"copies left out":       {rack.RowSelect{ID: "BMC"}, []string{"BMC", "BMC-Primary"}},
		"copy asked for":        {rack.RowSelect{ID: "^Golden_BMC$"}, []string{"Golden_BMC"}},
		"redundant left out":    {rack.RowSelect{Name: "System ROM"}, []string{"2"}},
		"absent and staged":     {rack.RowSelect{SoftwareID: "^0x0020$"}, []string{"HGX_FW_GPU_SXM_1", "HGX_FW_GPU_SXM_2"}},
		"all conditions":        {rack.RowSelect{SoftwareID: "^0x0020$", ID: "_2$"}, []string{"HGX_FW_GPU_SXM_2"}},
		"nothing selects":       {rack.RowSelect{}, nil},
		"a pattern that is not": {rack.RowSelect{ID: "("}, nil},
		"without a version too": {rack.RowSelect{ID: "CPLD"}, []string{"CPLD_1"}},
	} {
		var got []string
		for _, r := range firmware.Match(c.sel, rows) {
			got = append(got, r.ID)
		}
		if d := gocmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
