package plan

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/rack"
)

func yesRule(target, prop string, value any, terms ...rack.RegistryTerm) rack.RegistryDependency {
	return rack.RegistryDependency{Target: target, Property: prop, Value: value, Terms: terms}
}

func term(op, attribute, condition string, value any) rack.RegistryTerm {
	return rack.RegistryTerm{Term: op, Attribute: attribute, Property: "CurrentValue", Condition: condition, Value: value}
}

// TestTerms: how terms combine, with what cannot be known.
func TestTerms(t *testing.T) {
	r := &registry{byName: map[string]*rack.RegistryAttribute{"A": {Type: "String"}, "N": {Type: "Integer"}, "B": {Type: "Boolean"}}}
	states := map[string]*attrState{"A": {value: "x"}, "N": {value: int64(5)}, "B": {value: true, flags: [properties]tri{propReadOnly: yes, propHidden: no}}}
	y, n, u := term("", "A", "EQU", "x"), term("", "A", "EQU", "y"), term("", "Gone", "EQU", 0)
	op := func(o string, x rack.RegistryTerm) rack.RegistryTerm { x.Term = o; return x }
	for _, c := range []struct {
		name    string
		missing string
		want    tri
		terms   []rack.RegistryTerm
	}{
		{"one", "", yes, []rack.RegistryTerm{y}},
		{"unknown attribute", "", unknown, []rack.RegistryTerm{u}},
		{"no value", "", unknown, []rack.RegistryTerm{term("", "A", "EQU", nil)}},
		{"or with unknown holds", "", yes, []rack.RegistryTerm{u, op("OR", y)}},
		{"and with unknown and no", "", no, []rack.RegistryTerm{u, op("AND", n)}},
		{"and with unknown and yes", "", unknown, []rack.RegistryTerm{u, op("AND", y)}},
		{"left to right", "", no, []rack.RegistryTerm{y, op("OR", y), op("AND", n)}},
		{"operators on the earlier term (Lenovo)", "", yes, []rack.RegistryTerm{op("OR", n), op("OR", n), y}},
		{"operators on the earlier term, and", "", no, []rack.RegistryTerm{op("AND", y), n}},
		{"groups (Supermicro): y or (n and y)", "", yes, []rack.RegistryTerm{y, n, op("AND,OR", y)}},
		{"groups (Supermicro): n or (n and y)", "", no, []rack.RegistryTerm{n, n, op("AND,OR", y)}},
		{"no operator, Dell", "OR", yes, []rack.RegistryTerm{n, y}},
		{"no operator, elsewhere", "", unknown, []rack.RegistryTerm{n, y}},
		{"no operator, all agree", "", yes, []rack.RegistryTerm{y, y}},
		{"operator without operands", "", unknown, []rack.RegistryTerm{op("AND", y)}},
		{"unknown operator", "", unknown, []rack.RegistryTerm{y, op("XOR", y)}},
		{"no terms", "", unknown, nil},
		{"greater", "", yes, []rack.RegistryTerm{term("", "N", "GTR", int64(4))}},
		{"equal is not less", "", no, []rack.RegistryTerm{term("", "N", "LSS", int64(5))}},
		{"less or equal, by text", "", yes, []rack.RegistryTerm{term("", "N", "LEQ", "5")}},
		{"greater of text", "", unknown, []rack.RegistryTerm{term("", "A", "GTR", "a")}},
		{"not equal", "", yes, []rack.RegistryTerm{term("", "N", "NEQ", int64(4))}},
		{"truth as text (AMI)", "", yes, []rack.RegistryTerm{term("", "B", "EQU", "true")}},
		{"a flag", "", yes, []rack.RegistryTerm{{Attribute: "B", Property: "ReadOnly", Condition: "EQU", Value: true}}},
		{"a flag, not", "", no, []rack.RegistryTerm{{Attribute: "B", Property: "Hidden", Condition: "NEQ", Value: false}}},
		{"another property", "", unknown, []rack.RegistryTerm{{Attribute: "B", Property: "MenuPath", Condition: "EQU", Value: "x"}}},
	} {
		r.missingIs = c.missing
		if got := r.truth(rack.RegistryDependency{Terms: c.terms}, states); got != c.want {
			t.Errorf("%s: want %d, got %d", c.name, c.want, got)
		}
	}
}

