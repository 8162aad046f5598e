package blueprint

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// bindAttributes are the attributes of bind, in the order in which they are written.
var bindAttributes = list{"url", "pin_sha256", "next_pins", "ca_file", "serial", "mac", "system", "username", "credential", "factory_username", "factory"}

var bindSpec = &blockSpec{labels: 1, freeLabel: true, attrs: attrs(list{"url"}, bindAttributes[1:]...)}

// ParseBindings reads site.bind.hcl: bind "NODE" { url pin_sha256 next_pins ca_file serial mac system username credential
// factory_username factory }.
// What could be
// read is returned, in the order of the text.
func ParseBindings(name string, src []byte) ([]rack.Binding, diag.List) {
	body, diags := parseBody(name, src)
	if body == nil {
		return nil, diags
	}
	p := parser{diags: diags}
	for _, a := range sortedAttributes(body) {
		p.errorf(a.NameRange, "Unexpected attribute", "A file of bindings holds bind blocks only.")
	}
	var out []rack.Binding
	seen := map[string]hcl.Range{}
	for _, b := range body.Blocks {
		if b.Type != "bind" {
			p.errorf(b.TypeRange, "Unknown block", "There is no block %q in a file of bindings. %s", b.Type,
				orKnown(b.Type, list{"bind"}, "Known is "))
			continue
		}
		if !p.labels(b, bindSpec) {
			continue
		}
		p.body(b.Body, bindSpec, "bind")
		if at, twice := seen[b.Labels[0]]; twice {
			p.errorf(b.DefRange(), "Duplicate block", "Node %q is bound at %s already.", b.Labels[0],
				diag.At(at).Short())
			continue
		}
		seen[b.Labels[0]] = b.DefRange()
		vals := map[string]string{}
		for _, a := range sortedAttributes(b.Body) {
			vals[a.Name] = p.bindValue(a.Name, a.Expr)
		}
		if a := b.Body.Attributes["url"]; a != nil {
			p.bindURL(a.Expr.Range(), vals["url"])
		}
		out = append(out, rack.Binding{Node: b.Labels[0], URL: vals["url"], PinSHA256: vals["pin_sha256"],
			NextPins: vals["next_pins"], CAFile: vals["ca_file"],
			Serial: vals["serial"], MAC: vals["mac"], System: vals["system"], Username: vals["username"],
			Credential: rack.SecretRef(vals["credential"]), FactoryUsername: vals["factory_username"],
			Factory: rack.SecretRef(vals["factory"])})
	}
	return out, p.diags
}

func (p *parser) bindValue(name string, expr hcl.Expression) string {
	v, diags := constant(expr)
	p.diags = append(p.diags, diags...)
	if diags.HasErrors() || v.IsNull() || !v.IsKnown() { // not known: a hole in text that did not parse
		return ""
	}
	if name == "credential" || name == "factory" {
		if v.Type() != secretType {
			p.errorf(expr.Range(), "Secret in the text", "%q takes a reference, never the secret: "+
				"secret(\"env:NAME\") or secret(\"file:PATH\").", name)
			return ""
		}
		return string(*v.EncapsulatedValue().(*rack.SecretRef))
	}
	s, ok := plainString(v)
	if !ok {
		p.errorf(expr.Range(), "Wrong type", "%q is a text.", name)
	}
	return s
}

func (p *parser) bindURL(at hcl.Range, s string) {
	if s == "" {
		return // wrong, reported
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		p.errorf(at, "Wrong URL", "The URL of a BMC is \"https://HOST\" or \"https://HOST:PORT\", without user or "+
			"password.")
	}
}

// WriteBindings writes a complete list of bindings over a previous file: blocks of nodes that are still bound keep
// their place
// and comments, others go, new ones come last. The previous text may be empty; text that does not parse is an error.
func WriteBindings(bindings []rack.Binding, previous []byte) ([]byte, error) {
	if diags := guard(BindingsFile, previous); diags.HasErrors() {
		return nil, fmt.Errorf("read previous bindings: %w", diags.Err())
	}
	f, hd := hclwrite.ParseConfig(previous, BindingsFile, hcl.InitialPos)
	if hd.HasErrors() {
		return nil, fmt.Errorf("read previous bindings: %w", diag.FromHCL(hd).Err())
	}
	wanted := map[string]rack.Binding{}
	for _, b := range bindings {
		wanted[b.Node] = b
	}
	done := map[string]bool{}
	for _, blk := range f.Body().Blocks() {
		if blk.Type() != "bind" || len(blk.Labels()) != 1 {
			continue
		}
		node := blk.Labels()[0]
		b, ok := wanted[node]
		if !ok || done[node] {
			f.Body().RemoveBlock(blk)
			continue
		}
		setBinding(blk.Body(), b)
		done[node] = true
	}
	for _, b := range bindings {
		if done[b.Node] {
			continue
		}
		done[b.Node] = true
		if len(strings.TrimSpace(string(f.Bytes()))) > 0 {
			f.Body().AppendNewline()
		}
		setBinding(f.Body().AppendNewBlock("bind", []string{b.Node}).Body(), b)
	}
	return hclwrite.Format(f.Bytes()), nil
}

func setBinding(body *hclwrite.Body, b rack.Binding) {
	vals := map[string]string{"url": b.URL, "pin_sha256": b.PinSHA256, "next_pins": b.NextPins, "ca_file": b.CAFile, "serial": b.Serial,
		"mac":    b.MAC,
		"system": b.System, "username": b.Username, "credential": string(b.Credential),
		"factory_username": b.FactoryUsername, "factory": string(b.Factory)}
	for _, name := range bindAttributes {
		s := vals[name]
		switch {
		case s == "":
			body.RemoveAttribute(name)
		case name == "credential" || name == "factory":
			body.SetAttributeRaw(name, hclwrite.TokensForFunctionCall("secret",
				hclwrite.TokensForValue(cty.StringVal(s))))
		default:
			body.SetAttributeValue(name, cty.StringVal(s))
		}
	}
}

// CheckBindings compares bindings with a Design: a binding of an unknown node is an error, a node without one a
// warning. A switch may be bound, and then its configuration is pushed.
func CheckBindings(d rack.Design, bindings []rack.Binding) diag.List {
	var out diag.List
	bound := map[string]bool{}
	var names []string
	for _, n := range d.Nodes {
		names = append(names, n.Name)
	}
	for _, s := range d.PowerShelves {
		names = append(names, s.Name)
	}
	for _, b := range bindings {
		bound[b.Node] = true
		if _, ok := d.Switch(b.Node); ok {
			continue
		}
		if !contains(names, b.Node) {
			out = append(out, diag.Diagnostic{Severity: diag.Error, Summary: "Binding of an unknown node",
				Detail: fmt.Sprintf("The blueprint has no node %q. %s", b.Node, orKnown(b.Node, names, "It has "))})
		}
	}
	for _, n := range d.Nodes {
		if !bound[n.Name] {
			out = append(out, diag.Diagnostic{Severity: diag.Warning, Summary: "Node is not bound",
				Address: string(n.Address), Subject: n.Origin,
				Detail: fmt.Sprintf("No binding says where the BMC of %q is: metalwright bind.", n.Name)})
		}
	}
	for _, s := range d.PowerShelves {
		if !bound[s.Name] {
			out = append(out, diag.Diagnostic{Severity: diag.Warning, Summary: "Power shelf is not bound",
				Address: string(s.Address), Subject: s.Origin,
				Detail: fmt.Sprintf("No binding says where the controller of %q is: metalwright bind. What hangs on it is not switched on "+
					"before it has been seen.", s.Name)})
		}
	}
	return out
}
