package blueprint

import (
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// bootSpec is the boot setup of a host.
var bootSpec = &blockSpec{object: true, attrs: attrs(nil, "mode", "order", "http_uri"), blocks: nested{
	"secure_boot": {object: true, attrs: attrs(nil, "enable", "mode", "keys", "owner", "reason"), blocks: nested{
		"certificate": {labels: 1, freeLabel: true, repeat: true, attrs: attrs(list{"database", "fingerprint"}, "file", "enrolled")},
		"database":    {labels: 1, freeLabel: true, repeat: true, attrs: attrs(nil, "keys", "exclusive")}}},
}}

// keyDatabases are those that a certificate can be enrolled in (UEFI specification §32).
var keyDatabases = list{"PK", "KEK", "db", "dbx"}

// modeWords maps what a blueprint says to SecureBootMode.
var modeWords = map[string]string{"setup": rack.SetupMode, "user": rack.UserMode, "audit": rack.AuditMode, "deployed": rack.DeployedMode}

func (rd *reader) secureBoot() *rack.SecureBootSpec {
	e := &rack.SecureBootSpec{Keys: rd.word("keys", "keys", "", "default", "none"), Owner: rd.text("owner"),
		Mode: modeWords[rd.word("mode", "mode", "", "setup", "user", "audit", "deployed")], Reason: rd.text("reason"), Origin: diag.At(rd.rng)}
	if on, ok := rd.boolean("enable", "enable"); ok {
		e.Enable = &on
	}
	on := e.Enable != nil && *e.Enable
	if e.Keys == "none" && on {
		rd.errorf(rd.at("keys"), "Secure Boot without keys", "Secure Boot cannot be on while no key is enrolled.")
	}
	if (e.Mode == rack.SetupMode || e.Mode == rack.AuditMode) && on {
		rd.errorf(rd.at("mode"), "Secure Boot without keys", "Secure Boot cannot be on in this mode: no platform key is enrolled in it.")
	}
	if e.Keys == "none" && (e.Mode == rack.UserMode || e.Mode == rack.DeployedMode) {
		rd.errorf(rd.at("mode"), "Secure Boot without keys", "The firmware is in this mode only while a platform key is enrolled, "+
			"and keys = \"none\" takes it away.")
	}
	certificates := rd.each("certificate", "certificates")
	for _, name := range sortedKeys(certificates) {
		if c, ok := certificates[name].certificate(name); ok {
			e.Certificates = append(e.Certificates, c)
		}
	}
	databases := rd.each("database", "databases")
	for _, id := range sortedKeys(databases) {
		d := databases[id]
		spec := rack.DatabaseSpec{ID: id, Keys: d.word("keys", "keys", "", "default", "none"), Origin: diag.At(d.rng)}
		if x, ok := d.boolean("exclusive", "exclusive"); ok {
			spec.Exclusive = x
		}
		switch {
		case !slices.Contains(keyDatabases, id):
			d.errorf(d.rng, "Unknown key database", "There is no key database %q. %s", id, orKnown(id, keyDatabases, "It may be "))
		case spec.Keys != "" && spec.Exclusive:
			d.errorf(d.at("exclusive"), "Two wishes for one database", "What keys = %q gives is not named here, and exclusive = true wants "+
				"only what is. Take one of them out.", spec.Keys)
		default:
			e.Databases = append(e.Databases, spec)
		}
	}
	rd.secureConsent(e)
	return e
}

// secureConsent wants an owner and a reason of whoever takes keys away that others may have enrolled.
func (rd *reader) secureConsent(e *rack.SecureBootSpec) {
	if strings.TrimSpace(e.Owner) != "" && strings.TrimSpace(e.Reason) != "" {
		return
	}
	const summary = "Consent without owner"
	switch {
	case e.Keys == "none":
		rd.errorf(rd.at("keys"), summary, "Taking all Secure Boot keys away needs an owner and a reason.")
	case e.Mode == rack.SetupMode || e.Mode == rack.AuditMode:
		rd.errorf(rd.at("mode"), summary, "Taking the platform key away needs an owner and a reason.")
	case slices.ContainsFunc(e.Certificates, func(c rack.CertificateSpec) bool { return c.Absent }):
		rd.errorf(rd.rng, summary, "Taking a certificate out of a key database needs an owner and a reason.")
	case slices.ContainsFunc(e.Databases, func(d rack.DatabaseSpec) bool { return d.Keys != "" || d.Exclusive }):
		rd.errorf(rd.rng, summary, "Replacing what a key database holds needs an owner and a reason.")
	}
}

// certificate is one certificate of a key database.
func (rd *reader) certificate(name string) (rack.CertificateSpec, bool) {
	spec := rack.CertificateSpec{Name: name, Database: rd.word("database", "database", "", keyDatabases...), File: rd.text("file"),
		Fingerprint: rack.Digest(strings.ToLower(strings.ReplaceAll(rd.text("fingerprint"), ":", ""))), Origin: diag.At(rd.rng)}
	if in, ok := rd.boolean("enrolled", "enrolled"); ok {
		spec.Absent = !in
	}
	hex := strings.TrimPrefix(string(spec.Fingerprint), "sha256")
	if len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		rd.errorf(rd.at("fingerprint"), "Wrong digest", "A fingerprint is the SHA-256 of the certificate, as openssl x509 "+
			"-fingerprint -sha256 prints it: 64 hexadecimal digits, with or without colons.")
		return spec, false
	}
	spec.Fingerprint = rack.Digest("sha256:" + hex)
	if strings.ContainsAny(spec.File, `/\`) {
		rd.errorf(rd.at("file"), "Wrong file", "A certificate is a bare file name in keys/ of the blueprint's folder, not %q.", spec.File)
		return spec, false
	}
	if spec.Absent && spec.File != "" {
		rd.errorf(rd.at("file"), "File without use", "A certificate that shall not be there needs no file.")
		return spec, false
	}
	return spec, true
}