// TestRules: chains, side effects, rules that chase each other, and what is no error.
func TestRules(t *testing.T) {
	enum := func(name string) rack.RegistryAttribute {
		return rack.RegistryAttribute{Name: name, Type: "Enumeration", Values: []rack.RegistryValue{{Name: "On"}, {Name: "Off"}}}
	}
	attributes := []rack.RegistryAttribute{enum("A"), enum("B"), enum("C"), enum("D")}
	attributes[3].ReadOnly = true
	now := rack.Attributes{"A": "Off", "B": "Off", "C": "Off"}
	for _, c := range []struct {
		name string
		deps []rack.RegistryDependency
		now  rack.Attributes
		want []any
		rule string // of the expected block, or warning with !
		has  string
	}{
		{"forced by another wanted one", []rack.RegistryDependency{yesRule("B", "CurrentValue", "Off", term("", "A", "EQU", "On"))},
			now, []any{"A", "On", "B", "On"}, "bios.conflict", `because of A = "On" (main.mw.hcl:21)`},
		{"forced away from what it is", []rack.RegistryDependency{yesRule("B", "CurrentValue", "On", term("", "A", "EQU", "On"))},
			now, []any{"A", "On", "B", "Off"}, "bios.conflict", `makes it "On"`},
		{"forced through a third", []rack.RegistryDependency{
			yesRule("C", "CurrentValue", "On", term("", "A", "EQU", "On")), yesRule("B", "ReadOnly", true, term("", "C", "EQU", "On"))},
			now, []any{"A", "On", "B", "On"}, "bios.conflict", `B is read-only`},
		{"read-only by what is", []rack.RegistryDependency{yesRule("B", "ReadOnly", "true", term("", "A", "EQU", "Off"))},
			now, []any{"B", "On"}, "bios.conflict", `because A is "Off"`},
		{"read-only, opened by another wanted one", []rack.RegistryDependency{yesRule("B", "ReadOnly", true, term("", "A", "EQU", "Off"))},
			now, []any{"A", "On", "B", "On"}, "", ""},
		{"read-only also without its rule", []rack.RegistryDependency{yesRule("D", "ReadOnly", true, term("", "A", "EQU", "On"))},
			rack.Attributes{"A": "Off", "D": "Off"}, []any{"D", "On"}, "bios.read_only", `D is read-only`},
		{"read-only by its rule, which ends", []rack.RegistryDependency{yesRule("D", "ReadOnly", true, term("", "A", "EQU", "Off"))},
			rack.Attributes{"A": "Off", "D": "Off"}, []any{"A", "On", "D", "On"}, "", ""},
		{"hidden", []rack.RegistryDependency{yesRule("B", "Hidden", true, term("", "A", "EQU", "Off"))},
			now, []any{"B", "On"}, "bios.conflict", `B is hidden`},
		{"a later rule opens again", []rack.RegistryDependency{yesRule("B", "GrayOut", true, term("", "A", "EQU", "Off")),
			yesRule("B", "GrayOut", false, term("", "C", "EQU", "Off"))}, now, []any{"B", "On"}, "", ""},
		{"read-only and as wanted is no error", []rack.RegistryDependency{yesRule("B", "ReadOnly", true, term("", "A", "EQU", "Off"))},
			now, []any{"B", "Off"}, "", ""},
		{"a rule that the host itself breaks now", []rack.RegistryDependency{yesRule("B", "CurrentValue", "On", term("", "A", "EQU", "Off"))},
			now, []any{"B", "Off", "C", "On"}, "", ""},
		{"an unknown rule refuses nothing", []rack.RegistryDependency{yesRule("B", "ReadOnly", true, term("", "Gone", "EQU", "Off")),
			yesRule("Gone", "ReadOnly", true, term("", "A", "EQU", "Off"))}, now, []any{"B", "On"}, "", ""},
		{"what follows is told", []rack.RegistryDependency{yesRule("C", "CurrentValue", "On", term("", "A", "EQU", "On"))},
			now, []any{"A", "On"}, "!bios.side_effect", `C becomes "On", because of A`},
		{"rules that chase each other", []rack.RegistryDependency{yesRule("B", "CurrentValue", "On", term("", "C", "EQU", "Off")),
			yesRule("C", "CurrentValue", "On", term("", "B", "EQU", "On")), yesRule("B", "CurrentValue", "Off", term("", "C", "EQU", "On"))},
			now, []any{"A", "On"}, "!bios.rules", "without end"},
	} {
		l, n, dev := one("smc")
		dev.Systems[0].BIOS.Attributes = c.now
		dev.Systems[0].BIOS.RegistryDoc = &rack.BIOSRegistryInfo{ID: "R", Attributes: attributes, Dependencies: c.deps}
		wantBIOS(n, c.want...)
		p, r := l.build()
		notes, rule := r.Blocked, c.rule
		if strings.HasPrefix(rule, "!") {
			notes, rule = r.Warnings, rule[1:]
		}
		if rule == "" {
			if !r.Clean() || len(r.Warnings) > 0 {
				t.Errorf("%s: want no note:\n%s", c.name, planText(p))
			}
			continue
		}
		if len(notes) != 1 || notes[0].Rule != rule || !strings.Contains(notes[0].Detail, c.has) {
			t.Errorf("%s: want %s with %q:\n%s", c.name, c.rule, c.has, planText(p))
		}
	}
}

