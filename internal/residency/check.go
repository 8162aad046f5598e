package residency

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// Status is how a rule came out. The zero value is NotAssessed: a rule that lacks its data never says Met.
type Status uint8

// The statuses.
const (
	NotAssessed Status = iota
	Met
	NotMet
	Waived
)

var statusNames = [...]string{"not_assessed", "met", "not_met", "waived"}

// String gives the name used in JSON.
func (s Status) String() string { return statusNames[min(int(s), len(statusNames)-1)] }

// MarshalText writes the name.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the name.
func (s *Status) UnmarshalText(b []byte) error {
	i := slices.Index(statusNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("unknown finding status %q", b)
	}
	*s = Status(i)
	return nil
}

// Finding is what one rule says about one element.
type Finding struct {
	Rule      string         `json:"rule"`
	Address   rack.Address   `json:"address"`
	About     []rack.Address `json:"about,omitempty"` // further elements that a waiver may name
	Policy    string         `json:"policy,omitempty"`
	Status    Status         `json:"status"`
	Severity  string         `json:"severity"`
	Expected  string         `json:"expected,omitempty"`
	Observed  string         `json:"observed,omitempty"`
	Detail    string         `json:"detail,omitempty"` // full sentences: what, why, the way out
	Evidences []string       `json:"evidences,omitempty"`
	Waiver    rack.Address   `json:"waiver,omitempty"`
	Origin    diag.Origin    `json:"origin,omitzero"`
}

// Facts are what the rules are judged on. Seen is nil before a survey.
type Facts struct {
	Design rack.Design
	Seen   *rack.Observation
}

// Check judges every rule of every policy that a region of the Design names, in a stable order. profiles are merged
// ones. The
// waivers are the Design's own; with a zero now nothing that depends on the day is judged, and waivers count as valid.
func Check(f Facts, profiles map[string]Profile, now time.Time) []Finding {
	c := checker{design: f.Design, profiles: profiles, now: now, origins: map[string]diag.Origin{}}
	for _, p := range f.Design.Provenance {
		c.origins[p.Path] = p.Origin
	}
	for _, r := range f.Design.Regions {
		if p, ok := profiles[r.Policy]; ok && r.Jurisdiction != "" {
			c.region(r, p)
		}
	}
	for _, s := range f.Design.Sites {
		if p, ok := c.profileOf(s); ok && s.Country != "" {
			c.site(s, p)
		}
	}
	c.uses()
	for i := range c.found {
		c.waive(&c.found[i])
	}
	sort.SliceStable(c.found, func(i, j int) bool {
		a, b := c.found[i], c.found[j]
		if a.Rule != b.Rule {
			return a.Rule < b.Rule
		}
		return a.Address < b.Address
	})
	return c.found
}

type checker struct {
	design   rack.Design
	profiles map[string]Profile
	now      time.Time
	origins  map[string]diag.Origin
	found    []Finding
}

func (c *checker) profileOf(s rack.Site) (Profile, bool) {
	for _, r := range c.design.Regions {
		if r.Address == s.Region {
			p, ok := c.profiles[r.Policy]
			return p, ok
		}
	}
	return Profile{}, false
}

func (c *checker) origin(path string, fallback diag.Origin) diag.Origin {
	if o, ok := c.origins[path]; ok && !o.IsZero() {
		return o
	}
	return fallback
}

func (c *checker) add(p Profile, f Finding) {
	f.Policy = p.Key
	f.Severity = p.Severity(f.Rule)
	f.Evidences = p.Rules[f.Rule].Evidences
	c.found = append(c.found, f)
}

// waive turns a finding that is not met into Waived when a valid waiver covers it.
func (c *checker) waive(f *Finding) {
	if f.Status != NotMet || !c.profiles[f.Policy].Waivable(f.Rule) {
		return
	}
	if w, ok := WaiverFor(c.design.Waivers, f.Rule, append([]rack.Address{f.Address}, f.About...), c.now); ok {
		f.Status, f.Waiver = Waived, w.Address
	}
}

