// Package blueprint turns HCL text into a rack.Design: parse, resolve references, expand, check.
//
// Evaluation is pure: it reads the text of the blueprint, the lock and the catalog, which are all arguments; the same
// input
// gives the same Design bytes. Diagnostics are collected, never first-only, and no input makes it panic.
package blueprint

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/diag"
)

// The names of the files of a blueprint's directory.
const (
	Suffix       = ".mw.hcl"
	TestSuffix   = ".mwtest.hcl"
	LockFile     = "metalwright.lock.hcl"
	BindingsFile = "site.bind.hcl"
)

// Catalog is what the roots hw, fw, policies, images and recipes, and blueprints that are used by name, come from.
type Catalog = catalog.Catalog

// Source is the text of the files of one directory, by base name.
type Source = map[string][]byte

// Blueprint is a parsed directory. It is read only after Parse and may be resolved many times.
type Blueprint struct {
	sources   Source
	blocks    []*block // in the order of file names, then of the text
	variables map[string]*variable
	locals    map[string]*hclsyntax.Attribute
	byKind    map[string]map[string]*block // kind → name
	meta      *block                       // the blueprint block, or nil
	broken    bool                         // some text did not parse, so that values may be missing
	declared  bool                         // written by Compose: what is not known of a node may be left out
}

// Sources gives the text by file name, for snippets.
func (b *Blueprint) Sources() map[string][]byte { return b.sources }

// A block is one top-level block but locals.
type block struct {
	kind, name string
	syn        *hclsyntax.Block
	spec       *blockSpec
}

func (b *block) String() string {
	if b.name == "" {
		return b.kind
	}
	return b.kind + "." + b.name
}

// Options are what Resolve needs besides the text. The zero value resolves a blueprint without variables or a catalog.
type Options struct {
	// Variables sets variables by name. A string is read as on a command line: as it is for a variable of type string,
	// else
	// as an HCL expression. bool, int, int64, float64, json.Number, []any and map[string]any are values.
	Variables map[string]any
	// VariableFiles are files of "name = value" lines, by name; a later name wins, and Variables wins over all.
	VariableFiles map[string][]byte
	Catalog       Catalog
	// Now decides whether a waiver has expired. With the zero value nothing expires.
	Now time.Time
	// Lock, when given, must agree with the catalog.
	Lock *Lock
	// Version of metalwright, held against blueprint.requires; empty = not held.
	Version string
	// Uses loads the files of a blueprint named by path. Without it only blueprints of the catalog can be used.
	Uses func(UseRef) (map[string][]byte, error)
	// OnSource, when given, is told the text of every file of a used blueprint, for snippets.
	OnSource func(name string, text []byte)
}

// UseRef names the blueprint that a use block wants.
type UseRef struct {
	Path    string // relative to the root blueprint's directory, cleaned: "pods/a", "../shared"
	Version string // constraint, may be empty
	From    string // address of the use block
}

// Limits. They bound work and memory on any input; real blueprints stay far below.
const (
	maxFileBytes      = 1 << 20
	maxFiles          = 256
	maxNesting        = 64      // brackets; the HCL parser and evaluator recurse
	maxSegment        = 2000    // tokens of one expression at one level; operators recurse to the left
	maxInstances      = 20_000  // of all blocks together
	maxIterations     = 500_000 // of all for expressions together: about two seconds of work
	maxValueElements  = 200_000
	maxStringBytes    = 1 << 20
	maxUseDepth       = 8
	maxReferenceDepth = 300 // references that wait for each other
)

// Parse reads the .mw.hcl files of one directory; other names are ignored. The Blueprint is never nil: with errors it
// holds
// what could be read, and resolving it may report more.
func Parse(src map[string][]byte) (*Blueprint, diag.List) { return parseAt("", src, false) }

// ParseDeclared reads what Compose wrote: a node need not say what hardware it is and where it stands.
func ParseDeclared(src map[string][]byte) (*Blueprint, diag.List) { return parseAt("", src, true) }