// TestValues: every type, and the form in which a value goes out.
func TestValues(t *testing.T) {
	huge, _ := new(big.Int).SetString("18446744073709551615", 10)
	eight, two := 8, 2
	info := &rack.BIOSRegistryInfo{Attributes: []rack.RegistryAttribute{
		{Name: "Enum", Type: "Enumeration", Values: []rack.RegistryValue{{Name: "0", DisplayName: "Disabled"}, {Name: "1", DisplayName: "Enabled"}}},
		{Name: "Epoch", Type: "Integer", LowerBound: big.NewInt(0), UpperBound: huge, Increment: big.NewInt(0)},
		{Name: "Neg", Type: "Integer", LowerBound: big.NewInt(-5), UpperBound: big.NewInt(5), Increment: big.NewInt(5)},
		{Name: "Crossed", Type: "Integer", LowerBound: big.NewInt(0), UpperBound: big.NewInt(-1)},
		{Name: "Flag", Type: "Boolean"},
		{Name: "Tag", Type: "String", MinLength: &two, MaxLength: &eight, Expression: "^[a-z]*$"},
		{Name: "Odd", Type: "String", Expression: "(?!x)"},
		{Name: "Secret", Type: "Password"},
	}}
	for _, c := range []struct {
		name    string
		current rack.Attributes
		want    any
		typed   any
		problem string
	}{
		{"Enum", rack.Attributes{"Enum": "Disabled"}, "Enabled", "Enabled", ""},
		{"Enum", rack.Attributes{"Enum": "Disabled"}, "1", "Enabled", ""},
		{"Enum", rack.Attributes{"Enum": "0"}, "Enabled", "1", ""},
		{"Enum", nil, "Enabled", "1", ""},
		{"Enum", rack.Attributes{"Enum": "Disabled"}, "Enable", nil, `it takes "Disabled" or "Enabled". Did you mean "Enabled"?`},
		{"Epoch", nil, "18446744073709551615", nil, "larger than this version can send"},
		{"Epoch", nil, "18446744073709551616", nil, "at most 18446744073709551615"},
		{"Epoch", nil, int64(7), int64(7), ""},
		{"Epoch", nil, "7", int64(7), ""},
		{"Epoch", nil, "seven", nil, "is an Integer"},
		{"Epoch", nil, true, nil, "is an Integer"},
		{"Crossed", nil, int64(7), int64(7), ""},
		{"Crossed", nil, int64(-1), nil, "takes 0 and more"},
		{"Neg", nil, int64(-5), int64(-5), ""},
		{"Neg", nil, int64(-6), nil, "takes -5 and more"},
		{"Neg", nil, int64(1), nil, "steps of 5 from -5"},
		{"Flag", nil, "true", true, ""},
		{"Flag", nil, "yes", nil, "true or false"},
		{"Tag", nil, "abc", "abc", ""},
		{"Tag", nil, "a", nil, "2 characters and more"},
		{"Tag", nil, "abcdefghi", nil, "at most 8"},
		{"Tag", nil, "ABC", nil, "must match"},
		{"Odd", nil, "xyz", "xyz", ""},
		{"Secret", nil, "hunter2", nil, "a blueprint sets none"},
		{"NotThere", rack.Attributes{"NotThere": int64(3)}, "4", int64(4), ""},
		{"NotThere", rack.Attributes{"NotThere": int64(3)}, "x", nil, "of another type"},
		{"NotThere", rack.Attributes{"NotThere": true}, "false", false, ""},
	} {
		r := newRegistry(&rack.BIOS{Attributes: c.current, RegistryDoc: info}, "")
		got, problem := r.typed(c.name, c.want)
		if diff := cmp.Diff(c.typed, got); diff != "" || !strings.Contains(problem, c.problem) || (problem == "") != (c.problem == "") {
			t.Errorf("%s = %v (now %v): want %v, %q; got %v, %q", c.name, c.want, c.current, c.typed, c.problem, got, problem)
		}
		if strings.Contains(problem, "hunter2") {
			t.Errorf("a password is shown: %s", problem)
		}
	}
}

