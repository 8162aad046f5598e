package plan

import (
	"regexp"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/firmware"
	"github.com/metalwright/metalwright/internal/rack"
)

func compareOr(scheme string) string {
	if scheme == "" {
		return firmware.Exact
	}
	return scheme
}

// sameVersion tells whether two versions are equal under a scheme.
func sameVersion(scheme, a, b string) bool { return firmware.Equal(compareOr(scheme), a, b) }

// versionOrder orders two versions; known is false where the scheme cannot. Opaque versions that both are numbers
// between dots are ordered as such: enough to see a floor or a step back, never used to decide that something need not
// move.
func versionOrder(scheme, a, b string) (order int, known bool) {
	scheme = compareOr(scheme)
	order, err := firmware.Compare(scheme, a, b)
	if err != nil && scheme == firmware.Exact {
		order, err = firmware.Compare(firmware.Dotted, a, b)
	}
	return order, err == nil
}

var (
	stagedID  = regexp.MustCompile(`(?i)^staging[-_]|[-_]pending$`) // Supermicro Staging_BIOS, Lenovo UEFI-Pending
	runningID = regexp.MustCompile(`(?i)[-_]primary$`)              // Lenovo UEFI-Primary
)

// stagedVersions finds versions of a component that wait for an activation: rows that say Staged (Dell, HPE) and rows
// that are named so (Supermicro, Lenovo). A placeholder in them means that nothing waits.
func stagedVersions(sel rack.RowSelect, scheme string, running, rows []rack.Firmware) []string {
	var out []string
	for _, r := range rows {
		if firmware.IsPlaceholder(r.Version) || slices.ContainsFunc(running, func(run rack.Firmware) bool { return run.ID == r.ID && run.Version == r.Version }) {
			continue // the row of what runs tells that version, also while something waits for it
		}
		plain := stagedID.ReplaceAllString(r.ID, "")
		if !r.Staged && plain == r.ID {
			continue
		}
		asRunning := r
		asRunning.ID, asRunning.Staged = plain, false
		mine := len(firmware.Match(sel, []rack.Firmware{asRunning})) > 0
		for _, run := range running {
			if r.ID != run.ID && sameVersion(scheme, r.Version, run.Version) {
				mine = false // a copy of what runs (recorded on Supermicro while nothing waited)
				break
			}
			mine = mine || (r.Staged && r.SoftwareID != "" && r.SoftwareID == run.SoftwareID) ||
				(plain != r.ID && strings.EqualFold(plain, runningID.ReplaceAllString(run.ID, "")))
		}
		if mine {
			out = append(out, r.Version)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