// parseAt is Parse for a directory whose file names are shown below dir.
func parseAt(dir string, src map[string][]byte, declared bool) (*Blueprint, diag.List) {
	p := parser{bp: &Blueprint{declared: declared, sources: Source{}, variables: map[string]*variable{},
		locals: map[string]*hclsyntax.Attribute{},
		byKind: map[string]map[string]*block{}}}
	var names []string
	for name := range src {
		if strings.HasSuffix(name, Suffix) && !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		p.errorf(hcl.Range{}, "No blueprint", "There is no file *%s here.", Suffix)
	}
	if len(names) > maxFiles {
		p.errorf(hcl.Range{}, "Too many files", "A blueprint has at most %d files, this one %d.", maxFiles, len(names))
		names = names[:maxFiles]
	}
	for _, name := range names {
		shown := name
		if dir != "" {
			shown = path.Join(dir, name)
		}
		p.bp.sources[shown] = src[name]
		if body := p.file(shown, src[name]); body != nil {
			p.topLevel(body)
		}
	}
	return p.bp, p.diags
}

type parser struct {
	bp    *Blueprint
	diags diag.List
}

// needs tells whether something that its spec requires has to be there.
func (p *parser) needs(what, name string) bool {
	return p.bp == nil || !p.bp.declared || !slices.Contains(mayLack[what], name)
}

// mayLack is what a declared element may leave out: it is not known, and the checks that need it are not made.
var mayLack = map[string][]string{"node": {"hardware", "at"}, "rack": {"model"}}

func (p *parser) errorf(r hcl.Range, summary, format string, args ...any) {
	p.diags = append(p.diags, errorAt(r, summary, format, args...))
}

func errorAt(r hcl.Range, summary, format string, args ...any) diag.Diagnostic {
	return diag.Diagnostic{Severity: diag.Error, Summary: summary, Detail: fmt.Sprintf(format, args...),
		Subject: diag.At(r)}
}

func (p *parser) file(name string, src []byte) *hclsyntax.Body {
	body, diags := parseBody(name, src)
	p.diags = append(p.diags, diags...)
	p.bp.broken = p.bp.broken || diags.HasErrors()
	return body
}

// parseBody parses one HCL file within the limits, and prepares its for expressions to be counted. A nil body means
// that
// nothing could be read.
func parseBody(name string, src []byte) (*hclsyntax.Body, diag.List) {
	if diags := guard(name, src); diags.HasErrors() {
		return nil, diags
	}
	f, hd := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	diags := diag.FromHCL(hd)
	if f == nil {
		return nil, diags
	}
	body, ok := f.Body.(*hclsyntax.Body)
	if !ok {
		return nil, diags
	}
	countIterations(body)
	return body, diags
}

// topLevel files the blocks of one body and checks their structure.
func (p *parser) topLevel(body *hclsyntax.Body) {
	for _, a := range sortedAttributes(body) {
		p.errorf(a.NameRange, "Unexpected attribute", "A blueprint file holds blocks only; %q stands outside of "+
			"any.%s", a.Name,
			suggestBlock(a.Name))
	}
	for _, b := range body.Blocks {
		spec, ok := topBlocks[b.Type]
		if !ok {
			p.errorf(b.TypeRange, "Unknown block", "There is no block %q. %s", b.Type,
				orKnown(b.Type, sortedKeys(topBlocks), "The blocks are "))
			continue
		}
		if !p.labels(b, spec) {
			continue
		}
		p.body(b.Body, spec, b.Type)
		p.enter(b, spec)
	}
}

func suggestBlock(name string) string { return diag.DidYouMean(name, sortedKeys(topBlocks)) }

func (p *parser) labels(b *hclsyntax.Block, spec *blockSpec) bool {
	if len(b.Labels) != spec.labels {
		want := "no label"
		if spec.labels == 1 {
			want = fmt.Sprintf("one label, its name: %s \"NAME\"", b.Type)
		}
		p.errorf(b.DefRange(), "Wrong labels", "A %s block has %s.", b.Type, want)
		return false
	}
	if spec.labels == 1 && !spec.freeLabel && !hclsyntax.ValidIdentifier(b.Labels[0]) {
		p.errorf(b.LabelRanges[0], "Invalid name", "%q cannot be referred to: a name starts with a letter and has "+
			"letters, digits, "+
			"underscores and dashes.", b.Labels[0])
		return false
	}
	return true
}