func TestSame(t *testing.T) {
	r := newRegistry(&rack.BIOS{RegistryDoc: &rack.BIOSRegistryInfo{Attributes: []rack.RegistryAttribute{
		{Name: "E", Type: "Enumeration", Values: []rack.RegistryValue{{Name: "0", DisplayName: "Off"}, {Name: "1", DisplayName: "On"}}},
		{Name: "I", Type: "Integer"}, {Name: "B", Type: "Boolean"}, {Name: "S", Type: "String"}}}}, "")
	for _, c := range []struct {
		name string
		x, y any
		want bool
	}{
		{"E", "On", "1", true}, {"E", "On", "0", false}, {"E", "On", nil, false},
		{"I", int64(3), float64(3), true}, {"I", "3", int64(3), true}, {"I", int64(3), int64(4), false},
		{"B", true, "true", true}, {"B", true, false, false}, {"S", "03", "3", false}, {"S", nil, nil, true},
	} {
		if got := r.same(c.name, c.x, c.y); got != c.want {
			t.Errorf("%s: %v and %v: want %v", c.name, c.x, c.y, c.want)
		}
	}
}

// recorded is a registry that a real machine has, and what that machine's BIOS showed.
func recorded(t *testing.T, tree string) *rack.BIOS {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(shared(t, "data", "bios-registries"), tree+"--*.json.gz"))
	if err != nil || len(names) != 1 {
		t.Fatalf("registry of %s: %v, %v", tree, names, err)
	}
	b := &rack.BIOS{Path: "/b", SettingsPath: "/b/s", RegistryDoc: decodeRegistry(t, gunzip(t, names[0]))}
	b.Attributes = shownAttributes(t, shared(t, "redfish", tree+".tar.gz"))
	return b
}

func gunzip(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// shownAttributes finds the Bios resource of a recorded tree: the one that names a settings object.
func shownAttributes(t *testing.T, archive string) rack.Attributes {
	t.Helper()
	r := tar.NewReader(bytes.NewReader(gunzip(t, archive)))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			t.Fatalf("no Bios in %s", archive)
		} else if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(h.Name, ".json") || !bytes.Contains(raw, []byte("#Bios.")) {
			continue
		}
		var m struct {
			Type       string          `json:"@odata.type"`
			Attributes rack.Attributes `json:"Attributes"`
			Settings   any             `json:"@Redfish.Settings"`
		}
		if json.Unmarshal(raw, &m) == nil && strings.HasPrefix(m.Type, "#Bios.") && m.Settings != nil && len(m.Attributes) > 0 {
			return m.Attributes
		}
	}
}

