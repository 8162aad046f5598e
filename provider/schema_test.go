package provider_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

var update = flag.Bool("update", false, "write the generated files back")

// actionSchemas is the key that engines without actions leave out of a dump.
const actionSchemas = "action_schemas"

// schemaAddress is the key that tools which read such a dump expect.
const schemaAddress = "registry.terraform.io/hashicorp/metalwright"

// The dump is what an engine's `providers schema -json` prints, from the provider itself: no engine is needed to review a
// change of it.
func TestSchemaGolden(t *testing.T) {
	golden(t, filepath.Join("testdata", "schema.json"), dump(t, newServer(t).schemas))
}

// The reference is made of the same schema.
func TestSchemaReference(t *testing.T) {
	golden(t, filepath.Join("..", "docs", "provider-reference.md"), reference(newServer(t).schemas))
}

// An engine prints the very same schema.
func TestSchemaOfEngine(t *testing.T) {
	needEngine(t)
	t.Parallel()
	l := newLab(t, "node", speed)
	var got, want struct {
		Schemas map[string]any `json:"provider_schemas"`
	}
	if err := json.Unmarshal([]byte(newWork(t, l, nil).run(0, "providers", "schema", "-json")), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(dump(t, newServer(t).schemas), &want); err != nil {
		t.Fatal(err)
	}
	var theirs any
	for name, s := range got.Schemas {
		if strings.HasSuffix(name, "/metalwright/metalwright") {
			theirs = s
		}
	}
	ours, ok := want.Schemas[schemaAddress].(map[string]any)
	if !ok {
		t.Fatal("the dump holds no schema of ours")
	}
	if with, ok := theirs.(map[string]any); ok && with[actionSchemas] == nil {
		delete(ours, actionSchemas)
	}
	if diff := cmp.Diff(any(ours), theirs); diff != "" {
		t.Errorf("the engine's schema (-ours +engine):\n%s", diff)
	}
}

// No secret may be an ordinary attribute, and nothing that a person reads may lack a description.
func TestSchemaRules(t *testing.T) {
	s := newServer(t).schemas
	var walk func(where string, attrs []*tfprotov6.SchemaAttribute)
	walk = func(where string, attrs []*tfprotov6.SchemaAttribute) {
		for _, a := range attrs {
			at := where + "." + a.Name
			if a.Description == "" {
				t.Errorf("%s has no description", at)
			}
			if strings.Contains(a.Name, "password") && !a.Sensitive {
				t.Errorf("%s is not sensitive", at)
			}
			if strings.Contains(a.Name, "password") && !strings.HasPrefix(at, "provider.") {
				t.Errorf("%s: credentials stand in the provider block only", at)
			}
			if a.NestedType != nil {
				walk(at, a.NestedType.Attributes)
			}
		}
	}
	walk("provider", s.Provider.Block.Attributes)
	for name, r := range s.ResourceSchemas {
		walk(name, r.Block.Attributes)
	}
	for name, d := range s.DataSourceSchemas {
		walk("data."+name, d.Block.Attributes)
	}
	for name, a := range s.ActionSchemas {
		walk("action."+name, a.Schema.Block.Attributes)
	}
	for name, e := range s.EphemeralResourceSchemas {
		walk("ephemeral."+name, e.Block.Attributes)
	}
	for name, f := range s.Functions {
		for _, p := range f.Parameters {
			if p.Description == "" {
				t.Errorf("function %s: %s has no description", name, p.Name)
			}
		}
	}
}

// golden compares with a generated file, or writes it with -update.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not up to date, run make gen (-file +now):\n%s", file, diff)
	}
}