// WaiverFor finds a waiver for the rule that covers one of the addresses and has not expired. A zero now lets none
// expire.
func WaiverFor(ws []rack.Waiver, rule string, about []rack.Address, now time.Time) (rack.Waiver, bool) {
	for _, w := range ws {
		if w.Rule != rule || Expired(w, now) {
			continue
		}
		if len(w.Targets) == 0 || slices.ContainsFunc(w.Targets,
			func(a rack.Address) bool { return slices.Contains(about, a) }) {
			return w, true
		}
	}
	return rack.Waiver{}, false
}

// Expired tells whether the waiver's last day is over. A day that cannot be read is over.
func Expired(w rack.Waiver, now time.Time) bool {
	last, err := time.Parse(time.DateOnly, w.Expires)
	return err != nil || !now.IsZero() && !now.Before(last.AddDate(0, 0, 1))
}

func (c *checker) region(r rack.Region, p Profile) {
	f := Finding{Rule: "place.match", Address: r.Address, Status: Met, Expected: "in " + p.Jurisdiction,
		Observed: r.Jurisdiction, Origin: c.origin(string(r.Address)+".jurisdiction", r.Origin)}
	if !p.covers(r.Jurisdiction) {
		f.Status = NotMet
		f.Detail = fmt.Sprintf("%s is in %s; policies.%s is for %s. Choose a policy of %s, or correct the "+
			"jurisdiction.",
			r.Address, r.Jurisdiction, p.Key, p.Jurisdiction, r.Jurisdiction)
	}
	c.add(p, f)
	c.fresh(r, p)
	for _, id := range slices.Sorted(maps.Keys(p.Rules)) {
		if spec, ok := rules[id]; ok && !spec.plan {
			c.add(p, Finding{Rule: id, Address: r.Address, Origin: r.Origin,
				Detail: "This rule needs more than the design; this version does not assess it."})
		}
	}
}

// covers tells whether the policy is for the country: its own, or one that it lists for storage and processing.
func (p Profile) covers(country string) bool {
	if Within(country, []string{p.Jurisdiction}) {
		return true
	}
	return Within(country, p.Allowed("storage")) && Within(country, p.Allowed("processing"))
}

func (c *checker) fresh(r rack.Region, p Profile) {
	f := Finding{Rule: "catalog.fresh", Address: r.Address, Observed: p.Reviewed,
		Origin: c.origin(string(r.Address)+".policy", r.Origin)}
	day, err := time.Parse(time.DateOnly, p.Reviewed)
	limit := p.ReviewDays
	if n, ok := p.Rules["catalog.fresh"].Params["max_days"].(float64); ok {
		limit = int(n)
	}
	if limit <= 0 {
		limit = defaultReviewDays
	}
	f.Expected = fmt.Sprintf("reviewed within %d days", limit)
	if err == nil && !c.now.IsZero() {
		f.Status = Met
		if c.now.After(day.AddDate(0, 0, limit)) {
			f.Status = NotMet
			f.Detail = fmt.Sprintf("policies.%s was last reviewed on %s, more than %d days ago. Read its sources "+
				"again and raise its serial.",
				p.Key, p.Reviewed, limit)
		}
	}
	c.add(p, f)
	if _, named := p.Rules["catalog.fresh"]; !named {
		c.found[len(c.found)-1].Severity = "warning" // the rule's own default: an old review is no fault of the blueprint
	}
}

