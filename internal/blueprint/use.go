package blueprint

import (
	"path"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/metalwright/metalwright/internal/rack"
)

// load parses the blueprints that use blocks name, before anything is evaluated. Their names must be constants.
func (m *module) load() {
	for _, name := range sortedKeys(m.bp.byKind["use"]) {
		b := m.bp.byKind["use"][name]
		if child := m.loadOne(b); child != nil {
			m.children[name] = child
			child.load()
		}
	}
}

func (m *module) loadOne(b *block) *module {
	ref, ok := m.constantText(b, "blueprint")
	if !ok {
		return nil
	}
	version, _ := m.constantText(b, "version")
	at := b.syn.Body.Attributes["blueprint"].Expr.Range()
	if m.depth+1 > maxUseDepth {
		m.r.errorf(at, "Blueprints nested too deeply", "Blueprints may use each other %d deep.", maxUseDepth)
		return nil
	}
	src, dir, id, ok := m.sourceOf(b, ref, version)
	if !ok {
		return nil
	}
	for up := m; up != nil; up = up.parent {
		if up.ref == id {
			m.r.errorf(at, "Blueprint uses itself", "%q is being instantiated already: %s would never end.", ref, b)
			return nil
		}
	}
	bp, diags := parseAt(dir, src, false)
	m.r.diags = append(m.r.diags, diags...)
	if m.r.opt.OnSource != nil {
		for _, f := range sortedKeys(bp.sources) {
			m.r.opt.OnSource(f, bp.sources[f])
		}
	}
	child := m.r.module(bp, m, b, m.prefix+"use."+b.name+".")
	child.dir, child.ref = dir, id
	for _, a := range sortedAttributes(b.syn.Body) {
		if a.Name != "blueprint" && a.Name != "version" && bp.variables[a.Name] == nil {
			m.r.errorf(a.NameRange, "Unknown variable", "The blueprint %q has no variable %q. %s", ref, a.Name,
				orKnown(a.Name, sortedKeys(bp.variables), "It has "))
		}
	}
	return child
}

// sourceOf finds the text of a blueprint: a path below or beside this one, or a name of the catalog.
func (m *module) sourceOf(b *block, ref, version string) (src Source, dir, id string, ok bool) {
	at := b.syn.Body.Attributes["blueprint"].Expr.Range()
	switch {
	case strings.Contains(ref, "://"):
		m.r.errorf(at, "Blueprint from a registry", "This version uses blueprints by path (\"./pod\") or catalog "+
			"name; %q is a reference "+
			"to a registry. Copy the blueprint beside this one.", ref)
		return nil, "", "", false
	case strings.HasPrefix(ref, "./") || strings.HasPrefix(ref, "../") || ref == "." || ref == "..":
		if strings.HasPrefix(m.ref, "catalog:") {
			m.r.errorf(at, "Path in a catalog blueprint", "A blueprint of the catalog can use others by catalog "+
				"name only.")
			return nil, "", "", false
		}
		return m.sourceByPath(b, ref, version)
	}
	files, known := m.r.opt.Catalog.Blueprints[ref]
	if !known {
		m.r.errorf(at, "Unknown blueprint", "The catalog has no blueprint %q. %s A path starts with \"./\" or "+
			"\"../\".", ref,
			orKnown(ref, sortedKeys(m.r.opt.Catalog.Blueprints), "It has "))
		return nil, "", "", false
	}
	m.r.lockUse("blueprint "+ref, filesDigest(files), at)
	m.r.prov[m.prefix+"use."+b.name+".blueprint"] = rack.Provenance{Path: m.prefix + "use." + b.name + ".blueprint",
		Source: "catalog",
		Detail: "blueprint " + ref, Digest: filesDigest(files),
		Origin: provenanceOf(b.syn.Body.Attributes["blueprint"].Expr, at).Origin}
	return files, "catalog/" + ref, "catalog:" + ref, true
}

func (m *module) sourceByPath(b *block, ref, version string) (Source, string, string, bool) {
	at := b.syn.Body.Attributes["blueprint"].Expr.Range()
	dir := path.Join(m.dir, ref)
	if dir == "." {
		m.r.errorf(at, "Blueprint uses itself", "%q is this very blueprint: %s would never end.", ref, b)
		return nil, "", "", false
	}
	if m.r.opt.Uses == nil {
		m.r.errorf(at, "Blueprint cannot be read", "Blueprints by path are not available here; %q cannot be read.", ref)
		return nil, "", "", false
	}
	src, err := m.r.opt.Uses(UseRef{Path: dir, Version: version, From: m.prefix + b.String()})
	if err != nil {
		m.r.errorf(at, "Blueprint cannot be read", "The blueprint %q cannot be read: %s.", ref, err)
		return nil, "", "", false
	}
	return src, dir, "path:" + dir, true
}

// constantText reads an attribute that is needed before references are resolved.
func (m *module) constantText(b *block, name string) (string, bool) {
	a := b.syn.Body.Attributes[name]
	if a == nil {
		return "", false
	}
	v, diags := constant(a.Expr)
	m.r.diags = append(m.r.diags, diags...)
	if diags.HasErrors() {
		return "", false
	}
	s, ok := plainString(v)
	if !ok || v.Type() != cty.String || s == "" {
		m.r.errorf(a.Expr.Range(), "Wrong type", "%q is a constant text.", name)
		return "", false
	}
	return s, true
}

// filesDigest identifies the files of a catalog blueprint.
func filesDigest(files Source) rack.Digest { return rack.DigestOf(files) }
