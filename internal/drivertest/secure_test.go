package drivertest_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/drivertest"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/step"
)

func secureCases(host rack.System, b *sim.BMC) []drivertest.Case {
	var out []drivertest.Case
	sb := host.SecureBoot
	at := step.Args{System: host.Path, Resource: sb.Path}
	if sb.Mode == rack.SetupMode && sb.ResetKeys != "" {
		keys := at
		keys.Path, keys.Method = sb.ResetKeys, "ResetAllKeysToDefault"
		out = append(out, drivertest.Case{Name: "secure boot keys", Reset: step.HostReset,
			Step: step.Step{Kind: step.SecureBoot, Args: keys, Expect: step.Facts{"mode": rack.SetupMode}, Want: step.Facts{"mode": rack.UserMode}},
			Real: func() bool { return b.Truth().SecureBoot.Mode == rack.UserMode }})
	}
	if sb.Mode != rack.SetupMode {
		on := at
		on.Path, on.Method = sb.Path, "enable"
		out = append(out, drivertest.Case{Name: "secure boot", Reset: step.HostReset,
			Step: step.Step{Kind: step.SecureBoot, Args: on, Expect: step.Facts{"enabled": false}, Want: step.Facts{"enabled": true}},
			Real: func() bool { return b.Truth().SecureBoot.Running }})
	}
	for _, db := range sb.Databases {
		if db.ID == "KEK" && len(db.Fingerprints) > 0 {
			out = append(out, removeCase(at, db, b))
		}
		if db.ID == "dbx" && db.ResetKeys != "" { // the vendor's: it is empty, and so is what a new board has
			continue
		}
		if db.ID != "db" {
			continue
		}
		if sb.Mode == rack.SetupMode && db.ResetKeys != "" {
			out = append(out, databaseCase(at, db, b))
		}
		_, digest := siteKey()
		enrol := at
		enrol.Path, enrol.Method, enrol.Component, enrol.File, enrol.Digest = db.Certificates, "enrol", db.ID, "site.pem", digest
		out = append(out, drivertest.Case{Name: "secure boot certificate", Reset: step.HostReset,
			Step: step.Step{Kind: step.SecureBoot, Args: enrol, Expect: step.Facts{}, Want: step.Facts{"certificate": digest}},
			Real: func() bool { return slices.Contains(b.Truth().SecureBoot.Keys["db"], digest) }})
	}
	return out
}

// removeCase takes one certificate out of a database.
func removeCase(at step.Args, db rack.SecureBootDatabase, b *sim.BMC) drivertest.Case {
	at.Path, at.Method, at.Component, at.Digest = db.Certificates, "remove", db.ID, db.Fingerprints[0]
	return drivertest.Case{Name: "secure boot certificate out", Reset: step.HostReset,
		Step: step.Step{Kind: step.SecureBoot, Args: at, Expect: step.Facts{"certificate": at.Digest}, Want: step.Facts{"certificate": ""}},
		Real: func() bool { return len(b.Truth().SecureBoot.Keys[db.ID]) == 0 }}
}

// databaseCase brings one database back to what the firmware has for it.
func databaseCase(at step.Args, db rack.SecureBootDatabase, b *sim.BMC) drivertest.Case {
	at.Path, at.Method, at.Component, at.Targets = db.ResetKeys, "ResetAllKeysToDefault", db.ID, []string{db.Certificates, db.Hashes}
	var want []any
	for _, f := range db.Default.Fingerprints {
		want = append(want, f)
	}
	return drivertest.Case{Name: "secure boot database", Reset: step.HostReset,
		Step: step.Step{Kind: step.SecureBoot, Args: at, Expect: step.Facts{"certificates": []any{}, "signatures": int64(0)},
			Want: step.Facts{"certificates": want, "gone": []any{}, "signatures": int64(0)}},
		Real: func() bool { return slices.Contains(b.Truth().SecureBoot.Keys[db.ID], db.Default.Fingerprints[0]) }}
}

// TestSecureBoot: keys, a certificate of the site and the switch, in this order and with one reset; what a BMC lacks is said.
func TestSecureBoot(t *testing.T) {
	yes := true
	_, digest := siteKey()
	each(t, func(t *testing.T, name string) {
		h := newHost(t, name, func(_ *rack.Design, n *rack.Node) {
			n.SecureBoot = &rack.SecureBootSpec{Enable: &yes, Keys: "default", Certificates: []rack.CertificateSpec{
				{Name: "site", Database: "db", File: "site.pem", Fingerprint: rack.Digest(digest)}}}
		})
		switch name {
		case "supermicro", "xcc": // no databases
			p := h.plan()
			if len(p.Report.Blocked) != 1 || p.Report.Blocked[0].Rule != "secure_boot.database" || !p.Empty() {
				t.Errorf("%+v", p.Report.Blocked)
			}
			h.node().SecureBoot.Certificates = nil
		}
		p := h.bring()
		tr := h.bmc().Truth().SecureBoot
		if !tr.Running || tr.Mode == rack.SetupMode {
			t.Errorf("%+v", tr)
		}
		if l := h.bmc().Ledger(); h.resets() != 1 || l.CertificatesEnrolled > 1 || l.KeysReset > map[bool]int{true: 4, false: 1}[name == "openbmc"] {
			t.Errorf("%d resets, %d certificates, %d key resets\n%s", h.resets(), l.CertificatesEnrolled, l.KeysReset, stepsText(p))
		}
		if err := h.bmc().Poke(sim.Poke{SecureMode: rack.SetupMode}); err != nil {
			t.Fatal(err)
		}
		if again := h.plan(); again.Empty() && again.Report.Clean() {
			t.Error("nobody noticed that the keys are gone")
		}
	})
}