func (c *checker) site(s rack.Site, p Profile) {
	f := Finding{Rule: "place.match", Address: s.Address, About: []rack.Address{s.Region}, Status: Met,
		Expected: "in " + p.Jurisdiction,
		Observed: s.Country, Origin: c.origin(string(s.Address)+".country", s.Origin)}
	jurisdiction := ""
	for _, r := range c.design.Regions {
		if r.Address == s.Region {
			jurisdiction = r.Jurisdiction
		}
	}
	switch {
	case !p.covers(s.Country):
		f.Status = NotMet
		f.Detail = fmt.Sprintf("Site %s is in %s; policies.%s keeps storage and processing in %s. Move it or choose "+
			"another policy.",
			s.Name, s.Country, p.Key, strings.Join(p.Allowed("storage"), ", "))
	case !Within(s.Country, []string{jurisdiction}) && jurisdiction != s.Country:
		f.Status = NotMet
		f.Detail = fmt.Sprintf("Site %s is in %s; its region %s is bound to %s. Put it in a region of %s.",
			s.Name, s.Country, s.Region, jurisdiction, s.Country)
	}
	c.add(p, f)
	for _, role := range slices.Sorted(maps.Keys(s.Endpoints)) {
		for _, e := range s.Endpoints[role] {
			c.endpoint(s, p, role, e)
		}
	}
	for _, l := range s.Backbone {
		c.path(s, p, l)
	}
}

// roleKinds maps an endpoint's role to the kind of data that goes there. Every other role is processing.
var roleKinds = map[string]string{"registry": "artifacts", "artifacts": "artifacts", "mirror": "artifacts",
	"kms":       "keys",
	"vault":     "keys",
	"telemetry": "logs", "logs": "logs", "syslog": "logs", "backup": "backup", "storage": "storage"}

func (c *checker) endpoint(s rack.Site, p Profile, role, e string) {
	kind, ok := roleKinds[role]
	if !ok {
		kind = "processing"
	}
	allowed := p.Allowed(kind)
	f := Finding{Rule: "endpoint.closed", Address: s.Address, Status: Met,
		Expected: kind + " in " + strings.Join(allowed, ", "),
		Observed: role + " " + e, Origin: c.origin(string(s.Address)+".endpoints."+role, s.Origin)}
	host := Host(e)
	if ip, err := netip.ParseAddr(host); err == nil {
		if !localAddr(ip) && !inNetworks(ip, s.Networks) {
			f.Status = NotAssessed
			f.Detail = fmt.Sprintf("Where the public address %s stands is unknown. Give a network of site %s that "+
				"holds it.",
				ip, s.Name)
		}
	} else if at, known := placeOf(host); known && !Within(at.country, allowed) {
		f.Status = NotMet
		f.Detail = fmt.Sprintf("Site %s is bound to %s by policies.%s; %s is in %s (%s). Use a mirror in the "+
			"region, or waive endpoint.closed.", s.Name, strings.Join(allowed, ", "), p.Key, host,
			at.country, at.because)
	}
	c.add(p, f)
}

func (c *checker) path(s rack.Site, p Profile, l rack.BackboneLink) {
	if l.Via == "" {
		return
	}
	allowed := p.Allowed("transit")
	f := Finding{Rule: "place.path", Address: s.Address, Expected: "transit in " + strings.Join(allowed, ", "),
		Observed: l.Via,
		Status:   Met, Origin: c.origin(string(s.Address)+".backbone."+l.To+".via", s.Origin)}
	for _, via := range strings.FieldsFunc(l.Via, func(r rune) bool { return r == ',' || r == ' ' || r == '>' }) {
		switch {
		case !ValidJurisdiction(via):
			if f.Status == Met {
				f.Status = NotAssessed
			}
		case !Within(via, allowed):
			f.Status = NotMet
			f.Detail = fmt.Sprintf("The path %s to %s crosses %s; policies.%s lets transit cross %s. Give the "+
				"carrier's in-country path "+
				"or remove the link.", s.Name, l.To, via, p.Key, strings.Join(allowed, ", "))
		}
	}
	c.add(p, f)
}

