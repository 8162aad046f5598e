package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/metalwright/metalwright/firmware"
	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/diag"
)

func firmwareFunctions() []*fn {
	scheme := function.StringParameter{Name: "scheme", MarkdownDescription: "How the vendor writes versions: `" + strings.Join(firmware.Schemes(), "`, `") + "`."}
	version := func(name string) function.StringParameter {
		return function.StringParameter{Name: name, MarkdownDescription: "A version, as the BMC tells it."}
	}
	settings := func(name, what string) function.MapParameter {
		return function.MapParameter{Name: name, ElementType: types.StringType, MarkdownDescription: what}
	}
	change := types.ObjectType{AttrTypes: map[string]attr.Type{"from": types.StringType, "to": types.StringType}}
	return []*fn{
		{name: "fw_compare", summary: "Compare two firmware versions", doc: "-1 when `a` is older than `b`, 0 when they are equal, 1 when it is newer, in the vendor's own order.",
			params: []function.Parameter{scheme, version("a"), version("b")}, returns: function.Int64Return{},
			run: func(ctx context.Context, args function.ArgumentsData) (any, *function.FuncError) {
				var s, a, b string
				if err := args.Get(ctx, &s, &a, &b); err != nil {
					return nil, err
				}
				n, err := firmware.Compare(s, a, b)
				if err != nil {
					return nil, function.NewFuncError(sentence(err.Error()))
				}
				return int64(n), nil
			}},
		{name: "fw_satisfies", summary: "Hold a firmware version against a constraint",
			doc:     "Whether a version meets all parts of a constraint such as `\">= 6.10.80.00, < 7\"`, in the vendor's own order.",
			params:  []function.Parameter{scheme, version("version"), function.StringParameter{Name: "constraint", MarkdownDescription: "Parts with `=`, `!=`, `>`, `>=`, `<` or `<=`, divided by commas."}},
			returns: function.BoolReturn{},
			run: func(ctx context.Context, args function.ArgumentsData) (any, *function.FuncError) {
				var s, v, c string
				if err := args.Get(ctx, &s, &v, &c); err != nil {
					return nil, err
				}
				ok, err := satisfies(s, v, c)
				if err != nil {
					return nil, wrong(2, err)
				}
				return ok, nil
			}},
		{name: "bios_diff", summary: "Differences between two sets of BIOS attributes",
			doc:    "Of each attribute that differs: what it is and what it would be. One that is missing on a side is null there.",
			params: []function.Parameter{settings("is", "Attributes as they are."), settings("wanted", "Attributes as they shall be.")}, returns: function.MapReturn{ElementType: change},
			run: func(ctx context.Context, args function.ArgumentsData) (any, *function.FuncError) {
				var is, want map[string]string
				if err := args.Get(ctx, &is, &want); err != nil {
					return nil, err
				}
				type pair struct {
					From *string `tfsdk:"from"`
					To   *string `tfsdk:"to"`
				}
				out := map[string]pair{}
				at := func(m map[string]string, k string) *string {
					if v, ok := m[k]; ok {
						return &v
					}
					return nil
				}
				for _, k := range slices.Concat(slices.Collect(maps.Keys(is)), slices.Collect(maps.Keys(want))) {
					from, to := at(is, k), at(want, k)
					if from == nil || to == nil || *from != *to {
						out[k] = pair{from, to}
					}
				}
				return out, nil
			}},
		{name: "bios_profile", summary: "Attributes of a BIOS profile of the catalog", doc: "The attributes that a profile of one platform sets, under the vendor's names.",
			params: []function.Parameter{function.StringParameter{Name: "hardware", MarkdownDescription: "Key of the catalog: `dell_r750`."},
				function.StringParameter{Name: "profile", MarkdownDescription: "Name of the profile: `virtualisation`."}},
			returns: function.MapReturn{ElementType: types.StringType}, run: biosProfile},
	}
}

// satisfies holds a version against the parts of a constraint.
func satisfies(scheme, version, constraint string) (bool, error) {
	met := true
	for part := range strings.SplitSeq(constraint, ",") {
		part = strings.TrimSpace(part)
		op, want := "=", part
		for _, o := range []string{">=", "<=", "!=", ">", "<", "="} {
			if rest, ok := strings.CutPrefix(part, o); ok {
				op, want = o, strings.TrimSpace(rest)
				break
			}
		}
		if want == "" {
			return false, errors.New("a part of the constraint names no version")
		}
		n, err := firmware.Compare(scheme, version, want)
		if err != nil {
			return false, err
		}
		met = met && map[string]bool{"=": n == 0, "!=": n != 0, ">": n > 0, ">=": n >= 0, "<": n < 0, "<=": n <= 0}[op]
	}
	return met, nil
}

func biosProfile(ctx context.Context, args function.ArgumentsData) (any, *function.FuncError) {
	var hardware, profile string
	if err := args.Get(ctx, &hardware, &profile); err != nil {
		return nil, err
	}
	c, err := catalog.Load()
	if err != nil {
		return nil, function.NewFuncError(sentence(err.Error()))
	}
	h, ok := c.Hardware["server."+hardware]
	if !ok {
		var known []string
		for k := range c.Hardware {
			if name, server := strings.CutPrefix(k, "server."); server {
				known = append(known, name)
			}
		}
		slices.Sort(known)
		return nil, wrong(0, fmt.Errorf("the catalog has no server %q.%s", hardware, diag.DidYouMean(hardware, known)))
	}
	attributes, ok := h.Profiles[profile]
	if !ok {
		known := slices.Sorted(maps.Keys(h.Profiles))
		return nil, wrong(1, fmt.Errorf("%s has no profile %q, it has %s.%s", hardware, profile, strings.Join(known, ", "), diag.DidYouMean(profile, known)))
	}
	out := map[string]string{}
	for k, v := range attributes {
		out[k] = fmt.Sprint(v)
	}
	return out, nil
}
