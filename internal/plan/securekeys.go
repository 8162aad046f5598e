package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// keysDeletePK is the value of SecureBoot.ResetKeys that takes the platform key alone (DSP0268).
const keysDeletePK = "DeletePK"

// keysByDatabase resets one database after the other, where Secure Boot as a whole has no such action (recorded on GB200 and
// BlueField-3: only the databases have one). The platform key comes last and goes first: it is what closes the others.
func (b *secureBuild) keysByDatabase(kind, mode, why string) {
	order := []string{"dbx", "db", "KEK", "PK"}
	if kind == keysDelete {
		slices.Reverse(order)
	}
	var dbs []rack.SecureBootDatabase
	for _, id := range order {
		d, ok := b.find(id)
		switch {
		case !ok && id != "PK", id == "dbx" && kind == keysToDefault && d.Default == nil: // nobody could tell whether it has them
			continue
		case !ok || d.ResetKeys == "" || len(d.ResetTypes) > 0 && !slices.Contains(d.ResetTypes, kind):
			b.block("secure_boot.keys", "Secure Boot keys cannot be reset on this BMC", fmt.Sprintf("%s is wanted; Secure Boot offers %s, "+
				"and database %s %s. %s", kind, orNothing(b.sb.ResetTypes), id, orNothing(d.ResetTypes), b.waysOut()), b.origin)
			return
		case kind == keysToDefault && id == "PK" && d.Default != nil && d.Default.Empty():
			b.block("secure_boot.keys", "No vendor's keys on this board", "PKDefault is empty: there is no platform key that could be "+
				"brought back. Enrol a certificate of your own in PK.", b.origin)
			return
		}
		dbs = append(dbs, d)
	}
	for _, d := range dbs {
		b.resetDatabase(d, kind, kind == keysToDefault, why)
	}
	b.mode = mode
}

