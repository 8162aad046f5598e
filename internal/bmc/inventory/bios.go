package inventory

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// readBIOS reads what runs and what waits. Pending is a difference: some BMCs keep a full copy of the current values in the
// settings object, some an empty one, and both mean that nothing waits (redfish.md 6.1).
func (r *reader) readBIOS(ctx context.Context, link string) *rack.BIOS {
	res := r.get(ctx, link)
	if res == nil {
		return nil
	}
	attrs, ok := r.attributes(res)
	if !ok {
		return nil
	}
	b := &rack.BIOS{Path: res.URI, Attributes: attrs, Pending: rack.Attributes{}, Registry: text(res.Obj, "AttributeRegistry"),
		ApplyTimes: res.Obj.Strs("@Redfish.Settings", "SupportedApplyTimes")}
	if a, ok := findAction(res.Obj, "Bios.ResetBios"); ok {
		b.ResetAction = a.target
	}
	settings := res.Obj.Link("@Redfish.Settings", "SettingsObject")
	par(
		func() {
			if set := r.get(ctx, settings); set != nil {
				b.SettingsPath = set.URI
				pending, _ := r.attributes(set)
				b.Pending = difference(attrs, pending)
				if jobs := set.Obj.Link("Oem", "Dell", "Jobs"); jobs != "" && len(pending) > 0 && len(pending) < len(attrs)/2 {
					r.readPendingJob(ctx, b, jobs, pending)
				}
			}
		},
		func() {
			if r.wants(rack.FacetRegistry) {
				b.RegistryDoc = r.readRegistry(ctx, res)
			}
		},
	)
	r.drop(link, settings)
	if len(b.Attributes) == 0 && b.SettingsPath == "" && b.Registry == "" {
		return nil // a Bios with nothing in it (a power shelf's form)
	}
	return b
}

// readPendingJob looks for the job that holds what waits, on a BMC that keeps a queue. While it lives every entry of the
// settings object waits, also one that the BIOS shows as current already (R55).
func (r *reader) readPendingJob(ctx context.Context, b *rack.BIOS, jobs string, pending rack.Attributes) {
	for _, j := range r.take(ctx, jobs) {
		state := j.Obj.Str("JobState")
		over := strings.HasPrefix(state, "Completed") || strings.Contains(state, "Fail") || state == "RebootCompleted" || state == ""
		if over || !strings.Contains(strings.ToLower(j.Obj.Str("JobType")), "bios") || strings.Contains(strings.ToLower(j.Obj.Str("JobType")), "update") {
			continue
		}
		b.PendingJob = j.URI
		for name, v := range pending {
			b.Pending[name] = v
		}
		return
	}
}

// attributes reads Attributes; false when something else than an object stands there.
func (r *reader) attributes(res *redfish.Resource) (rack.Attributes, bool) {
	v, there := res.Obj.Lookup("Attributes")
	o := res.Obj.Obj("Attributes")
	if there && v != nil && o == nil {
		r.fieldGap(res, "it is no object", "Attributes")
		return rack.Attributes{}, false
	}
	out := make(rack.Attributes, len(o))
	for k, v := range o {
		if strings.Contains(k, "@") { // annotations are no attributes
			continue
		}
		out[k] = rack.Normal(v)
	}
	return out, true
}

// difference gives the pending values that are not the current ones. A value that only one side writes as text is the same.
func difference(current, pending rack.Attributes) rack.Attributes {
	out := rack.Attributes{}
	for k, want := range pending {
		have, known := current[k]
		if known && sameScalar(want, have) {
			continue
		}
		if !known && (want == nil || want == "") { // passwords that are not set
			continue
		}
		out[k] = want
	}
	return out
}

func sameScalar(a, b any) bool { return scalar(a) == scalar(b) }

func scalar(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}