// uses judges what the design dials: images of hosts and addresses of arrays. Each must be an endpoint or in a network.
func (c *checker) uses() {
	for _, n := range c.design.Nodes {
		s, _ := c.design.SiteOf(n)
		p, ok := c.profileOf(s)
		if ok && n.Boot != nil && n.Boot.HTTPURI != "" {
			c.use(n.Address, []rack.Address{s.Address}, p, []rack.Site{s}, n.Boot.HTTPURI, "http_uri",
				c.origin(string(n.Address)+".boot.http_uri", n.Boot.Origin))
		}
		if ok {
			c.ipmi(n, s, p)
			c.settings(n, s, p)
		}
		if n.Media == nil || !ok {
			continue
		}
		c.use(n.Address, []rack.Address{n.Media.OS, s.Address}, p, []rack.Site{s}, n.Media.Image, "image",
			c.origin(string(n.Media.OS)+".image", n.Media.Origin))
	}
	for _, e := range c.design.Unplanned {
		if e.Kind != "storage" || len(c.design.Sites) == 0 {
			continue
		}
		var v struct {
			At struct{ Address string }
		}
		if json.Unmarshal(e.Values, &v) != nil || v.At.Address == "" {
			continue
		}
		if p, ok := c.profileOf(c.design.Sites[0]); ok {
			c.use(e.Address, nil, p, c.design.Sites, v.At.Address, "address", c.origin(string(e.Address)+".at.address",
				e.Origin))
		}
	}
}

func (c *checker) use(a rack.Address, about []rack.Address, p Profile, in []rack.Site, target, what string,
	at diag.Origin) {
	f := Finding{Rule: "endpoint.closed", Address: a, About: about, Status: Met,
		Expected: "an endpoint or network of the site",
		Observed: target, Origin: at}
	host := Host(target)
	known := slices.ContainsFunc(in, func(s rack.Site) bool {
		for _, list := range s.Endpoints {
			if slices.ContainsFunc(list, func(e string) bool { return Host(e) == host }) {
				return true
			}
		}
		ip, err := netip.ParseAddr(host)
		return err == nil && inNetworks(ip, s.Networks)
	})
	if !known {
		f.Status = NotMet
		f.Detail = fmt.Sprintf("The %s names %s, which is neither an endpoint nor in a network of site %s. Add it "+
			"to the site's closed "+
			"list, or use a mirror that is on it.", what, host, siteNames(in))
	}
	c.add(p, f)
}

func siteNames(in []rack.Site) string {
	var names []string
	for _, s := range in {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

// Host takes the host out of a URL, "host:port" or a bare host or address, in lower case. It never asks a name server.
func Host(s string) string {
	if u, err := url.Parse(s); err == nil && u.Host != "" {
		return strings.ToLower(u.Hostname())
	}
	s, _, _ = strings.Cut(s, "/")
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().String()
	}
	if strings.Count(s, ":") == 1 {
		s, _, _ = strings.Cut(s, ":")
	}
	return strings.ToLower(strings.Trim(s, "[]"))
}

func localAddr(ip netip.Addr) bool {
	return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast()
}

func inNetworks(ip netip.Addr, nets []rack.Network) bool {
	return slices.ContainsFunc(nets, func(n rack.Network) bool {
		p, err := netip.ParsePrefix(n.CIDR)
		return err == nil && p.Contains(ip)
	})
}

// Diagnostics says to a person what the findings mean: what is not met by its severity, what is waived and what could
// not be
// checked from the design as warnings.
func Diagnostics(found []Finding) diag.List {
	var out diag.List
	for _, f := range found {
		spec := rules[f.Rule]
		d := diag.Diagnostic{Severity: diag.Error, Summary: spec.summary, Detail: f.Detail, Rule: f.Rule,
			Address: string(f.Address), Subject: f.Origin}
		if f.Severity == "warning" {
			d.Severity = diag.Warning
		}
		switch {
		case f.Status == NotMet:
		case f.Status == Waived:
			d.Severity = diag.Warning
			d.Detail += fmt.Sprintf("\n\nWaived by %s.", f.Waiver)
		case f.Status == NotAssessed && spec.plan && f.Detail != "":
			d.Severity = diag.Warning
			d.Summary = "Not checked"
		default:
			continue
		}
		out = append(out, d)
	}
	return out
}
