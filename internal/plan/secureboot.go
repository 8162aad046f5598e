package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// The values of SecureBoot.ResetKeys (DSP0268) that this version uses.
const (
	keysToDefault = "ResetAllKeysToDefault"
	keysDelete    = "DeleteAllKeys"
)

// planSecureBoot compares the state of Secure Boot: first the keys, then single certificates, then the switch, since it can be
// on only where a platform key is enrolled.
func (n *nodeBuild) planSecureBoot() {
	spec := n.node.SecureBoot
	if spec == nil {
		return
	}
	origin := originOr(spec.Origin, n.node.Origin)
	if n.sys.SecureBoot == nil {
		if gaps := n.gapsNamed("secureboot"); len(gaps) > 0 {
			n.unreadable("secure_boot.read", "Secure Boot not readable", "Its state was not seen."+because(gaps), origin)
			return
		}
		n.block("secure_boot.none", "Secure Boot unsupported on this BMC", "This host has no Secure Boot that its BMC can show.", origin)
		return
	}
	b := secureBuild{nodeBuild: n, sb: *n.sys.SecureBoot, origin: origin, mode: n.sys.SecureBoot.Mode}
	b.setupFirst(*spec)
	b.keys(*spec)
	for _, d := range spec.Databases {
		b.database(d)
	}
	for _, c := range spec.Certificates {
		if c.Absent {
			b.withdraw(c)
		} else {
			b.certificate(c)
		}
	}
	for _, d := range spec.Databases {
		b.exclusive(d, spec.Certificates)
	}
	b.wantMode(*spec)
	if spec.Enable != nil {
		b.enable(*spec.Enable)
	}
}

// secureBuild is Secure Boot of one host.
type secureBuild struct {
	*nodeBuild
	sb     rack.SecureBoot
	origin diag.Origin
	mode   string   // as it will be when the steps so far are real
	before []string // keys of the steps so far
	reset  []string // ids of databases that a step so far brings back to what the firmware has, or empties
}

// step adds one step, behind those so far.
func (b *secureBuild) step(key string, s step.Step) {
	s.Kind, s.EstimatedS, s.Activation = step.SecureBoot, settingsS, step.HostReset
	s.Args.Resource = b.sb.Path
	b.add(&change{key: key, step: s, after: slices.Clone(b.before)})
	b.before = append(b.before, key)
}

// keys wants the vendor's keys, or none.
func (b *secureBuild) keys(spec rack.SecureBootSpec) {
	kind, want := "", ""
	switch spec.Keys {
	case "default":
		kind, want = keysToDefault, rack.UserMode
	case "none":
		kind, want = keysDelete, rack.SetupMode
	default:
		return
	}
	if (b.sb.Mode == rack.SetupMode) == (want == rack.SetupMode) {
		return
	}
	why := "no platform key is enrolled: the vendor's keys are brought back"
	if spec.Keys == "none" {
		why = fmt.Sprintf("all keys are taken away, agreed by %s: %s", spec.Owner, spec.Reason)
	}
	if b.sb.ResetKeys == "" || len(b.sb.ResetTypes) > 0 && !slices.Contains(b.sb.ResetTypes, kind) {
		b.keysByDatabase(kind, want, why)
		return
	}
	b.step("secure_boot:keys", step.Step{Expect: step.Facts{"mode": b.sb.Mode}, Want: step.Facts{"mode": want}, Origin: b.origin, Why: why,
		Args: step.Args{Path: b.sb.ResetKeys, Method: kind}})
	b.mode = want
	for _, d := range b.sb.Databases {
		b.reset = append(b.reset, d.ID)
	}
}

func orNothing(list []string) string {
	if len(list) == 0 {
		return "no such action"
	}
	return strings.Join(list, ", ")
}

// certificate wants one certificate in a database.
func (b *secureBuild) certificate(c rack.CertificateSpec) {
	origin := originOr(c.Origin, b.origin)
	i := slices.IndexFunc(b.sb.Databases, func(d rack.SecureBootDatabase) bool { return strings.EqualFold(d.ID, c.Database) })
	switch {
	case i < 0 && len(b.gapsNamed("securebootdatabases")) > 0:
		b.unreadable("secure_boot.read", "Key databases not readable",
			"Database "+c.Database+" was not seen."+because(b.gapsNamed("securebootdatabases")), origin)
		return
	case i < 0 || b.sb.Databases[i].Certificates == "":
		b.block("secure_boot.database", "Key database unsupported on this BMC", fmt.Sprintf(
			"Certificate %q is for database %s, which this BMC does not let be written. Needs hands: the setup screen.", c.Name, c.Database), origin)
		return
	}
	db := b.sb.Databases[i]
	if slices.Contains(db.Fingerprints, string(c.Fingerprint)) && (!b.isReset(db.ID) || b.comesBack(db, string(c.Fingerprint))) {
		return
	}
	if c.File == "" {
		b.hands("secure_boot.file", "Certificate is missing, and no file is named", fmt.Sprintf(
			"Database %s does not hold certificate %q (%s). Name its file, or enrol it in the setup screen. Needs hands.", db.ID, c.Name,
			c.Fingerprint), origin)
		return
	}
	if db.Unread > 0 {
		b.warn("secure_boot.unread", "Certificates not readable", fmt.Sprintf(
			"%s of database %s do not tell their text; %q may be among them, and is enrolled.", plural(db.Unread, "certificate"), db.ID, c.Name), origin)
	}
	b.step("secure_boot:"+strings.ToLower(c.Database)+":"+c.Name, step.Step{Origin: origin,
		Expect: step.Facts{}, Want: step.Facts{"certificate": string(c.Fingerprint)},
		Why:  fmt.Sprintf("database %s does not hold certificate %q", db.ID, c.Name),
		Args: step.Args{Path: db.Certificates, Method: "enrol", Component: db.ID, File: c.File, Digest: string(c.Fingerprint)}})
	if strings.EqualFold(c.Database, "PK") {
		b.mode = rack.UserMode
	}
}

// enable wants Secure Boot on or off.
func (b *secureBuild) enable(want bool) {
	running := strings.EqualFold(b.sb.CurrentBoot, "Enabled")
	if b.sb.Enabled == want && (running == want || b.sb.CurrentBoot == "") {
		return
	}
	if want && (b.mode == rack.SetupMode || b.mode == rack.AuditMode) {
		b.block("secure_boot.setup", "Secure Boot without a platform key", "The firmware is in setup mode: no platform key is enrolled, "+
			"so Secure Boot cannot be on. "+b.waysOut(), b.origin)
		return
	}
	b.step(string(step.SecureBoot), step.Step{Expect: step.Facts{"enabled": running}, Want: step.Facts{"enabled": want}, Origin: b.origin,
		Why: "the host was started with Secure Boot " + onOff(running), Args: step.Args{Path: b.sb.Path, Method: "enable"}})
}
