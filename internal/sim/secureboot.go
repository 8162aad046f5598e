package sim

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The modes of the firmware (DSP0268, SecureBoot): without a platform key it is in setup mode.
const (
	setupMode = "SetupMode"
	userMode  = "UserMode"
)

// secureStyle is how a dialect does Secure Boot (recorded trees).
type secureStyle struct {
	mode      string   // of a new board
	databases []string // nil = none are shown
	resets    []string // ResetKeysType; nil = no such action
	info      bool     // they are told by an ActionInfo
	silent    bool     // the action does not tell its values
	atOnce    bool     // keys are real at once, not at the next boot
}

func secureStyleOf(d *dialect) secureStyle {
	four := []string{"PK", "KEK", "db", "dbx"}
	usual := []string{"ResetAllKeysToDefault", "DeleteAllKeys", "DeletePK"}
	switch d.name {
	case dialectIDRAC:
		return secureStyle{mode: "DeployedMode", databases: four, resets: append(slices.Clone(usual), "ResetPK", "ResetKEK", "ResetDB", "ResetDBX"), atOnce: true}
	case dialectILO:
		return secureStyle{mode: userMode, databases: append(slices.Clone(four), "PKDefault", "KEKDefault", "dbDefault", "dbxDefault"), resets: usual, silent: true}
	case dialectSupermicro:
		return secureStyle{mode: setupMode, databases: []string{}, resets: usual, info: true}
	case dialectXCC:
		return secureStyle{mode: userMode, resets: usual, info: true}
	case dialectAMI:
		return secureStyle{mode: userMode, databases: append(slices.Clone(four), "PKDefault", "KEKDefault", "dbDefault", "dbxDefault"), resets: usual, info: true}
	default:
		return secureStyle{mode: setupMode, databases: append(slices.Clone(four), "PKDefault", "KEKDefault", "dbDefault", "dbxDefault"), atOnce: true}
	}
}

// secureBoot is the state of UEFI Secure Boot.
type secureBoot struct {
	style   secureStyle
	mode    string
	enable  bool                // from the next boot on
	current bool                // how the host was started
	keys    map[string][]string // database → certificates, PEM
	revoked int                 // hashes in dbx
	pend    []func()            // what the next boot makes real
}

func newSecureBoot(b *BMC) secureBoot {
	s := secureBoot{style: secureStyleOf(b.dia), keys: map[string][]string{}}
	s.mode = s.style.mode
	if s.mode != setupMode {
		s.vendorKeys()
	}
	return s
}

func (s *secureBoot) vendorKeys() {
	for _, db := range []string{"PK", "KEK", "db"} {
		s.keys[db] = []string{vendorCertificate()}
	}
	s.keys["dbx"], s.revoked = nil, vendorRevoked
}

// vendorRevoked is how many hashes a vendor's dbx holds here; recorded ones hold some two dozen.
const vendorRevoked = 3

// vendorCertificate is what a board's maker enrols: the same on every board and in every run.
var vendorCertificate = sync.OnceValue(func() string {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Simulated vendor key"},
		NotBefore: time.Unix(1_700_000_000, 0), NotAfter: time.Unix(2_500_000_000, 0)}
	der, err := x509.CreateCertificate(nil, t, t, key.Public(), key)
	if err != nil {
		panic("metalwright: internal error: simulated certificate: " + err.Error() + ". This is a bug in Metalwright.")
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
})

// apply is what a boot makes of it.
func (s *secureBoot) apply() {
	for _, do := range s.pend {
		do()
	}
	s.pend = nil
	s.enable = s.enable && s.mode != setupMode
	s.current = s.enable
}

// modeByAttribute: the setup of a Dell leads from one mode with a platform key to the other; else it shows the mode that is.
func (b *BMC) modeByAttribute() {
	want, has := b.bios.cur["SecureBootMode"]
	if !has || b.secure.mode == setupMode {
		return
	}
	if b.bios.modeAsked {
		b.secure.mode, b.bios.modeAsked = want.(string), false
		return
	}
	b.bios.cur["SecureBootMode"] = b.secure.mode
}

// later does something at once or at the next boot, as the dialect does.
func (s *secureBoot) later(do func()) {
	if s.style.atOnce {
		do()
		return
	}
	s.pend = append(s.pend, do)
}

