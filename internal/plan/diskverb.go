package plan

import (
	"fmt"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// The verbs about drives. Value is a bay, a bay and a volume, or a controller.
const (
	DoSpare   Do = "disk spare set"      // Value: BAY, or BAY VOLUME for a dedicated one
	DoUnspare Do = "disk spare clear"    // Value: BAY
	DoImport  Do = "disk foreign import" // Value: part of the controller's id or name
	DoClearFC Do = "disk foreign clear"  // the same; Consent is needed
)

// aboutDisks tells whether a verb is about drives.
func (v Verb) aboutDisks() bool {
	return v.Do == DoSpare || v.Do == DoUnspare || v.Do == DoImport || v.Do == DoClearFC
}

// Loses tells whether a step throws data away that cannot be brought back: that wants a question.
func Loses(s step.Step) bool {
	switch s.Kind {
	case step.Erase, step.ControllerReset:
		return true
	case step.Foreign:
		return s.Want["foreign"] == "cleared"
	case step.Volume, step.Namespace:
		return s.Want["exists"] == false
	default:
		return false
	}
}

// disks makes the steps of a verb about drives, by the same rules as a blueprint.
func (v Verb) disks(n rack.Node, sys rack.System) ([]step.Step, string) {
	n.Volumes, n.Disks, n.AllowDataLoss = nil, nil, v.Consent
	b := newBuilder(rack.Design{}, rack.Observation{}, Options{})
	vb := volumeBuild{nodeBuild: &nodeBuild{builder: b, node: n, sys: sys}, takenVolume: map[string]bool{}, takenDrive: map[string]bool{},
		found: map[string]rack.Volume{}, made: map[string][]rack.Drive{}, cleared: map[string]string{}}
	why := ""
	switch v.Do {
	case DoImport, DoClearFC:
		word := rack.ForeignImport
		if v.Do == DoClearFC {
			word = rack.ForeignClear
		}
		if c, ok := vb.controllerNamed(v.Value, string(v.Do)); ok {
			if list := vb.foreignOn(c); len(list) > 0 {
				vb.foreignStep(c, list, word, "metalwright "+v.String(), n.Origin)
			} else {
				why = fmt.Sprintf("No drive of controller %s holds a foreign configuration.", firstOf(c.Name, c.ID))
			}
		}
	default:
		why = v.spare(&vb)
	}
	for _, notes := range [][]Note{b.report.Blocked, b.report.Unreadable, b.report.Waiting} {
		for _, x := range notes {
			why = x.Detail
		}
	}
	var out []step.Step
	for _, c := range vb.changes {
		out = append(out, c.step)
	}
	if why != "" {
		return nil, why
	}
	return out, ""
}

// spare makes the drive in a bay a hot spare, or takes it back; it gives why not, or "".
func (v Verb) spare(b *volumeBuild) string {
	bay, volume, _ := strings.Cut(v.Value, " ")
	var drive *rack.Drive
	var bays []string
	for _, d := range b.drivesByBay() {
		bays = append(bays, d.Bay)
		_, digits := bayNumber(d.Bay)
		if drive == nil && (d.Bay == bay || digits == bay && digits != "") {
			drive = &d
		}
	}
	switch {
	case drive == nil:
		return fmt.Sprintf("No drive is in bay %q; there are drives in %s.%s", bay, strings.Join(bays, ", "), diag.DidYouMean(bay, bays))
	case drive.State == nil || drive.SerialNumber == "":
		return fmt.Sprintf("What the drive in bay %s stands by for was not read.", drive.Bay)
	case v.Do == DoUnspare && drive.State.Hotspare == "" && !b.isSpare(*drive):
		if c, _ := b.controller(drive.Controller); c.Offer == nil || c.Offer.Unspare == nil {
			return fmt.Sprintf("The BMC of controller %s does not tell of hot spares, and offers to take none back.", firstOf(c.Name, c.ID))
		}
		return ""
	case v.Do == DoUnspare:
		b.unspare(*drive, "metalwright "+v.String(), b.node.Origin)
		return ""
	case drive.InVolume:
		return fmt.Sprintf("The drive in bay %s is part of a volume.", drive.Bay)
	case drive.State.Foreign:
		return fmt.Sprintf("The drive in bay %s holds a foreign configuration.", drive.Bay)
	case drive.State.Encryption == encryptionLocked:
		return fmt.Sprintf("The drive in bay %s is locked.", drive.Bay)
	case drive.State.Hotspare != "":
		return fmt.Sprintf("The drive in bay %s is a hot spare already (%s).", drive.Bay, drive.State.Hotspare)
	}
	c, _ := b.controller(drive.Controller)
	x := spareSet{kind: rack.SpareGlobal, key: "spare", origin: b.node.Origin}
	if volume != "" {
		var names []string
		for _, vol := range b.volumes() {
			if names = append(names, vol.Name); vol.Name != volume && vol.ID != volume {
				continue
			}
			x.kind, x.volume, x.members = rack.SpareDedicated, vol.Name, b.drivesOf(vol)
		}
		if x.volume == "" {
			return fmt.Sprintf("No volume is called %q; there is %s.%s", volume, strings.Join(names, ", "), diag.DidYouMean(volume, names))
		}
		for _, m := range x.members {
			x.paths = append(x.paths, m.Path)
		}
		if why := standsIn(*drive, x.members); why != "" {
			return fmt.Sprintf("The drive in bay %s %s.", drive.Bay, why)
		}
	}
	b.addSpare(x, c, *drive)
	return ""
}

// isSpare tells whether a volume lists a drive among its spares.
func (v *volumeBuild) isSpare(d rack.Drive) bool {
	for _, x := range v.volumes() {
		if x.Detail == nil {
			continue
		}
		for _, s := range x.Detail.Spares {
			if s == d.SerialNumber {
				return true
			}
		}
	}
	return false
}