// body checks names and presence of attributes and blocks, recursively. Values are not looked at.
func (p *parser) body(b *hclsyntax.Body, spec *blockSpec, what string) {
	known := spec.names()
	for _, a := range sortedAttributes(b) {
		if _, ok := spec.attrs[a.Name]; ok || spec.open {
			continue
		}
		if sub, ok := spec.blocks[a.Name]; ok && sub.object {
			continue
		}
		if spec.meta && slices.Contains(metaAttributes, a.Name) {
			continue
		}
		if _, ok := spec.blocks[a.Name]; ok {
			p.errorf(a.NameRange, "Block written as attribute", "%q is a block: write %s { … }.", a.Name, a.Name)
			continue
		}
		p.errorf(a.NameRange, "Unknown attribute", "%q is not an attribute of %s. %s", a.Name, what,
			orKnown(a.Name, known, "Known here are "))
	}
	seen := map[string]bool{}
	for _, x := range b.Blocks {
		sub, ok := spec.blocks[x.Type]
		switch {
		case !ok && spec.openBlocks:
			continue
		case !ok:
			if _, isAttr := spec.attrs[x.Type]; isAttr {
				p.errorf(x.TypeRange, "Attribute written as block", "%q is an attribute: write %s = ….", x.Type, x.Type)
				continue
			}
			p.errorf(x.TypeRange, "Unknown block", "%q is not a block of %s. %s", x.Type, what, orKnown(x.Type, known,
				"Known here are "))
			continue
		case seen[x.Type] && !sub.repeat:
			p.errorf(x.DefRange(), "Duplicate block", "%s has one block %q only.", what, x.Type)
		}
		if _, twice := b.Attributes[x.Type]; twice && !seen[x.Type] {
			p.errorf(x.DefRange(), "Duplicate block", "%q is given as an attribute and as a block.", x.Type)
		}
		seen[x.Type] = true
		if p.labels(x, sub) {
			p.body(x.Body, sub, what+" "+x.Type)
		}
	}
	for _, name := range sortedKeys(spec.attrs) {
		if _, ok := b.Attributes[name]; spec.attrs[name] && !ok && p.needs(what, name) {
			p.errorf(b.MissingItemRange(), "Missing attribute", "%s needs %q.", what, name)
		}
	}
	for _, name := range sortedKeys(spec.blocks) {
		if _, ok := b.Attributes[name]; spec.blocks[name].required && !ok && !seen[name] && p.needs(what, name) {
			p.errorf(b.MissingItemRange(), "Missing block", "%s needs %s { … }.", what, name)
		}
	}
}

// enter files a block under its name; a name that is taken is an error.
func (p *parser) enter(b *hclsyntax.Block, spec *blockSpec) {
	if b.Type == "locals" {
		for _, a := range sortedAttributes(b.Body) {
			if old, taken := p.bp.locals[a.Name]; taken {
				p.errorf(a.NameRange, "Duplicate local value", "local.%s is set at %s already.", a.Name,
					diag.At(old.NameRange).Short())
				continue
			}
			p.bp.locals[a.Name] = a
		}
		return
	}
	x := &block{kind: b.Type, syn: b, spec: spec}
	if spec.labels == 1 {
		x.name = b.Labels[0]
	}
	kind := p.bp.byKind[b.Type]
	if kind == nil {
		kind = map[string]*block{}
		p.bp.byKind[b.Type] = kind
	}
	if old, taken := kind[x.name]; taken {
		p.errorf(b.DefRange(), "Duplicate block", "%s is declared at %s already.", x,
			diag.At(old.syn.DefRange()).Short())
		return
	}
	kind[x.name] = x
	p.bp.blocks = append(p.bp.blocks, x)
	switch b.Type {
	case "blueprint":
		p.bp.meta = x
	case "variable":
		p.bp.variables[x.name] = p.variable(x)
	}
}

// sentence ends a text with a full stop unless it ends already.
func sentence(format string, args ...any) string {
	s := fmt.Sprintf(format, args...)
	if strings.HasSuffix(s, "?") || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// orKnown is a "did you mean", or the list of known names when none is near.
func orKnown(given string, known []string, lead string) string {
	if s := diag.DidYouMean(given, known); s != "" {
		return s[1:]
	}
	if len(known) == 0 {
		return "There are none."
	}
	const most = 30
	if len(known) > most {
		return fmt.Sprintf("%s%s and %d more.", lead, strings.Join(known[:most], ", "), len(known)-most)
	}
	return lead + strings.Join(known, ", ") + "."
}