func secureBootRoutes(b *BMC, m map[string]*route) {
	uri, st := b.dia.sys()+"/SecureBoot", b.secure.style
	add(b, m, uri, &route{patch: b.patchSecureBoot, get: func(*call) obj {
		s := &b.secure
		o := obj{"@odata.type": b.dia.typ("SecureBoot"), "Id": "SecureBoot", "Name": "UEFI Secure Boot", "SecureBootEnable": s.enable,
			"SecureBootCurrentBoot": map[bool]string{true: "Enabled", false: "Disabled"}[s.current], "SecureBootMode": s.mode}
		if st.databases != nil {
			o["SecureBootDatabases"] = ref(uri + "/SecureBootDatabases")
		}
		if st.resets != nil {
			a := obj{"target": uri + "/Actions/SecureBoot.ResetKeys"}
			switch {
			case st.info:
				a["@Redfish.ActionInfo"] = uri + "/ResetKeysActionInfo"
			case !st.silent:
				a["ResetKeysType@Redfish.AllowableValues"] = texts2list(st.resets)
			}
			o["Actions"] = obj{"#SecureBoot.ResetKeys": a}
		}
		return o
	}})
	if st.resets != nil {
		add(b, m, uri+"/Actions/SecureBoot.ResetKeys", &route{post: b.resetKeys})
	}
	if st.info {
		add(b, m, uri+"/ResetKeysActionInfo", &route{get: func(*call) obj {
			return obj{"@odata.type": b.dia.typ("ActionInfo"), "Id": "ResetKeysActionInfo", "Name": "ResetKeysActionInfo", "Parameters": []any{
				obj{"Name": "ResetKeysType", "Required": true, "DataType": "String", "AllowableValues": texts2list(st.resets)}}}
		}})
	}
	if st.databases == nil {
		return
	}
	var ids []string
	for _, db := range st.databases {
		ids = append(ids, uri+"/SecureBootDatabases/"+db)
		b.databaseRoutes(m, uri+"/SecureBootDatabases/"+db, db)
	}
	add(b, m, uri+"/SecureBootDatabases", &route{get: func(*call) obj {
		return collection("SecureBootDatabaseCollection.SecureBootDatabaseCollection", "UEFI SecureBoot Database Collection", ids)
	}})
}

func (b *BMC) patchSecureBoot(c *call) *answer {
	s := &b.secure
	want, isBool := c.body["SecureBootEnable"].(bool)
	switch {
	case c.body["SecureBootEnable"] == nil:
		return b.fail(http.StatusBadRequest, b.msg("PropertyUnknown", "Id"))
	case !isBool:
		return b.fail(http.StatusBadRequest, b.msg("PropertyValueTypeError", show(c.body["SecureBootEnable"]), "SecureBootEnable"))
	case want && s.mode == setupMode && len(s.pend) == 0:
		return b.fail(http.StatusBadRequest, b.msg("PropertyValueConflict", "SecureBootEnable", "SecureBootMode"))
	}
	if a := b.faults.refuseWrite(c); a != nil {
		return a
	}
	b.changed()
	s.enable = want
	return b.done()
}

func (b *BMC) resetKeys(c *call) *answer {
	s := &b.secure
	kind, _ := c.body["ResetKeysType"].(string)
	if !slices.Contains(s.style.resets, kind) {
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterValueConflict", "ResetKeysType", kind))
	}
	b.changed()
	s.later(func() {
		switch kind {
		case "ResetAllKeysToDefault":
			s.vendorKeys()
		case "DeleteAllKeys":
			s.keys, s.revoked = map[string][]string{}, 0
		case "DeletePK":
			s.keys["PK"] = nil
		default: // ResetPK, ResetKEK, ResetDB, ResetDBX
			for _, db := range []string{"PK", "KEK", "db", "dbx"} {
				if strings.EqualFold("Reset"+db, kind) {
					s.resetDatabase(db, "ResetAllKeysToDefault")
				}
			}
		}
		s.judge()
	})
	b.led.KeysReset++
	return b.done()
}

// resetDatabase is what SecureBootDatabase.ResetKeys does to one database.
func (s *secureBoot) resetDatabase(db, kind string) {
	s.keys[db] = nil
	toDefault := kind == "ResetAllKeysToDefault"
	switch {
	case db == "dbx" && toDefault:
		s.revoked = vendorRevoked
	case db == "dbx":
		s.revoked = 0
	case toDefault:
		s.keys[db] = []string{vendorCertificate()}
	}
}

// judge gives the mode that follows from the platform key.
func (s *secureBoot) judge() {
	switch {
	case len(s.keys["PK"]) == 0:
		s.mode = setupMode
	case s.mode == setupMode:
		s.mode = userMode
	}
}

