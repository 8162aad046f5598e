package firmware

import (
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
// unless the selector's own text names them. A row without a version still matches: IsPlaceholder tells it apart.
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
