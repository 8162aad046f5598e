package blueprint

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/metalwright/metalwright/internal/rack"
)

// Declared is what is wanted of nodes that nobody wrote as a blueprint: the inventory and the resources of a Terraform
// configuration. Compose writes it as one, so that every rule of the language judges it too.
type Declared struct {
	Name  string // of the blueprint
	Site  DeclaredSite
	Nodes []DeclaredNode
}

// DeclaredSite is the building, with the law and the policy that bind it.
type DeclaredSite struct {
	Name, Region, Jurisdiction, Country string
	Policy                              string              // key of the catalog: au.strategic
	Endpoints                           map[string][]string // the closed list, by role
}

// DeclaredNode is one node. What is empty is not known, or left alone.
type DeclaredNode struct {
	Name       string
	Hardware   string // key of the catalog: server.dell_r750
	Rack       string
	PositionU  int
	Username   string
	Credential rack.SecretRef
	Baseline   string // key of the catalog: dell_r750@2026.11
	// Body is what a node block holds beyond that, as in the language: a block is a map, a block with a label a map by
	// label. {"$secret": REF} stands for secret("REF").
	Body map[string]any
}

// Lines tells which leaf of Declared stands at a line of a composed file. A leaf of a node is NODE/PATH, one of the site
// is site/PATH.
type Lines map[string]map[int]string

// Leaf finds what stands at a line, or the nearest thing above it.
func (l Lines) Leaf(file string, line int) string {
	for at := line; at > 0; at-- {
		if leaf, ok := l[file][at]; ok {
			return leaf
		}
	}
	return ""
}

// Compose writes what is declared as the files of a blueprint that ParseDeclared reads.
func Compose(d Declared) (map[string][]byte, Lines) {
	files, lines := map[string][]byte{}, Lines{}
	add := func(name string, c *composer) {
		name += Suffix
		files[name], lines[name] = []byte(c.text.String()), c.leaf
	}
	add("site", composeSite(d))
	for i, n := range d.Nodes {
		add(fmt.Sprintf("node-%d-%s", i+1, label(n.Name)), composeNode(n))
	}
	return files, lines
}

// composer writes HCL and remembers what stands on which line.
type composer struct {
	text  strings.Builder
	line  int
	depth int
	leaf  map[int]string
}

func newComposer() *composer { return &composer{leaf: map[int]string{}} }

func (c *composer) put(leaf, format string, args ...any) {
	c.line++
	if leaf != "" {
		c.leaf[c.line] = leaf
	}
	fmt.Fprintf(&c.text, "%s%s\n", strings.Repeat("  ", c.depth), fmt.Sprintf(format, args...))
}

func (c *composer) block(leaf, head string, body func()) {
	c.put(leaf, "%s {", head)
	c.depth++
	body()
	c.depth--
	c.put("", "}")
}

// label makes a name for references of any text. A text that cannot be one gets a name that no other text has.
func label(s string) string {
	if hclsyntax.ValidIdentifier(s) {
		return s
	}
	out := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, s)
	return fmt.Sprintf("_%s_%08x", out, crc32.ChecksumIEEE([]byte(s)))
}

func composeSite(d Declared) *composer {
	c, s := newComposer(), d.Site
	c.block("", "blueprint", func() { c.put("", "name = %s", quote(d.Name)) })
	c.block("site/region", "region "+quote(label(s.Region)), func() {
		c.put("site/jurisdiction", "jurisdiction = %s", quote(s.Jurisdiction))
		c.put("site/policy", "policy = %s", reference("policies", s.Policy))
	})
	c.block("site/name", "site "+quote(label(s.Name)), func() {
		c.put("site/region", "region = region.%s", label(s.Region))
		c.put("site/country", "country = %s", quote(s.Country))
		c.put("site/endpoints", "endpoints = {")
		c.depth++
		for _, role := range sortedKeys(s.Endpoints) {
			c.put("site/endpoints."+role, "%s = %s", quote(role), literal(s.Endpoints[role]))
		}
		c.depth--
		c.put("", "}")
	})
	racks := map[string]bool{}
	for _, n := range d.Nodes {
		if n.Rack != "" && !racks[n.Rack] {
			racks[n.Rack] = true
			c.block("", "rack "+quote(label(n.Rack)), func() { c.put("", "site = site.%s", label(s.Name)) })
		}
	}
	return c
}