func (b *BMC) databaseRoutes(m map[string]*route, uri, db string) {
	certs := uri + "/Certificates"
	list := func() []string {
		if name, isDefault := strings.CutSuffix(db, "Default"); isDefault && name != "dbx" {
			return []string{vendorCertificate()}
		}
		return b.secure.keys[db]
	}
	isDefault := strings.HasSuffix(db, "Default")
	kinds := []string{"ResetAllKeysToDefault", "DeleteAllKeys"} // recorded on all that show databases
	reset := uri + "/Actions/SecureBootDatabase.ResetKeys"
	add(b, m, uri, &route{get: func(*call) obj {
		o := obj{"@odata.type": "#SecureBootDatabase.v1_0_1.SecureBootDatabase", "Id": db, "Name": db + " database", "DatabaseId": db,
			"Certificates": ref(certs), "Signatures": ref(uri + "/Signatures")}
		if !isDefault {
			o["Actions"] = obj{"#SecureBootDatabase.ResetKeys": obj{"target": reset, "ResetKeysType@Redfish.AllowableValues": texts2list(kinds)}}
		}
		return o
	}})
	b.signatureRoutes(m, uri+"/Signatures", db)
	if !isDefault {
		add(b, m, reset, &route{post: func(c *call) *answer {
			kind, _ := c.body["ResetKeysType"].(string)
			if !slices.Contains(kinds, kind) {
				return b.fail(http.StatusBadRequest, b.msg("ActionParameterValueConflict", "ResetKeysType", kind))
			}
			b.changed()
			b.secure.later(func() {
				b.secure.resetDatabase(db, kind)
				b.secure.judge()
			})
			b.led.KeysReset++
			return b.done()
		}})
	}
	add(b, m, certs, &route{post: func(c *call) *answer { return b.enrol(c, db) }, get: func(*call) obj {
		var ids []string
		for i := range list() {
			ids = append(ids, fmt.Sprintf("%s/%d", certs, i+1))
		}
		return collection("CertificateCollection.CertificateCollection", "Certificate Collection", ids)
	}})
	add(b, m, certs+"/*", &route{del: func(c *call) *answer { return b.withdraw(c, db) }, get: func(c *call) obj {
		for i, text := range list() {
			if fmt.Sprint(i+1) == c.vars[0] {
				return obj{"@odata.type": "#Certificate.v1_5_0.Certificate", "Id": c.vars[0], "Name": "Certificate", "CertificateType": "PEM",
					"CertificateString": text}
			}
		}
		return nil
	}})
}

// signatureRoutes show the hashes of a database.
func (b *BMC) signatureRoutes(m map[string]*route, uri, db string) {
	count := func() int {
		return map[string]int{"dbx": b.secure.revoked, "dbxDefault": vendorRevoked}[db]
	}
	add(b, m, uri, &route{get: func(*call) obj {
		var ids []string
		for i := range count() {
			ids = append(ids, fmt.Sprintf("%s/%d", uri, i+1))
		}
		return collection("SignatureCollection.SignatureCollection", "Signature Collection", ids)
	}})
	add(b, m, uri+"/*", &route{get: func(c *call) obj {
		n, _ := strconv.Atoi(c.vars[0])
		if n < 1 || n > count() {
			return nil
		}
		sum := sha256.Sum256([]byte{byte(n)})
		return obj{"@odata.type": "#Signature.v1_0_2.Signature", "Id": c.vars[0], "Name": db + " Signature", "SignatureTypeRegistry": "UEFI",
			"SignatureType": "EFI_CERT_SHA256_GUID", "SignatureString": strings.ToUpper(hex.EncodeToString(sum[:]))}
	}})
}

// enrol adds a certificate to a database.
func (b *BMC) enrol(c *call, db string) *answer {
	s := &b.secure
	text, _ := c.body["CertificateString"].(string)
	block, _ := pem.Decode([]byte(text))
	if strings.HasSuffix(db, "Default") || block == nil || c.body["CertificateType"] != "PEM" {
		return b.fail(http.StatusBadRequest, b.msg("PropertyValueConflict", "CertificateString", "CertificateType"))
	}
	if a := b.faults.refuseWrite(c); a != nil {
		return a
	}
	b.changed()
	s.later(func() {
		s.keys[db] = append(s.keys[db], text)
		s.judge()
	})
	b.led.CertificatesEnrolled++
	return b.done()
}

// withdraw takes a certificate out of a database.
func (b *BMC) withdraw(c *call, db string) *answer {
	s := &b.secure
	n, _ := strconv.Atoi(c.vars[0])
	switch {
	case strings.HasSuffix(db, "Default"):
		return b.fail(http.StatusMethodNotAllowed, b.msg("OperationNotAllowed"))
	case n < 1 || n > len(s.keys[db]):
		return b.fail(http.StatusNotFound, b.msg("ResourceMissingAtURI", c.path))
	}
	text := s.keys[db][n-1]
	b.changed()
	s.later(func() {
		s.keys[db] = slices.DeleteFunc(slices.Clone(s.keys[db]), func(t string) bool { return t == text })
		s.judge()
	})
	b.led.CertificatesRemoved++
	return b.done()
}

// SecureTruth is Secure Boot as it is.
type SecureTruth struct {
	Mode    string              `json:"mode"`
	Running bool                `json:"running"`        // the host was started with it
	Keys    map[string][]string `json:"keys,omitempty"` // database → SHA-256 of its certificates
}

func (s *secureBoot) truth() SecureTruth {
	t := SecureTruth{Mode: s.mode, Running: s.current, Keys: map[string][]string{}}
	for db, list := range s.keys {
		for _, text := range list {
			if block, _ := pem.Decode([]byte(text)); block != nil {
				sum := sha256.Sum256(block.Bytes)
				t.Keys[db] = append(t.Keys[db], "sha256:"+hex.EncodeToString(sum[:]))
			}
		}
	}
	return t
}
