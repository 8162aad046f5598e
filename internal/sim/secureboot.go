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
		return secureStyle{mode: userMode, databases: append(slices.Clone(four), "PKDefault", "dbDefault"), resets: usual, silent: true}
	case dialectSupermicro:
		return secureStyle{mode: setupMode, databases: []string{}, resets: usual, info: true}
	case dialectXCC:
		return secureStyle{mode: userMode, resets: usual, info: true}
	case dialectAMI:
		return secureStyle{mode: userMode, databases: append(slices.Clone(four), "PKDefault", "dbDefault"), resets: usual, info: true}
	default:
		return secureStyle{mode: setupMode, databases: append(slices.Clone(four), "PKDefault", "dbDefault"), atOnce: true}
	}
}

// secureBoot is the state of UEFI Secure Boot.
type secureBoot struct {
	style   secureStyle
	mode    string
	enable  bool                // from the next boot on
	current bool                // how the host was started
	keys    map[string][]string // database → certificates, PEM
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
	s.keys["dbx"] = nil
}

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
			s.keys = map[string][]string{}
		case "DeletePK":
			s.keys["PK"] = nil
		}
		s.judge()
	})
	b.led.KeysReset++
	return b.done()
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
	add(b, m, uri, &route{get: func(*call) obj {
		return obj{"@odata.type": "#SecureBootDatabase.v1_0_1.SecureBootDatabase", "Id": db, "Name": db + " database", "DatabaseId": db,
			"Certificates": ref(certs)}
	}})
	add(b, m, certs, &route{post: func(c *call) *answer { return b.enrol(c, db) }, get: func(*call) obj {
		var ids []string
		for i := range list() {
			ids = append(ids, fmt.Sprintf("%s/%d", certs, i+1))
		}
		return collection("CertificateCollection.CertificateCollection", "Certificate Collection", ids)
	}})
	add(b, m, certs+"/*", &route{get: func(c *call) obj {
		for i, text := range list() {
			if fmt.Sprint(i+1) == c.vars[0] {
				return obj{"@odata.type": "#Certificate.v1_5_0.Certificate", "Id": c.vars[0], "Name": "Certificate", "CertificateType": "PEM",
					"CertificateString": text}
			}
		}
		return nil
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