func composeNode(n DeclaredNode) *composer {
	c := newComposer()
	at := func(path string) string { return n.Name + "/" + path }
	name := label(n.Name)
	c.block(at(""), "node "+quote(name), func() {
		if name != n.Name {
			c.put("", "for_each = toset([%s])", quote(n.Name))
		}
		if n.Hardware != "" {
			c.put(at("hardware"), "hardware = %s", reference("hw", n.Hardware))
		}
		if n.Rack != "" {
			c.put(at("at"), "at = { rack = rack.%s, u = %d }", label(n.Rack), n.PositionU)
		}
		body := n.Body
		if n.Username != "" || n.Credential != "" {
			body = withAccess(n)
		}
		c.body(body, nodeSpec, n.Name+"/")
	})
	if n.Baseline != "" {
		platform, version, _ := strings.Cut(n.Baseline, "@")
		c.block(at("firmware"), "firmware "+quote(name), func() {
			c.put("", "targets = node.%s", name)
			c.put(at("firmware.baseline"), "baseline = %s[%s]", reference("fw", platform), quote(version))
		})
	}
	return c
}

// withAccess adds how the BMC is reached to what is declared of it.
func withAccess(n DeclaredNode) map[string]any {
	body, bmc := maps.Clone(n.Body), map[string]any{}
	if body == nil {
		body = map[string]any{}
	}
	if had, ok := body["bmc"].(map[string]any); ok {
		maps.Copy(bmc, had)
	}
	if n.Username != "" {
		bmc["username"] = n.Username
	}
	if n.Credential != "" {
		bmc["credential"] = map[string]any{secretKey: string(n.Credential)}
	}
	body["bmc"] = bmc
	return body
}

// secretKey marks a reference to a secret in what is declared.
const secretKey = "$secret"

// body writes attributes and blocks as the language knows them: what it has a block for is one.
func (c *composer) body(m map[string]any, spec *blockSpec, path string) {
	for _, k := range sortedKeys(m) {
		v := m[k]
		if v == nil {
			continue
		}
		var sub *blockSpec
		if spec != nil {
			sub = spec.blocks[k]
		}
		inner, isMap := v.(map[string]any)
		switch {
		case sub != nil && isMap && sub.labels == 1:
			for _, l := range sortedKeys(inner) {
				leaf := path + k + "[" + strconv.Quote(l) + "]"
				one, _ := inner[l].(map[string]any)
				c.block(leaf, k+" "+quote(l), func() { c.body(one, sub, leaf+".") })
			}
		case sub != nil && isMap:
			c.block(path+k, k, func() { c.body(inner, sub, path+k+".") })
		case isMap && inner[secretKey] != nil:
			c.put(path+k, "%s = secret(%s)", k, quote(fmt.Sprint(inner[secretKey])))
		case isMap:
			c.put(path+k, "%s = {", k)
			c.depth++
			for _, l := range sortedKeys(inner) {
				c.put(path+k+"["+strconv.Quote(l)+"]", "%s = %s", quote(l), literal(inner[l]))
			}
			c.depth--
			c.put("", "}")
		default:
			c.put(path+k, "%s = %s", k, literal(v))
		}
	}
}

// reference writes a key of the catalog as a reference. What cannot be one stays a text, which the language refuses with the
// right words.
func reference(root, key string) string {
	for _, part := range strings.Split(key, ".") {
		if !hclsyntax.ValidIdentifier(part) {
			return quote(key)
		}
	}
	return root + "." + key
}

func quote(s string) string { return literal(s) }

// literal writes a value so that it reads back as itself, whatever text it holds.
func literal(v any) string {
	return string(hclwrite.TokensForValue(ctyOf(v)).Bytes())
}

func ctyOf(v any) cty.Value {
	switch x := v.(type) {
	case nil:
		return cty.NullVal(cty.DynamicPseudoType)
	case string:
		return cty.StringVal(x)
	case bool:
		return cty.BoolVal(x)
	case int:
		return cty.NumberIntVal(int64(x))
	case int64:
		return cty.NumberIntVal(x)
	case float64:
		return cty.NumberFloatVal(x)
	case json.Number:
		if n, err := cty.ParseNumberVal(string(x)); err == nil {
			return n
		}
	case []string:
		out := make([]cty.Value, 0, len(x))
		for _, e := range x {
			out = append(out, cty.StringVal(e))
		}
		return cty.TupleVal(out)
	case []any:
		out := make([]cty.Value, 0, len(x))
		for _, e := range x {
			out = append(out, ctyOf(e))
		}
		return cty.TupleVal(out)
	case map[string]any:
		out := map[string]cty.Value{}
		for k, e := range x {
			out[k] = ctyOf(e)
		}
		return cty.ObjectVal(out)
	}
	return cty.StringVal(fmt.Sprint(v))
}
