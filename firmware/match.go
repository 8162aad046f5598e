package firmware

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// The sources of a version other than a row of the firmware inventory (quirk R88: some boards tell it nowhere else).
const (
	FromBIOS    = "system.bios_version"
	FromManager = "manager.firmware_version"
)

// Copies that do not run: staged, fall-back and earlier images. Dell keeps Available- and Previous- rows, Supermicro
// Staging_, Backup_ and Golden_, Lenovo -Pending and -Backup, HPE a Redundant System ROM.
var (
	asideID   = regexp.MustCompile(`(?i)^(staging|backup|golden|previous|available)[-_]|[-_](pending|backup|golden)$`)
	asideName = regexp.MustCompile(`(?i)\b(redundant|backup|golden|recovery|staging)\b`)
)

// Match picks the rows that a selector means, in the order given. Staged rows, and copies that do not run, are left out
// unless the selector's own text names them. A row without a version still matches: Installed says what that means.
func Match(sel rack.RowSelect, rows []rack.Firmware) []rack.Firmware {
	id, err1 := optional(sel.ID)
	name, err2 := optional(sel.Name)
	software, err3 := optional(sel.SoftwareID)
	if err1 != nil || err2 != nil || err3 != nil || id == nil && name == nil && software == nil {
		return nil
	}
	var out []rack.Firmware
	for _, r := range rows {
		if r.Staged || r.State == "Absent" || aside(r, sel) {
			continue
		}
		if fits(id, r.ID) && fits(name, r.Name) && fits(software, r.SoftwareID) {
			out = append(out, r)
		}
	}
	return out
}

func optional(pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, nil
	}
	return regexp.Compile(pattern)
}

func fits(re *regexp.Regexp, s string) bool { return re == nil || re.MatchString(s) }

// aside tells whether a row is a copy that does not run and that the selector does not ask for by name.
func aside(r rack.Firmware, sel rack.RowSelect) bool {
	for _, hit := range []string{asideID.FindString(r.ID), asideName.FindString(r.Name)} {
		word := strings.ToLower(strings.Trim(hit, "-_"))
		if word != "" && !strings.Contains(strings.ToLower(sel.ID+" "+sel.Name), word) {
			return true
		}
	}
	return false
}

// Installed tells which version of a component a device runs, and which rows say so. When it cannot tell, problem says why
// and version is empty. Of several rows that differ, the version is that of the first that is not as wanted.
func Installed(c rack.BaselineComponent, dev rack.Device) (version string, rows []rack.Firmware, problem string) {
	rows = Match(c.Select, dev.Firmware)
	switch c.Select.ReadFrom {
	case FromBIOS:
		host, ok := dev.Host()
		if !ok {
			return "", rows, "no bootable system was seen, so its BIOS version is unknown"
		}
		return single(host.BIOSVersion, rows, "the system's BiosVersion")
	case FromManager:
		return single(dev.BMC.FirmwareVersion, rows, "the manager's FirmwareVersion")
	}
	if len(rows) == 0 {
		return "", nil, fmt.Sprintf("no row of the firmware inventory (%d rows) is selected by %s",
			len(dev.Firmware), describe(c.Select))
	}
	if len(rows) > 1 && !c.Select.All {
		return "", rows, fmt.Sprintf("%s selects %d rows (%s); say all = true or narrow it",
			describe(c.Select), len(rows), ids(rows))
	}
	for _, r := range rows {
		if IsPlaceholder(r.Version) {
			return "", rows, fmt.Sprintf("row %s tells no version (%q)", r.ID, r.Version)
		}
	}
	for _, r := range rows {
		if !Equal(c.Compare, r.Version, c.Want) {
			return r.Version, rows, ""
		}
	}
	return rows[0].Version, rows, ""
}

func single(v string, rows []rack.Firmware, where string) (string, []rack.Firmware, string) {
	if IsPlaceholder(v) {
		return "", rows, fmt.Sprintf("%s tells no version (%q)", where, v)
	}
	return v, rows, ""
}

func describe(sel rack.RowSelect) string {
	var parts []string
	for _, p := range []struct{ name, pattern string }{{"id", sel.ID}, {"name", sel.Name},
		{"software_id", sel.SoftwareID}} {
		if p.pattern != "" {
			parts = append(parts, fmt.Sprintf("%s %q", p.name, p.pattern))
		}
	}
	return strings.Join(parts, ", ")
}

func ids(rows []rack.Firmware) string {
	var out []string
	for _, r := range rows {
		out = append(out, r.ID)
	}
	if len(out) > 4 {
		out = append(out[:4], "…")
	}
	return strings.Join(out, ", ")
}
