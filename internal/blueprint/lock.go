package blueprint

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// lockFormat is the version of the lock file.
const lockFormat = 1

// lockKinds are the things of the catalog that a lock pins.
var lockKinds = list{"baseline", "bios_intent", "bios_profile", "blueprint", "hardware", "image", "policy", "recipe"}

// Lock pins what a blueprint takes from the catalog: metalwright.lock.hcl.
type Lock struct {
	entries map[string]lockEntry // "policy au.strategic"
	file    string
}

type lockEntry struct {
	digest rack.Digest
	at     hcl.Range
}

// ParseLock reads a lock file. The Lock is never nil.
func ParseLock(name string, src []byte) (*Lock, diag.List) {
	l := &Lock{entries: map[string]lockEntry{}, file: name}
	body, diags := parseBody(name, src)
	if body == nil {
		return l, diags
	}
	p := parser{diags: diags}
	for _, a := range sortedAttributes(body) {
		v, ds := constant(a.Expr)
		p.diags = append(p.diags, ds...)
		if a.Name != "format" {
			p.errorf(a.NameRange, "Unknown attribute", "%q is not known in a lock file.%s", a.Name,
				diag.DidYouMean(a.Name, []string{"format"}))
		} else if !ds.HasErrors() && (v.Type() != cty.Number || v.IsNull() ||
			!v.RawEquals(cty.NumberIntVal(lockFormat))) {
			p.errorf(a.Expr.Range(), "Unknown format", "This version reads lock files of format %d.", lockFormat)
		}
	}
	for _, b := range body.Blocks {
		if !contains(lockKinds, b.Type) {
			p.errorf(b.TypeRange, "Unknown block", "There is no block %q in a lock file. %s", b.Type, orKnown(b.Type,
				lockKinds, "Known are "))
			continue
		}
		if len(b.Labels) != 1 {
			p.errorf(b.DefRange(), "Wrong labels", "A %s block has one label: the key in the catalog.", b.Type)
			continue
		}
		p.body(b.Body, &blockSpec{attrs: attrs(list{"digest"})}, b.Type)
		key := b.Type + " " + b.Labels[0]
		if _, twice := l.entries[key]; twice {
			p.errorf(b.DefRange(), "Duplicate block", "%s stands in the lock file twice.", key)
		}
		a := b.Body.Attributes["digest"]
		if a == nil {
			continue
		}
		v, ds := constant(a.Expr)
		p.diags = append(p.diags, ds...)
		s, ok := plainString(v)
		if !ds.HasErrors() && (!ok || !strings.HasPrefix(s, "sha256:") || len(s) != len("sha256:")+64) {
			p.errorf(a.Expr.Range(), "Wrong digest", "A digest is \"sha256:\" and 64 hexadecimal digits.")
		}
		l.entries[key] = lockEntry{rack.Digest(s), b.DefRange()}
	}
	return l, p.diags
}

func contains(l []string, s string) bool { return indexOf(l, s) >= 0 }

// verifyLock compares what is used with the lock: another digest is an error, what is not locked a warning.
func (r *resolver) verifyLock() {
	for _, what := range sortedKeys(r.lockUses) {
		r.design.Provenance = append(r.design.Provenance, rack.Provenance{Path: "lock." + what, Source: "catalog",
			Detail: what,
			Digest: r.lockUses[what]})
	}
	sortElements(r.design.Provenance, func(p rack.Provenance) rack.Address { return rack.Address(p.Path) })
	if r.opt.Lock == nil {
		return
	}
	for _, what := range sortedKeys(r.lockUses) {
		e, ok := r.opt.Lock.entries[what]
		have := r.lockUses[what]
		switch {
		case !ok:
			r.warnf(r.lockAt[what], "Not locked", "%s is not in %s, so a newer catalog could change it unseen. Add it: %s { digest = %q }.",
				what, r.opt.Lock.file, lockHeader(what), have)
		case e.digest != have:
			d := errorAt(r.lockAt[what], "Catalog does not match the lock",
				"%s has the digest %s; %s:%d pins %s. Go back to the catalog that "+
					"was locked, or accept the new one by its digest %q.", what, have.Short(), r.opt.Lock.file,
				e.at.Start.Line, e.digest.Short(), have)
			d.Rule = "lock.digest"
			r.diags = append(r.diags, d)
		}
	}
}

// lockHeader is how the entry of a thing begins: policy "au.strategic".
func lockHeader(what string) string {
	kind, key, _ := strings.Cut(what, " ")
	return fmt.Sprintf("%s %q", kind, key)
}

// WriteLock writes the lock file for a Design that Resolve made: every thing of the catalog that it uses, with its
// digest.
func WriteLock(d rack.Design) []byte {
	f := hclwrite.NewEmptyFile()
	f.Body().SetAttributeValue("format", cty.NumberIntVal(lockFormat))
	for _, p := range d.Provenance {
		what, ok := strings.CutPrefix(p.Path, "lock.")
		if !ok {
			continue
		}
		kind, key, _ := strings.Cut(what, " ")
		f.Body().AppendNewline()
		b := f.Body().AppendNewBlock(kind, []string{key})
		b.Body().SetAttributeValue("digest", cty.StringVal(string(p.Digest)))
	}
	return append(fmt.Appendf(nil, "# What this blueprint takes from the catalog. Written by Metalwright; commit it "+
		"with the blueprint.\n"),
		f.Bytes()...)
}