// TestWrongCertificate: a file that is not the certificate that was agreed on is refused before anything is sent.
func TestWrongCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, "idrac", func(_ *rack.Design, n *rack.Node) {
			n.SecureBoot = &rack.SecureBootSpec{Certificates: []rack.CertificateSpec{
				{Name: "site", Database: "db", File: "site.pem", Fingerprint: rack.Digest("sha256:" + strings.Repeat("0", 64))}}}
		})
		d := h.driver()
		defer closing(t, d)
		s := h.clean().Nodes[0].Steps[0]
		before := h.bmc().Ledger().Writes
		err := d.Act(t.Context(), s, func(step.Op) error { return nil })
		if step.ClassOf(err) != step.Trust || h.bmc().Ledger().Writes != before {
			t.Errorf("%v (class %s), %d writes", err, step.ClassOf(err), h.bmc().Ledger().Writes-before)
		}
	})
}

// consented is Secure Boot with somebody who agrees to losing keys.
func consented(sb rack.SecureBootSpec) func(*rack.Design, *rack.Node) {
	return func(_ *rack.Design, n *rack.Node) {
		sb.Owner, sb.Reason = "ops", "re-delivered"
		n.SecureBoot = &sb
	}
}

// TestSecureBootDrift: a certificate that is gone, one that nobody named, and one that shall not be there are found by their
// fingerprints, and one reset puts all of it right.
func TestSecureBootDrift(t *testing.T) {
	_, site := siteKey()
	for _, name := range []string{"idrac", "ilo", "ami"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHost(t, name, consented(rack.SecureBootSpec{
					Certificates: []rack.CertificateSpec{{Name: "site", Database: "db", File: "site.pem", Fingerprint: rack.Digest(site)}},
					Databases:    []rack.DatabaseSpec{{ID: "db", Exclusive: true}}}))
				vendor := h.bmc().Truth().SecureBoot.Keys["db"]
				h.bring()
				if got := h.bmc().Truth().SecureBoot.Keys["db"]; !slices.Equal(got, []string{site}) || h.resets() != 1 {
					t.Errorf("db holds %v after %d resets", got, h.resets())
				}
				if err := h.bmc().Poke(sim.Poke{SecureMode: rack.UserMode}); err != nil { // somebody brought the vendor's back
					t.Fatal(err)
				}
				p := h.clean()
				if len(p.Nodes[0].Steps) != 3 { // in, out, reset
					t.Errorf("%s", stepsText(p))
				}
				h.bring()
				h.node().SecureBoot = &rack.SecureBootSpec{Owner: "ops", Reason: "revoked", Certificates: []rack.CertificateSpec{
					{Name: "site", Database: "db", Fingerprint: rack.Digest(site), Absent: true}}}
				h.bring()
				if got := h.bmc().Truth().SecureBoot.Keys["db"]; len(got) != 0 {
					t.Errorf("db still holds %v", got)
				}
				h.node().SecureBoot = &rack.SecureBootSpec{Certificates: []rack.CertificateSpec{
					{Name: "vendor", Database: "db", Fingerprint: rack.Digest(vendor[0])}}} // compared alone: there is no file
				if p := h.plan(); !p.Empty() || len(p.Report.Waiting) != 1 || p.Report.Waiting[0].Rule != "secure_boot.file" {
					t.Errorf("%+v", p.Report)
				}
				h.node().SecureBoot = &rack.SecureBootSpec{Owner: "ops", Reason: "back", Databases: []rack.DatabaseSpec{{ID: "db", Keys: "default"}}}
				if name == "idrac" { // it does not show what its firmware brings along
					if p := h.plan(); len(p.Report.Blocked) == 0 && p.Empty() {
						t.Errorf("%+v", p.Report)
					}
					return
				}
				h.bring()
				if got := h.bmc().Truth().SecureBoot.Keys["db"]; !slices.Equal(got, vendor) {
					t.Errorf("db holds %v", got)
				}
			})
		})
	}
}

// TestSecureBootModes: setup mode is reached by taking the platform key, the others by what this platform has for it; what it has
// not is said before anything is touched.
func TestSecureBootModes(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		h := newHost(t, name, consented(rack.SecureBootSpec{Mode: rack.SetupMode}))
		if was := h.bmc().Truth().SecureBoot.Mode; was != rack.SetupMode {
			h.bring()
			if got := h.bmc().Truth().SecureBoot.Mode; got != rack.SetupMode || h.resets() != 1 {
				t.Errorf("%s after %d resets", got, h.resets())
			}
		} else if p := h.clean(); !p.Empty() {
			t.Error(stepsText(p))
		}
		h.node().SecureBoot.Mode = rack.UserMode // without a platform key
		p := h.plan()
		if len(p.Report.Blocked) != 1 || p.Report.Blocked[0].Rule != "secure_boot.mode" || !strings.Contains(p.Report.Blocked[0].Detail, `keys = "default"`) {
			t.Errorf("%+v", p.Report.Blocked)
		}
		h.node().SecureBoot.Keys = "default"
		h.bring()
		if got := h.bmc().Truth().SecureBoot.Mode; got != rack.UserMode {
			t.Errorf("with the vendor's keys it is in %s", got)
		}
		h.node().SecureBoot = &rack.SecureBootSpec{Mode: rack.DeployedMode}
		if name != "idrac" {
			if p := h.plan(); !p.Empty() || len(p.Report.Blocked) != 1 || !strings.Contains(p.Report.Blocked[0].Detail, "Needs hands") {
				t.Errorf("%+v", p.Report)
			}
			return
		}
		h.bring()
		if got := h.bmc().Truth().SecureBoot.Mode; got != rack.DeployedMode {
			t.Errorf("by its BIOS attribute it is in %s", got)
		}
	})
}
