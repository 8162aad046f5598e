package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"pgregory.net/rapid"
)

// called calls a function with texts, lists of texts and maps of texts.
func called(t *testing.T, name string, args ...any) (any, *function.FuncError) {
	t.Helper()
	var values []attr.Value
	for _, a := range args {
		switch x := a.(type) {
		case string:
			values = append(values, types.StringValue(x))
		case []string:
			l, _ := types.ListValueFrom(t.Context(), types.StringType, x)
			values = append(values, l)
		case map[string]string:
			m, _ := types.MapValueFrom(t.Context(), types.StringType, x)
			values = append(values, m)
		}
	}
	for _, f := range (&metalwright{}).Functions(t.Context()) {
		if g, ok := f().(*fn); ok && g.name == name {
			return g.run(context.Background(), function.NewArgumentsData(values))
		}
	}
	t.Fatalf("there is no function %s", name)
	return nil, nil
}

func TestFunctions(t *testing.T) {
	for _, c := range []struct {
		name string
		args []any
		want any
		err  string // a part of what is said
	}{
		{"fw_compare", []any{"dell", "6.10.80.00", "6.10.30.20"}, int64(1), ""},
		{"fw_compare", []any{"lenovo", "AFBT58B", "AFBT62A"}, int64(-1), ""},
		{"fw_compare", []any{"hex", "0x10", "0x0f"}, int64(1), ""},
		{"fw_compare", []any{"exact", "a", "b"}, nil, "has no order"},
		{"fw_satisfies", []any{"dotted", "2.10", ">= 2.9, < 3"}, true, ""},
		{"fw_satisfies", []any{"dotted", "2.10", "< 2.9"}, false, ""},
		{"fw_satisfies", []any{"dotted", "2.10", "2.10"}, true, ""},
		{"fw_satisfies", []any{"dotted", "2.10", ">="}, nil, "names no version"},
		{"bios_profile", []any{"dell_r751", "virtualisation"}, nil, `Did you mean "dell_r750"?`},
		{"bios_profile", []any{"dell_r750", "virtualization"}, nil, `Did you mean "virtualisation"?`},
		{"parse_location", []any{"AU/bne1/a01/u12"}, location{"AU", "bne1", "a01", 12}, ""},
		{"parse_location", []any{"XX/bne1/a01/u12"}, nil, "country code"},
		{"parse_location", []any{"AU/bne1/a01/12"}, nil, "rack unit"},
		{"parse_location", []any{"AU/bne1/a01"}, nil, "COUNTRY/SITE/RACK/uN"},
		{"in_jurisdiction", []any{"https://Mirror.lab.example:8443/x", []string{"https://mirror.lab.example"}}, true, ""},
		{"in_jurisdiction", []any{"10.20.9.7:443", []string{"10.20.8.0/22"}}, true, ""},
		{"in_jurisdiction", []any{"10.21.9.7", []string{"10.20.8.0/22"}}, false, ""},
		{"in_jurisdiction", []any{"mirror.lab.example.evil.example", []string{"mirror.lab.example"}}, false, ""},
		{"in_jurisdiction", []any{"", []string{""}}, false, ""},
		{"mac_normalize", []any{"AABB.CCDD.EE0F"}, "aa:bb:cc:dd:ee:0f", ""},
		{"mac_normalize", []any{"aa-bb-cc-dd-ee-0f"}, "aa:bb:cc:dd:ee:0f", ""},
		{"mac_normalize", []any{"aa:bb:cc:dd:ee"}, nil, "not a MAC address"},
		{"slurm_nodes", []any{[]string{"a01-n4", "a01-n1", "a01-n2", "a01-n3", "head", "a01-n7"}}, "a01-n[1-4,7],head", ""},
		{"slurm_nodes", []any{[]string{"n08", "n09", "n10", "n11"}}, "n[08-11]", ""},
		{"slurm_nodes", []any{[]string{"n9", "n10"}}, "n[9-10]", ""},
		{"slurm_nodes", []any{[]string{"n5", "n5"}}, "n5", ""},
		{"slurm_nodes", []any{[]string{}}, "", ""},
		{"redact", []any{`{"a":1,"Password":"x","list":[{"api_key":"y","key":"z","keyboard":"q"}],"token":null}`},
			`{"Password":"(redacted)","a":1,"list":[{"api_key":"(redacted)","key":"(redacted)","keyboard":"q"}],"token":null}`, ""},
		{"redact", []any{"{"}, nil, "not a JSON text"},
	} {
		got, err := called(t, c.name, c.args...)
		switch {
		case c.err != "" && (err == nil || !strings.Contains(err.Text, c.err)):
			t.Errorf("%s%q said %v, want %q", c.name, c.args, err, c.err)
		case c.err == "" && err != nil:
			t.Errorf("%s%q: %s", c.name, c.args, err.Text)
		case c.err == "":
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s%q (-want +got):\n%s", c.name, c.args, diff)
			}
		}
	}
	profile, err := called(t, "bios_profile", "dell_r750", "virtualisation")
	if m, ok := profile.(map[string]string); err != nil || !ok || m["ProcVirtualization"] != "Enabled" {
		t.Errorf("bios_profile: %v, %v", profile, err)
	}
	diff, err := called(t, "bios_diff", map[string]string{"A": "1", "B": "2", "C": "3"}, map[string]string{"A": "1", "B": "9", "D": "4"})
	if err != nil {
		t.Fatal(err.Text)
	}
	l, _ := types.MapValueFrom(t.Context(), types.ObjectType{AttrTypes: map[string]attr.Type{"from": types.StringType, "to": types.StringType}}, diff)
	if got := l.String(); got != `{"B":{"from":"2","to":"9"},"C":{"from":"3","to":<null>},"D":{"from":<null>,"to":"4"}}` {
		t.Errorf("bios_diff: %s", got)
	}
}

// A hostlist names the hosts that it was made of, and no others.
func TestSlurmNodesUnfold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hosts := rapid.SliceOf(rapid.StringMatching(`[a-z]{1,2}(0{0,2}[1-9][0-9]?)?`)).Draw(t, "hosts")
		got := slices.Sorted(maps.Keys(unfolded(t, slurmNodes(hosts))))
		want := slices.Clone(hosts)
		slices.Sort(want)
		want = slices.Compact(want)
		if len(want) == 0 {
			want = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q became %q (-want +got):\n%s", hosts, slurmNodes(hosts), diff)
		}
	})
}

// unfolded reads a hostlist.
func unfolded(t *rapid.T, list string) map[string]bool {
	out := map[string]bool{}
	for list != "" {
		part := list
		if open := strings.IndexByte(list, '['); open >= 0 && !strings.Contains(list[:open], ",") {
			end := strings.IndexByte(list, ']')
			for _, r := range strings.Split(list[open+1:end], ",") {
				from, to, isRange := strings.Cut(r, "-")
				if !isRange {
					to = from
				}
				a, err := strconv.Atoi(from)
				b, err2 := strconv.Atoi(to)
				if err != nil || err2 != nil {
					t.Fatalf("%q is no range", r)
				}
				for n := a; n <= b; n++ {
					s := strconv.Itoa(n)
					if from[0] == '0' || len(from) == len(to) {
						s = fmt.Sprintf("%0*d", len(from), n)
					}
					out[list[:open]+s] = true
				}
			}
			list = strings.TrimPrefix(list[end+1:], ",")
			continue
		}
		part, list, _ = strings.Cut(part, ",")
		out[part] = true
	}
	return out
}
