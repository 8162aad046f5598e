package inventory

import (
	"context"
	"crypto/sha256"
	hexadecimal "encoding/hex"
	"encoding/pem"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// readSecureBoot reads the state of Secure Boot and which certificates its databases hold. The firmware's defaults
// (dbDefault …) are not read: they are what a reset brings back.
func (r *reader) readSecureBoot(ctx context.Context, s *system) {
	if !r.wants(rack.FacetSecureBoot) {
		return
	}
	res := r.get(ctx, s.res.Obj.Link("SecureBoot"))
	if res == nil {
		return
	}
	o := res.Obj
	sb := &rack.SecureBoot{Path: res.URI, CurrentBoot: text(o, "SecureBootCurrentBoot"), Mode: text(o, "SecureBootMode")}
	sb.Enabled, _ = o.Bool("SecureBootEnable")
	if a, ok := findAction(o, "SecureBoot.ResetKeys"); ok {
		sb.ResetKeys = a.target
		sb.ResetTypes = r.parameter(ctx, a.obj, "ResetKeysType")
	}
	for _, db := range r.take(ctx, o.Link("SecureBootDatabases")) {
		id := first(text(db.Obj, "DatabaseId"), idOf(db))
		if strings.HasSuffix(strings.ToLower(id), "default") {
			continue
		}
		d := rack.SecureBootDatabase{ID: id, Certificates: db.Obj.Link("Certificates")}
		for _, c := range r.take(ctx, d.Certificates) {
			if f := Fingerprint(c.Obj); f != "" {
				d.Fingerprints = append(d.Fingerprints, f)
			} else {
				d.Unread++
			}
		}
		slices.Sort(d.Fingerprints)
		sb.Databases = append(sb.Databases, d)
	}
	s.out.SecureBoot = sb
}

// parameter gives the allowable values of an action's parameter: inline, or by its ActionInfo.
func (r *reader) parameter(ctx context.Context, action redfish.Object, name string) []string {
	if l := action.Strs(name + "@Redfish.AllowableValues"); len(l) > 0 {
		return l
	}
	info := action.Str("@Redfish.ActionInfo")
	if info == "" {
		return nil
	}
	res := r.get(ctx, info)
	if res == nil {
		return nil
	}
	for _, p := range res.Obj.Objs("Parameters") {
		if p.Str("Name") == name {
			return p.Strs("AllowableValues")
		}
	}
	return nil
}

// Fingerprint gives the SHA-256 of a Redfish Certificate, as "sha256:" and digits: what it says itself where it says so in
// SHA-256, else that of its PEM text; "" where it tells neither.
func Fingerprint(o redfish.Object) string {
	if b, _ := pem.Decode([]byte(o.Str("CertificateString"))); b != nil {
		sum := sha256.Sum256(b.Bytes)
		return "sha256:" + hexadecimal.EncodeToString(sum[:])
	}
	f := strings.ToLower(strings.ReplaceAll(o.Str("Fingerprint"), ":", ""))
	if _, err := hexadecimal.DecodeString(f); err == nil && len(f) == sha256.Size*2 {
		return "sha256:" + f
	}
	return ""
}
