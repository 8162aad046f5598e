package blueprint

import (
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// nicsSpec is the adapters of a host.
var nicsSpec = &blockSpec{blocks: nested{
	"port": {labels: 1, freeLabel: true, repeat: true, attrs: attrs(nil, "adapter", "port", "link", "sr_iov", "boot", "attributes")},
	"dpu":  object(list{"mode"}),
}}

// words maps what a blueprint says to what Redfish says.
var (
	linkWords = map[string]string{"ethernet": "Ethernet", "infiniband": "InfiniBand"}
	bootWords = map[string]string{"none": "Disabled", "pxe": "PXE", "http": "HTTP"}
	dpuWords  = map[string]string{"dpu": "DpuMode", "nic": "NicMode"}
)

func (rd *reader) nics() []rack.NICSpec {
	var out []rack.NICSpec
	ports := rd.each("port", "nics")
	for _, name := range sortedKeys(ports) {
		p := ports[name]
		e := rack.NICSpec{Name: name, Attributes: map[string]string{}, Origin: diag.At(p.rng), Adapter: p.text("adapter"),
			Link: linkWords[p.word("link", "link", "", "ethernet", "infiniband")],
			Boot: bootWords[p.word("boot", "boot", "", "none", "pxe", "http")]}
		e.Port, _ = p.str("port", "port")
		if on, ok := p.boolean("sr_iov", "sr_iov"); ok {
			e.SRIOV = &on
		}
		if e.Port != "" && e.Adapter == "" {
			p.errorf(p.at("port"), "Missing attribute", "%q counts the ports of an adapter: it needs \"adapter\".", "port")
		}
		if a, ok := p.attr["attributes"]; ok {
			items, _ := p.objectItems(a.expr, "attributes")
			for _, it := range items {
				one := &reader{s: p.s, in: p.in, spec: &blockSpec{}, path: p.path + ".attributes", rng: it.keyRange,
					attr: map[string]attribute{it.key: {it.expr, it.keyRange, hcl.RangeBetween(it.keyRange, it.expr.Range())}}}
				if s, ok := one.str(it.key, it.key); ok {
					e.Attributes[it.key] = s
				}
			}
		}
		out = append(out, e)
	}
	return out
}

func (rd *reader) dpu() *rack.DPUSpec {
	d := rd.sub("dpu", "dpu")
	if d == nil {
		return nil
	}
	mode := dpuWords[d.word("mode", "mode", "", "dpu", "nic")]
	if mode == "" {
		return nil
	}
	return &rack.DPUSpec{Mode: mode, Origin: diag.At(d.rng)}
}

// bootSpec is the boot setup of a host.
var bootSpec = &blockSpec{object: true, attrs: attrs(nil, "mode", "order", "http_uri"), blocks: nested{
	"secure_boot": {object: true, attrs: attrs(nil, "enable", "keys", "owner", "reason"), blocks: nested{
		"certificate": {labels: 1, freeLabel: true, repeat: true, attrs: attrs(list{"database", "file", "fingerprint"})}}},
}}

// keyDatabases are those that a certificate can be enrolled in (UEFI specification §32).
var keyDatabases = list{"PK", "KEK", "db", "dbx"}

func (rd *reader) secureBoot() *rack.SecureBootSpec {
	e := &rack.SecureBootSpec{Keys: rd.word("keys", "keys", "", "default", "none"), Owner: rd.text("owner"),
		Reason: rd.text("reason"), Origin: diag.At(rd.rng)}
	if on, ok := rd.boolean("enable", "enable"); ok {
		e.Enable = &on
	}
	if e.Keys == "none" && (strings.TrimSpace(e.Owner) == "" || strings.TrimSpace(e.Reason) == "") {
		rd.errorf(rd.at("keys"), "Consent without owner", "Taking all Secure Boot keys away needs an owner and a reason.")
	}
	if e.Keys == "none" && e.Enable != nil && *e.Enable {
		rd.errorf(rd.at("keys"), "Secure Boot without keys", "Secure Boot cannot be on while no key is enrolled.")
	}
	certificates := rd.each("certificate", "certificates")
	for _, name := range sortedKeys(certificates) {
		c := certificates[name]
		spec := rack.CertificateSpec{Name: name, Database: c.word("database", "database", "", keyDatabases...), File: c.text("file"),
			Fingerprint: rack.Digest(strings.ToLower(strings.ReplaceAll(c.text("fingerprint"), ":", ""))), Origin: diag.At(c.rng)}
		hex := strings.TrimPrefix(string(spec.Fingerprint), "sha256")
		if len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
			c.errorf(c.at("fingerprint"), "Wrong digest", "A fingerprint is the SHA-256 of the certificate, as openssl x509 "+
				"-fingerprint -sha256 prints it: 64 hexadecimal digits, with or without colons.")
			continue
		}
		spec.Fingerprint = rack.Digest("sha256:" + hex)
		if strings.ContainsAny(spec.File, `/\`) || spec.File == "" {
			c.errorf(c.at("file"), "Wrong file", "A certificate is a bare file name in keys/ of the blueprint's folder, not %q.", spec.File)
			continue
		}
		e.Certificates = append(e.Certificates, spec)
	}
	return e
}