func decodeRegistry(t *testing.T, raw []byte) *rack.BIOSRegistryInfo {
	t.Helper()
	type number = json.Number
	var m struct {
		ID      string `json:"Id"`
		Entries struct {
			Attributes []struct {
				AttributeName, DisplayName, Type, ValueExpression string
				Value                                             []struct{ ValueName, ValueDisplayName string }
				LowerBound, UpperBound, ScalarIncrement           number
				MinLength, MaxLength                              *int
				DefaultValue                                      any
				ReadOnly, Immutable, Hidden, GrayOut, WriteOnly   bool
				ResetRequired                                     *bool
			}
			Dependencies []struct {
				Dependency struct {
					MapToAttribute, MapToProperty string
					MapToValue                    any
					MapFrom                       []struct {
						MapTerms, MapFromAttribute, MapFromProperty, MapFromCondition string
						MapFromValue                                                  any
					}
				}
			}
		} `json:"RegistryEntries"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	out := &rack.BIOSRegistryInfo{ID: m.ID}
	for _, a := range m.Entries.Attributes {
		x := rack.RegistryAttribute{Name: a.AttributeName, DisplayName: a.DisplayName, Type: a.Type, Expression: a.ValueExpression,
			MinLength: a.MinLength, MaxLength: a.MaxLength, Default: rack.Normal(a.DefaultValue), ReadOnly: a.ReadOnly,
			Immutable: a.Immutable, Hidden: a.Hidden, GrayOut: a.GrayOut, WriteOnly: a.WriteOnly, ResetRequired: a.ResetRequired}
		for _, v := range a.Value {
			x.Values = append(x.Values, rack.RegistryValue{Name: v.ValueName, DisplayName: v.ValueDisplayName})
		}
		x.LowerBound, x.UpperBound, x.Increment = bound(a.LowerBound), bound(a.UpperBound), bound(a.ScalarIncrement)
		out.Attributes = append(out.Attributes, x)
	}
	for _, dep := range m.Entries.Dependencies {
		x := rack.RegistryDependency{Target: dep.Dependency.MapToAttribute, Property: dep.Dependency.MapToProperty, Value: rack.Normal(dep.Dependency.MapToValue)}
		for _, f := range dep.Dependency.MapFrom {
			x.Terms = append(x.Terms, rack.RegistryTerm{Term: f.MapTerms, Attribute: f.MapFromAttribute, Property: f.MapFromProperty,
				Condition: f.MapFromCondition, Value: rack.Normal(f.MapFromValue)})
		}
		out.Dependencies = append(out.Dependencies, x)
	}
	return out
}

func bound(n json.Number) *big.Int {
	v, ok := new(big.Int).SetString(string(n), 10)
	if !ok {
		return nil
	}
	return v
}

var recordedTrees = []string{"dell-r750-idrac9-6.00", "hpe-dl380a-gen11-ilo6-h100nvl", "supermicro-sys-821ge-h100",
	"lenovo-sr670v2-xcc-2.83", "nvidia-dgx-h100", "nvidia-gb200-nvl", "nvidia-bf3-dpu-24.10"}

// TestRecordedAsItIs: on every real registry the rules settle, and wanting exactly what the machine shows is no change
// and no error, whatever its rules say.
func TestRecordedAsItIs(t *testing.T) {
	for _, tree := range recordedTrees {
		t.Run(tree, func(t *testing.T) {
			b := recorded(t, tree)
			l, n, dev := one("smc")
			dev.Systems[0].BIOS = b
			if strings.HasPrefix(tree, "dell") {
				dev.BMC.Dialect = "idrac"
			}
			n.BIOS = &rack.BIOSSpec{Attributes: map[string]rack.BIOSValue{}}
			for name, v := range b.Attributes {
				n.BIOS.Attributes[name] = rack.BIOSValue{Value: v}
			}
			p, r := l.build()
			for _, note := range r.Blocked {
				if note.Rule != "bios.value" || !strings.Contains(note.Detail, "is a password") {
					t.Errorf("%+v", note)
				}
			}
			for _, note := range r.Warnings {
				if note.Rule == "bios.rules" || note.Rule == "bios.side_effect" {
					t.Errorf("%+v", note)
				}
			}
			if !p.Empty() {
				t.Errorf("planned:\n%s", planText(p))
			}
		})
	}
}

// TestRecordedVectors: known facts about real rules (redfish.md §6.2).
func TestRecordedVectors(t *testing.T) {
	const dell, smc = "dell-r750-idrac9-6.00", "supermicro-sys-821ge-h100"
	for _, c := range []struct {
		tree string
		now  rack.Attributes // replaces what the machine shows
		want []any
		rule string
		has  []string
	}{
		{dell, rack.Attributes{"ProcVirtualization": "Enabled", "KernelDmaProtection": "Disabled"},
			[]any{"ProcVirtualization", "Disabled", "KernelDmaProtection", "Enabled"}, "bios.conflict",
			[]string{"KernelDmaProtection", `ProcVirtualization = "Disabled"`, "Rule: "}},
		{dell, rack.Attributes{"ProcVirtualization": "Enabled", "ProcX2Apic": "Enabled"},
			[]any{"ProcVirtualization", "Disabled", "ProcX2Apic", "Enabled"}, "bios.conflict", []string{"ProcX2Apic", "ProcVirtualization"}},
		{dell, rack.Attributes{"NodeInterleave": "Disabled", "SubNumaCluster": "Disabled"},
			[]any{"NodeInterleave", "Enabled", "SubNumaCluster", "2-Way"}, "bios.conflict", []string{"SubNumaCluster", `NodeInterleave = "Enabled"`}},
		{dell, rack.Attributes{"ControlledTurbo": "Disabled", "ControlledTurboMinusBin": int64(0)},
			[]any{"ControlledTurboMinusBin", int64(1)}, "bios.conflict", []string{"ControlledTurboMinusBin is read-only"}},
		{dell, nil, []any{"LogicalProcc", "Enabled"}, "bios.unknown", []string{`Did you mean "LogicalProc"?`}},
		{dell, nil, []any{"LogicalProc", "On"}, "bios.value", []string{`"Enabled" or "Disabled"`}},
		{dell, nil, []any{"SgxEpoch0", "18446744073709551616"}, "bios.value", []string{"18446744073709551615"}},
		{smc, rack.Attributes{"WatchDogFunction_0033": "Disabled"},
			[]any{"WatchDogAction_0034", "NMI"}, "bios.conflict", []string{"WatchDogAction_0034 is hidden", `WatchDogFunction_0033 is "Disabled"`}},
		{smc, rack.Attributes{"WatchDogFunction_0033": "Disabled"},
			[]any{"WatchDogFunction_0033", "Enabled", "WatchDogAction_0034", "NMI"}, "", nil},
		{dell, rack.Attributes{"ProcPwrPerf": "MaxPerf", "ControlledTurbo": "Disabled", "ControlledTurboMinusBin": int64(0)},
			[]any{"ControlledTurbo", "Enabled", "ControlledTurboMinusBin", int64(1)}, "", nil},
	} {
		b := recorded(t, c.tree)
		for name, v := range c.now {
			b.Attributes[name] = v
		}
		l, n, dev := one("smc")
		if c.tree == dell {
			dev.BMC.Dialect = "idrac"
		}
		dev.Systems[0].BIOS = b
		wantBIOS(n, c.want...)
		p, r := l.build()
		if c.rule == "" {
			if p.Empty() || !r.Clean() {
				t.Errorf("%v: want it planned:\n%s", c.want, planText(p))
			}
			continue
		}
		if !p.Empty() || len(r.Blocked) == 0 {
			t.Errorf("%v: want it blocked:\n%s", c.want, planText(p))
			continue
		}
		if !slices.ContainsFunc(r.Blocked, func(note Note) bool {
			return note.Rule == c.rule && !note.Origin.IsZero() &&
				!slices.ContainsFunc(c.has, func(has string) bool { return !strings.Contains(note.Detail, has) })
		}) {
			t.Errorf("%v: no note of %s with %q and a line:\n%s", c.want, c.rule, c.has, planText(p))
		}
	}
}

// TestRecordedSpelling: Supermicro shows and takes display names, its registry numbers them.
func TestRecordedSpelling(t *testing.T) {
	b := recorded(t, "supermicro-sys-821ge-h100")
	r := newRegistry(b, "")
	now := fmt.Sprint(b.Attributes["SR_IOVSupport_0047"])
	for _, text := range []string{"Enabled", "Disabled"} {
		got, problem := r.typed("SR_IOVSupport_0047", text)
		if got != text || problem != "" {
			t.Errorf("now %q: want %q, got %v, %q", now, text, got, problem)
		}
	}
}
