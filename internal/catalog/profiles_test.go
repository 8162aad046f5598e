package catalog_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
)

// TestProfilesFitTheRegistry holds every BIOS profile against the attribute registry that the simulated platform offers:
// name, type, allowed value, not read-only. Real registries are held by the planner, node by node.
func TestProfilesFitTheRegistry(t *testing.T) {
	for key, h := range load(t).Hardware {
		if len(h.Profiles) == 0 {
			continue
		}
		reg, ok := sim.Registry(h.Dialect)
		if !ok {
			t.Errorf("%s: the simulator has no registry for dialect %q", key, h.Dialect)
			continue
		}
		known := map[string]rack.RegistryAttribute{}
		for _, a := range reg.Attributes {
			known[a.Name] = a
		}
		for name, profile := range h.Profiles {
			for attr, want := range profile {
				a, ok := known[attr]
				if !ok {
					t.Errorf("%s, profile %s: %s is not in the registry.%s", key, name, attr,
						diag.DidYouMean(attr, slices.Sorted(maps.Keys(known))))
					continue
				}
				if !takes(a, want) {
					t.Errorf("%s, profile %s: %s (%s) does not take %v", key, name, attr, a.Type, want)
				}
			}
		}
	}
}

// takes tells whether an attribute may have a value, by what does not depend on other attributes.
func takes(a rack.RegistryAttribute, want any) bool {
	if a.ReadOnly || a.Immutable {
		return false
	}
	switch v := want.(type) {
	case string:
		return a.Type == "String" || a.Type == "Enumeration" && slices.ContainsFunc(a.Values, func(x rack.RegistryValue) bool {
			return x.Name == v || x.DisplayName == v
		})
	case bool:
		return a.Type == "Boolean"
	case int64:
		return a.Type == "Integer" && (a.LowerBound == nil || a.LowerBound.Int64() <= v) &&
			(a.UpperBound == nil || !a.UpperBound.IsInt64() || v <= a.UpperBound.Int64())
	}
	return false
}