func dump(t *testing.T, s *tfprotov6.GetProviderSchemaResponse) []byte {
	t.Helper()
	one := map[string]any{"provider": schemaJSON(s.Provider)}
	actions := map[string]*tfprotov6.Schema{}
	for name, a := range s.ActionSchemas {
		actions[name] = a.Schema
	}
	for key, all := range map[string]map[string]*tfprotov6.Schema{"resource_schemas": s.ResourceSchemas, "data_source_schemas": s.DataSourceSchemas,
		"ephemeral_resource_schemas": s.EphemeralResourceSchemas, actionSchemas: actions} {
		m := map[string]any{}
		for name, x := range all {
			m[name] = schemaJSON(x)
		}
		one[key] = m
	}
	functions := map[string]any{}
	for name, f := range s.Functions {
		functions[name] = functionJSON(f)
	}
	one["functions"] = functions
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(map[string]any{"format_version": "1.0", "provider_schemas": map[string]any{schemaAddress: one}}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func schemaJSON(s *tfprotov6.Schema) map[string]any {
	block := map[string]any{"attributes": attributesJSON(s.Block.Attributes), "description_kind": kind(s.Block.DescriptionKind)}
	if s.Block.Description != "" {
		block["description"] = s.Block.Description
	}
	return map[string]any{"version": s.Version, "block": block}
}

func attributesJSON(attrs []*tfprotov6.SchemaAttribute) map[string]any {
	out := map[string]any{}
	for _, a := range attrs {
		m := map[string]any{"description": a.Description, "description_kind": kind(a.DescriptionKind)}
		for key, on := range map[string]bool{"required": a.Required, "optional": a.Optional, "computed": a.Computed, "sensitive": a.Sensitive} {
			if on {
				m[key] = true
			}
		}
		if a.NestedType != nil {
			m["nested_type"] = map[string]any{"attributes": attributesJSON(a.NestedType.Attributes), "nesting_mode": nesting(a.NestedType.Nesting)}
		} else {
			m["type"] = a.Type
		}
		out[a.Name] = m
	}
	return out
}

func functionJSON(f *tfprotov6.Function) map[string]any {
	var params []any
	for _, p := range f.Parameters {
		params = append(params, map[string]any{"name": p.Name, "description": p.Description, "type": p.Type})
	}
	return map[string]any{"summary": f.Summary, "description": f.Description, "parameters": params, "return_type": f.Return.Type}
}

func kind(k tfprotov6.StringKind) string { return strings.ToLower(k.String()) }

func nesting(n tfprotov6.SchemaObjectNestingMode) string {
	return map[tfprotov6.SchemaObjectNestingMode]string{tfprotov6.SchemaObjectNestingModeSingle: "single", tfprotov6.SchemaObjectNestingModeList: "list",
		tfprotov6.SchemaObjectNestingModeMap: "map", tfprotov6.SchemaObjectNestingModeSet: "set"}[n]
}

// reference renders the schema for people.
func reference(s *tfprotov6.GetProviderSchemaResponse) []byte {
	var out bytes.Buffer
	out.WriteString("# Terraform provider: reference\n\nMade from the provider's schema by `make gen`; do not edit. The guide is [provider.md](provider.md).\n")
	section := func(title string, x *tfprotov6.Schema) {
		fmt.Fprintf(&out, "\n## %s\n\n%s\n\n| Attribute | Type | | Meaning |\n|---|---|---|---|\n", title, x.Block.Description)
		rows(&out, "", x.Block.Attributes)
	}
	section("Provider `metalwright`", s.Provider)
	for _, name := range sorted(s.ResourceSchemas) {
		section("Resource `"+name+"`", s.ResourceSchemas[name])
	}
	for _, name := range sorted(s.DataSourceSchemas) {
		section("Data source `"+name+"`", s.DataSourceSchemas[name])
	}
	for _, name := range sorted(s.EphemeralResourceSchemas) {
		section("Ephemeral resource `"+name+"`", s.EphemeralResourceSchemas[name])
	}
	for _, name := range slices.Sorted(maps.Keys(s.ActionSchemas)) {
		section("Action `"+name+"`", s.ActionSchemas[name].Schema)
	}
	out.WriteString("\n## Functions\n\n| Function | Gives | Does |\n|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(s.Functions)) {
		f := s.Functions[name]
		var params []string
		for _, p := range f.Parameters {
			params = append(params, p.Name)
		}
		fmt.Fprintf(&out, "| `%s(%s)` | %s | %s |\n", name, strings.Join(params, ", "), typeName(f.Return.Type), f.Description)
	}
	return out.Bytes()
}

// rows lists what a person gives first, then what is computed.
func rows(out *bytes.Buffer, prefix string, attrs []*tfprotov6.SchemaAttribute) {
	attrs = slices.Clone(attrs)
	rank := func(a *tfprotov6.SchemaAttribute) int {
		switch {
		case a.Required:
			return 0
		case a.Optional:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(attrs, func(a, b *tfprotov6.SchemaAttribute) int {
		if r := rank(a) - rank(b); r != 0 {
			return r
		}
		return strings.Compare(a.Name, b.Name)
	})
	for _, a := range attrs {
		var traits []string
		for word, on := range map[string]bool{"required": a.Required, "optional": a.Optional, "computed": a.Computed && !a.Optional, "sensitive": a.Sensitive} {
			if on {
				traits = append(traits, word)
			}
		}
		slices.Sort(traits)
		fmt.Fprintf(out, "| `%s%s` | %s | %s | %s |\n", prefix, a.Name, typeWord(a), strings.Join(traits, ", "), a.Description)
		if a.NestedType != nil {
			inner := map[tfprotov6.SchemaObjectNestingMode]string{tfprotov6.SchemaObjectNestingModeSingle: ".", tfprotov6.SchemaObjectNestingModeList: "[].",
				tfprotov6.SchemaObjectNestingModeMap: "[name]."}[a.NestedType.Nesting]
			rows(out, prefix+a.Name+inner, a.NestedType.Attributes)
		}
	}
}

func typeWord(a *tfprotov6.SchemaAttribute) string {
	if a.NestedType != nil {
		return map[string]string{"single": "object", "list": "list of objects", "map": "map of objects"}[nesting(a.NestedType.Nesting)]
	}
	return typeName(a.Type)
}

func typeName(t tftypes.Type) string {
	switch x := t.(type) {
	case tftypes.List:
		return "list of " + typeName(x.ElementType)
	case tftypes.Map:
		return "map of " + typeName(x.ElementType)
	case tftypes.Object:
		var names []string
		for _, n := range slices.Sorted(maps.Keys(x.AttributeTypes)) {
			names = append(names, "`"+n+"`")
		}
		return "object of " + strings.Join(names, ", ")
	}
	switch {
	case t.Is(tftypes.String):
		return "string"
	case t.Is(tftypes.Number):
		return "number"
	case t.Is(tftypes.Bool):
		return "bool"
	}
	return t.String()
}

func sorted(m map[string]*tfprotov6.Schema) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
