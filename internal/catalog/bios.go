package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// DecodeBIOS reads the intents and profiles of one catalog file. Everything that could be read is returned, with what is
// wrong. Whether the intents of a profile exist is for Load to see, as they stand in another file.
func DecodeBIOS(file string, src []byte) ([]rack.BIOSIntentDef, []rack.BIOSProfile, diag.List) {
	f, hd := hclparse.NewParser().ParseHCL(src, file)
	d := &decoder{digest: digestOf(src), diags: diag.FromHCL(hd)}
	if f == nil {
		return nil, nil, d.diags
	}
	var intents []rack.BIOSIntentDef
	var profiles []rack.BIOSProfile
	for _, b := range d.blocks(f.Body, map[string][]string{"intent": {"name"}, "profile": {"name"}}) {
		if b.Type == "profile" {
			profiles = append(profiles, d.biosProfile(b))
		} else {
			intents = append(intents, d.intent(b))
		}
	}
	return intents, profiles, d.diags
}

func (d *decoder) intent(b *hcl.Block) rack.BIOSIntentDef {
	v, inner := d.entry(b, blockSpec{"summary": text}, map[string][]string{"offer": {"value"}})
	def := rack.BIOSIntentDef{Name: b.Labels[0], Summary: v.text("summary"), Digest: d.digest}
	for _, x := range inner {
		o := d.block(x, blockSpec{"platform": text, "set": facts})
		if o.text("source") == "" || !o.has("verified") || o.text("platform") == "" {
			d.errorf(x.DefRange, "Catalog entry without source",
				"An offer of intent %s must say whose attributes these are (platform), where they were read (source) and whether "+
					"that is the vendor's own document or a device (verified).", def.Name)
		}
		if len(o.facts) == 0 {
			d.errorf(x.DefRange, "Intent without attributes", "An offer of intent %s sets nothing.", def.Name)
		}
		for attr := range o.facts {
			if macInName.MatchString(attr) {
				d.errorf(x.DefRange, "BIOS attribute of one unit",
					"%s holds a hardware address, so it names one unit and not the model; it may not stand in an intent.", attr)
			}
		}
		def.Offers = append(def.Offers, rack.BIOSOffer{Value: x.Labels[0], Platform: o.text("platform"), Set: o.facts,
			Source: o.text("source"), Verified: o.yes["verified"]})
	}
	if len(def.Offers) == 0 {
		d.errorf(b.DefRange, "Intent without offers", "No platform keeps intent %s.", def.Name)
	}
	return def
}

func (d *decoder) biosProfile(b *hcl.Block) rack.BIOSProfile {
	v := d.block(b, blockSpec{"summary": text, "intents": facts})
	if v.text("source") == "" || !v.has("verified") {
		d.errorf(b.DefRange, "Catalog entry without source", "Profile %s must say who chose it (source, verified).", b.Labels[0])
	}
	p := rack.BIOSProfile{Name: b.Labels[0], Summary: v.text("summary"), Intents: map[string]string{}, Digest: d.digest}
	for name, value := range v.facts {
		p.Intents[name] = fmt.Sprint(value)
	}
	return p
}

// addBIOS files the intents and profiles of one file.
func (c Catalog) addBIOS(name string, src []byte) diag.List {
	intents, profiles, diags := DecodeBIOS(name, src)
	for _, i := range intents {
		if _, twice := c.BIOSIntents[i.Name]; twice {
			diags = append(diags, clash(name, i.Name))
		}
		c.BIOSIntents[i.Name] = i
	}
	for _, p := range profiles {
		if _, twice := c.BIOSProfiles[p.Name]; twice {
			diags = append(diags, clash(name, p.Name))
		}
		c.BIOSProfiles[p.Name] = p
	}
	return diags
}

// checkProfiles holds the profiles against the intents.
func (c Catalog) checkProfiles() diag.List {
	var diags diag.List
	for _, p := range c.BIOSProfiles {
		for name, value := range p.Intents {
			def, ok := c.BIOSIntents[name]
			if ok && slices.Contains(def.Values(), value) {
				continue
			}
			diags = append(diags, diag.Diagnostic{Severity: diag.Error, Summary: "Unknown BIOS intent in catalog",
				Detail: fmt.Sprintf("Profile %s wants %s = %s; the catalog's values of it are [%s].", p.Name, name, value,
					strings.Join(def.Values(), " "))})
		}
	}
	return diags
}