// waysOut says by what a platform key gets onto this board.
func (b *secureBuild) waysOut() string {
	var ways []string
	if b.sb.ResetKeys != "" || slices.ContainsFunc(b.sb.Databases, func(d rack.SecureBootDatabase) bool { return d.ResetKeys != "" }) {
		ways = append(ways, "ask for keys = \"default\"")
	}
	if d, ok := b.find("PK"); ok && d.Certificates != "" {
		ways = append(ways, "enrol a certificate in PK")
	}
	if len(ways) == 0 {
		return "Needs hands: the setup screen."
	}
	text := strings.Join(ways, ", or ")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

func (b *secureBuild) find(id string) (rack.SecureBootDatabase, bool) {
	i := slices.IndexFunc(b.sb.Databases, func(d rack.SecureBootDatabase) bool { return strings.EqualFold(d.ID, id) })
	if i < 0 {
		return rack.SecureBootDatabase{}, false
	}
	return b.sb.Databases[i], true
}

func (b *secureBuild) isReset(id string) bool { return slices.Contains(b.reset, id) }

// comesBack tells whether a certificate is among what the firmware brings along.
func (b *secureBuild) comesBack(d rack.SecureBootDatabase, fingerprint string) bool {
	return d.Default != nil && slices.Contains(d.Default.Fingerprints, fingerprint)
}

// resetDatabase wants one database as the firmware brings it along, or empty; besides what is named, which is enrolled or taken
// out behind it.
func (b *secureBuild) resetDatabase(d rack.SecureBootDatabase, kind string, toDefault bool, why string) {
	word, stays := "none", []string{}
	want := step.Facts{"signatures": int64(0)}
	switch {
	case toDefault && d.Default != nil:
		word = "default"
		want["signatures"] = int64(d.Default.Signatures)
		for _, f := range d.Default.Fingerprints {
			if !b.leaves(d.ID, f) {
				stays = append(stays, f)
			}
		}
	case toDefault: // it does not show what that is: that it holds something is all that can be told
		word, want["keys"] = "default", "default"
	}
	gone := []string{}
	for _, f := range d.Fingerprints {
		named := slices.ContainsFunc(b.node.SecureBoot.Certificates, func(c rack.CertificateSpec) bool {
			return strings.EqualFold(c.Database, d.ID) && string(c.Fingerprint) == f && !c.Absent
		})
		if want["keys"] == nil && !named && !b.comesBack(d, f) {
			gone = append(gone, f)
		}
	}
	want["certificates"], want["gone"] = anyList(stays), anyList(gone)
	args := step.Args{Path: d.ResetKeys, Method: kind, Component: d.ID, Targets: []string{d.Certificates}}
	if d.Hashes != "" {
		args.Targets = append(args.Targets, d.Hashes)
	}
	b.step("secure_boot:"+strings.ToLower(d.ID)+":"+word, step.Step{Origin: b.origin, Why: why, Args: args, Want: want,
		Expect: step.Facts{"certificates": anyList(d.Fingerprints), "signatures": int64(d.Signatures)}})
	b.reset = append(b.reset, d.ID)
}

// leaves tells whether a certificate is to be taken out of a database.
func (b *secureBuild) leaves(db, fingerprint string) bool {
	spec := b.node.SecureBoot
	for _, c := range spec.Certificates {
		if strings.EqualFold(c.Database, db) && string(c.Fingerprint) == fingerprint {
			return c.Absent
		}
	}
	return slices.ContainsFunc(spec.Databases, func(d rack.DatabaseSpec) bool { return strings.EqualFold(d.ID, db) && d.Exclusive })
}

// database wants one database as the firmware brings it along, or empty.
func (b *secureBuild) database(spec rack.DatabaseSpec) {
	if spec.Keys == "" {
		return
	}
	origin := originOr(spec.Origin, b.origin)
	d, ok := b.shown(spec.ID, "Key database "+spec.ID, origin)
	if !ok || b.isReset(d.ID) {
		return
	}
	kind, have := keysToDefault, d.Default != nil && b.holds(d, d.Default.Fingerprints) && d.Signatures >= d.Default.Signatures
	if spec.Keys == "none" {
		kind, have = keysDelete, b.holds(d, nil) && d.Signatures == 0
	}
	if have && d.Unread == 0 {
		return
	}
	spelled := map[string]string{"PK": "ResetPK", "KEK": "ResetKEK", "db": "ResetDB", "dbx": "ResetDBX"}[spec.ID] // recorded on Dell
	switch {
	case kind == keysToDefault && d.Default == nil && !d.Empty():
		b.block("secure_boot.compare", "Key database cannot be compared", fmt.Sprintf("This BMC does not show what its firmware brings along "+
			"for %s, so nobody can tell whether it holds that. Name its certificates, with exclusive = true.", d.ID), origin)
		return
	case d.ResetKeys != "" && (len(d.ResetTypes) == 0 || slices.Contains(d.ResetTypes, kind)):
	case kind == keysToDefault && slices.Contains(b.sb.ResetTypes, spelled):
		d.ResetKeys, kind = b.sb.ResetKeys, spelled
	case kind == keysDelete && spec.ID == "PK" && slices.Contains(b.sb.ResetTypes, keysDeletePK):
		d.ResetKeys, kind = b.sb.ResetKeys, keysDeletePK
	default:
		b.block("secure_boot.database", "Key database cannot be reset on this BMC", fmt.Sprintf(
			"keys = %q is wanted of %s; it offers %s. Needs hands: the setup screen.", spec.Keys, d.ID, orNothing(d.ResetTypes)), origin)
		return
	}
	agreed := fmt.Sprintf("database %s is not as wanted; %s", d.ID, b.consent())
	b.resetDatabase(d, kind, spec.Keys == "default", agreed)
	if spec.ID == "PK" {
		b.mode = map[string]string{"default": rack.UserMode, "none": rack.SetupMode}[spec.Keys]
	}
}

// holds tells whether a database holds these certificates, and none besides but those that are named.
func (b *secureBuild) holds(d rack.SecureBootDatabase, want []string) bool {
	for _, f := range want {
		if !slices.Contains(d.Fingerprints, f) && !b.leaves(d.ID, f) {
			return false
		}
	}
	return !slices.ContainsFunc(d.Fingerprints, func(f string) bool {
		return !slices.Contains(want, f) && !slices.ContainsFunc(b.node.SecureBoot.Certificates, func(c rack.CertificateSpec) bool {
			return strings.EqualFold(c.Database, d.ID) && string(c.Fingerprint) == f
		})
	})
}

func (b *secureBuild) consent() string {
	return fmt.Sprintf("agreed by %s: %s", b.node.SecureBoot.Owner, b.node.SecureBoot.Reason)
}

// shown finds a database that the BMC shows, or says why there is none.
func (b *secureBuild) shown(id, what string, origin diag.Origin) (rack.SecureBootDatabase, bool) {
	d, ok := b.find(id)
	switch gaps := b.gapsNamed("securebootdatabases"); {
	case len(gaps) > 0:
		b.unreadable("secure_boot.read", "Key databases not readable", "Database "+id+" was not seen whole."+because(gaps), origin)
		return d, false
	case !ok || d.Certificates == "":
		b.block("secure_boot.database", "Key database unsupported on this BMC", fmt.Sprintf(
			"%s is wanted, and this BMC does not let database %s be written. Needs hands: the setup screen.", what, id), origin)
		return d, false
	}
	return d, true
}

// withdraw wants one certificate out of a database.
func (b *secureBuild) withdraw(c rack.CertificateSpec) {
	origin := originOr(c.Origin, b.origin)
	d, ok := b.shown(c.Database, fmt.Sprintf("Certificate %q taken out", c.Name), origin)
	if !ok {
		return
	}
	there := slices.Contains(d.Fingerprints, string(c.Fingerprint))
	if b.isReset(d.ID) {
		there = b.comesBack(d, string(c.Fingerprint))
	}
	if there {
		b.remove(d, string(c.Fingerprint), c.Name, origin)
	} else if d.Unread > 0 {
		b.block("secure_boot.unread", "Certificates not readable", fmt.Sprintf("%s of database %s do not tell their text: nobody can say "+
			"whether %q is among them. Needs hands: the setup screen.", plural(d.Unread, "certificate"), d.ID, c.Name), origin)
	}
}

// remove takes one certificate out of a database.
func (b *secureBuild) remove(d rack.SecureBootDatabase, fingerprint, name string, origin diag.Origin) {
	b.step("secure_boot:"+strings.ToLower(d.ID)+":out:"+name, step.Step{Origin: origin,
		Expect: step.Facts{"certificate": fingerprint}, Want: step.Facts{"certificate": ""},
		Why:  fmt.Sprintf("database %s holds certificate %s, which shall not be there; %s", d.ID, name, b.consent()),
		Args: step.Args{Path: d.Certificates, Method: "remove", Component: d.ID, Digest: fingerprint}})
	if strings.EqualFold(d.ID, "PK") {
		b.mode = rack.SetupMode
	}
}

// exclusive wants nothing in a database besides what is named.
func (b *secureBuild) exclusive(spec rack.DatabaseSpec, named []rack.CertificateSpec) {
	if !spec.Exclusive {
		return
	}
	origin := originOr(spec.Origin, b.origin)
	d, ok := b.shown(spec.ID, "Database "+spec.ID+" with what is named alone", origin)
	if !ok {
		return
	}
	have := d.Fingerprints
	if b.isReset(d.ID) {
		have = nil
		if d.Default != nil {
			have = d.Default.Fingerprints
		}
	} else if d.Unread > 0 {
		b.block("secure_boot.unread", "Certificates not readable", fmt.Sprintf("%s of database %s do not tell their text, so nobody can say "+
			"whether they are named. Needs hands: the setup screen.", plural(d.Unread, "certificate"), d.ID), origin)
		return
	}
	for _, f := range have {
		if !slices.ContainsFunc(named, func(c rack.CertificateSpec) bool {
			return strings.EqualFold(c.Database, spec.ID) && string(c.Fingerprint) == f
		}) {
			b.remove(d, f, shortDigest(f), origin)
		}
	}
}

// shortDigest is enough of a fingerprint to tell certificates apart.
func shortDigest(f string) string {
	if _, hex, ok := strings.Cut(f, ":"); ok && len(hex) > 12 {
		return hex[:12]
	}
	return f
}

// setupFirst takes the platform key away where setup mode is wanted, before keys are enrolled that need no signature then.
func (b *secureBuild) setupFirst(spec rack.SecureBootSpec) {
	if spec.Mode != rack.SetupMode || b.sb.Mode == rack.SetupMode || spec.Keys == "none" {
		return
	}
	why := "the platform key is taken away; " + b.consent()
	if b.sb.ResetKeys != "" && (len(b.sb.ResetTypes) == 0 || slices.Contains(b.sb.ResetTypes, keysDeletePK)) {
		b.step("secure_boot:keys", step.Step{Expect: step.Facts{"mode": b.sb.Mode}, Want: step.Facts{"mode": rack.SetupMode}, Origin: b.origin,
			Why: why, Args: step.Args{Path: b.sb.ResetKeys, Method: keysDeletePK}})
		b.mode, b.reset = rack.SetupMode, append(b.reset, "PK")
		return
	}
	d, ok := b.find("PK")
	if !ok || d.ResetKeys == "" || len(d.ResetTypes) > 0 && !slices.Contains(d.ResetTypes, keysDelete) {
		b.block("secure_boot.mode", "Setup mode cannot be reached through this BMC", fmt.Sprintf(
			"The firmware is in %s, and nothing here takes the platform key away. Needs hands: the setup screen.", b.sb.Mode), b.origin)
		return
	}
	b.resetDatabase(d, keysDelete, false, why)
	b.mode = rack.SetupMode
}

// wantMode holds the mode that the steps so far lead to against the one that is wanted. Between the modes that have a platform
// key only a BIOS attribute leads; see bySetup.
func (b *secureBuild) wantMode(spec rack.SecureBootSpec) {
	switch {
	case spec.Mode == "" || spec.Mode == b.mode:
	case spec.Mode == rack.SetupMode:
		b.block("secure_boot.mode", "Setup mode with a platform key", "Setup mode is wanted, and a platform key too, which ends it.", b.origin)
	case b.mode == rack.SetupMode:
		b.block("secure_boot.mode", "Secure Boot mode without a platform key", fmt.Sprintf("%s is wanted, and the firmware is in setup mode. %s",
			spec.Mode, b.waysOut()), b.origin)
	case b.modeByBIOS != "":
		if b.changed("bios") == nil && b.changed("bios:after") == nil && !b.stopped {
			b.hands("secure_boot.mode", "Secure Boot mode is not as the BIOS attribute says", fmt.Sprintf(
				"The firmware is in %s; %s is set for %s already. Restart the host, then plan again. If it stays so: needs hands, the setup screen.",
				b.mode, b.modeByBIOS, spec.Mode), b.origin)
		}
	default:
		b.block("secure_boot.mode", "Secure Boot mode cannot be set through this BMC", fmt.Sprintf("The firmware is in %s and %s is wanted. "+
			"SecureBootMode is read-only (DSP0268), and no BIOS attribute of this host takes it. Needs hands: the setup screen.",
			b.mode, spec.Mode), b.origin)
	}
}
