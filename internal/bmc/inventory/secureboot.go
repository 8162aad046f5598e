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

// readSecureBoot reads the state of Secure Boot, which certificates its databases hold, and what a reset would bring back
// (dbDefault …).
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
	defaults := map[string]*rack.KeySet{}
	for _, db := range r.take(ctx, o.Link("SecureBootDatabases")) {
		id := first(text(db.Obj, "DatabaseId"), idOf(db))
		set, paths := r.keySet(ctx, db.Obj)
		if name, isDefault := strings.CutSuffix(strings.ToLower(id), "default"); isDefault {
			defaults[name] = &set
			continue
		}
		d := rack.SecureBootDatabase{ID: id, Certificates: db.Obj.Link("Certificates"), Hashes: db.Obj.Link("Signatures"), Paths: paths, KeySet: set}
		if a, ok := findAction(db.Obj, "SecureBootDatabase.ResetKeys"); ok {
			d.ResetKeys = a.target
			d.ResetTypes = r.parameter(ctx, a.obj, "ResetKeysType")
		}
		sb.Databases = append(sb.Databases, d)
	}
	for i := range sb.Databases {
		sb.Databases[i].Default = defaults[strings.ToLower(sb.Databases[i].ID)]
	}
	s.out.SecureBoot = sb
}

// keySet reads what one database holds: certificates by their fingerprints, hashes by their number.
func (r *reader) keySet(ctx context.Context, db redfish.Object) (set rack.KeySet, paths map[string]string) {
	for _, c := range r.take(ctx, db.Link("Certificates")) {
		f := Fingerprint(c.Obj)
		if f == "" {
			set.Unread++
			continue
		}
		set.Fingerprints = append(set.Fingerprints, f)
		if paths == nil {
			paths = map[string]string{}
		}
		paths[f] = c.URI
	}
	slices.Sort(set.Fingerprints)
	if list := r.get(ctx, db.Link("Signatures")); list != nil {
		set.Signatures = len(list.Obj.List("Members"))
		if n, ok := list.Obj.Int("Members@odata.count"); ok {
			set.Signatures = int(n)
		}
	}
	return set, paths
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
