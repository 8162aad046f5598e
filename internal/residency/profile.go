// Package residency judges where things are and who may hold them: jurisdictions, policy profiles and rules.
//
// A rule is code over data that is already there; a profile is data that picks rules, parameters and severity. What
// comes out
// is evidence (Finding), never a claim of compliance. The package is pure: facts, profiles and time are arguments.
package residency

import (
	"fmt"
	"maps"
	"slices"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// Profile is one policy of the catalog: au.strategic.
type Profile struct {
	Key          string              `json:"key"`
	Jurisdiction string              `json:"jurisdiction"` // ISO 3166-1 alpha-2, or EU
	Extends      string              `json:"extends,omitempty"`
	Serial       int                 `json:"serial"` // rises with every change
	Reviewed     string              `json:"reviewed,omitempty"`
	Summary      string              `json:"summary,omitempty"`
	Frameworks   []Framework         `json:"frameworks,omitempty"`
	Reside       map[string][]string `json:"reside,omitempty"` // kind of data or power → jurisdictions it may be in
	Erase        []Erase             `json:"erase,omitempty"`
	Rules        map[string]Rule     `json:"rules,omitempty"`
	WaiverDays   int                 `json:"waiver_days,omitempty"` // longest life of a waiver; 0 = 180
	ReviewDays   int                 `json:"review_days,omitempty"` // oldest review; 0 = 180
	Digest       rack.Digest         `json:"digest,omitempty"`      // of the file
	Origin       diag.Origin         `json:"origin,omitzero"`
}

// Framework is a set of controls that the rules give evidence for.
type Framework struct {
	Name     string `json:"name"`
	Catalog  string `json:"catalog,omitempty"`
	Version  string `json:"version,omitempty"`
	Verified bool   `json:"verified"`
}

// Erase is the floor for one kind of medium: results that are accepted. Methods are not ordered.
type Erase struct {
	Media     string         `json:"media"` // flash, magnetic, volatile
	Accept    []EraseAccept  `json:"accept,omitempty"`
	Then      []string       `json:"then,omitempty"`
	PowerOffS int            `json:"power_off_s,omitempty"`
	Evidences []string       `json:"evidences,omitempty"`
	Extra     map[string]any `json:"extra,omitempty"`
}

// EraseAccept is one accepted result.
type EraseAccept struct {
	Method    string   `json:"method"`
	Passes    int      `json:"passes,omitempty"`
	Pattern   string   `json:"pattern,omitempty"`
	ReadBack  string   `json:"read_back,omitempty"`
	Evidences []string `json:"evidences,omitempty"`
}

// Rule is how a profile uses one rule of this package.
type Rule struct {
	Severity  string         `json:"severity"` // error, warning
	Waivable  bool           `json:"waivable"`
	Evidences []string       `json:"evidences,omitempty"` // control ids
	Params    map[string]any `json:"params,omitempty"`
}

// The defaults of profiles, in days (sovereignty: longest waiver, oldest review).
const (
	defaultWaiverDays = 180
	defaultReviewDays = 180
)

// MaxWaiverDays is the longest life of a waiver under the profile.
func (p Profile) MaxWaiverDays() int {
	if p.WaiverDays > 0 {
		return p.WaiverDays
	}
	return defaultWaiverDays
}

// Allowed lists the jurisdictions where a kind of data may be; without a list of its own, the profile's jurisdiction.
func (p Profile) Allowed(kind string) []string {
	if l := p.Reside[kind]; len(l) > 0 {
		return l
	}
	return []string{p.Jurisdiction}
}

// Waivable tells whether a waiver may loosen the rule. A rule that the profile does not name may be waived.
func (p Profile) Waivable(rule string) bool {
	r, ok := p.Rules[rule]
	return !ok || r.Waivable
}

// Severity is what breaking the rule means: "error" unless the profile says "warning".
func (p Profile) Severity(rule string) string {
	if r, ok := p.Rules[rule]; ok && r.Severity != "" {
		return r.Severity
	}
	return "error"
}

// Merge resolves extends. A child only tightens its parent: reside lists intersect, rules unite, the higher severity
// wins,
// not waivable stays so, accepted erasures are a subset. What would loosen is an error on the child.
func Merge(in map[string]Profile) (map[string]Profile, diag.List) {
	m := merger{in: in, out: map[string]Profile{}, busy: map[string]bool{}}
	for _, k := range slices.Sorted(maps.Keys(in)) {
		m.merge(k)
	}
	return m.out, m.diags
}

type merger struct {
	in, out map[string]Profile
	busy    map[string]bool
	diags   diag.List
}

func (m *merger) errorf(p Profile, summary, format string, args ...any) {
	m.diags = append(m.diags, diag.Diagnostic{Severity: diag.Error, Summary: summary, Subject: p.Origin,
		Detail: fmt.Sprintf(format, args...)})
}

func (m *merger) merge(key string) (Profile, bool) {
	if p, ok := m.out[key]; ok {
		return p, true
	}
	p, ok := m.in[key]
	if !ok || m.busy[key] {
		return Profile{}, false
	}
	if p.Extends == "" {
		m.out[key] = p
		return p, true
	}
	m.busy[key] = true
	defer delete(m.busy, key)
	parent, ok := m.merge(p.Extends)
	if !ok {
		m.errorf(p, "Unknown parent policy", "Policy %s extends policies.%s, which does not exist or extends this "+
			"one.%s",
			key, p.Extends, diag.DidYouMean(p.Extends, slices.Sorted(maps.Keys(m.in))))
		m.out[key] = p
		return p, true
	}
	p = m.tighten(p, parent)
	m.out[key] = p
	return p, true
}

func (m *merger) tighten(p, parent Profile) Profile {
	if p.Jurisdiction == "" {
		p.Jurisdiction = parent.Jurisdiction
	} else if p.Jurisdiction != parent.Jurisdiction && !Within(p.Jurisdiction, []string{parent.Jurisdiction}) {
		m.errorf(p, "Policy loosens its parent", "Policy %s is for %s, its parent policies.%s for %s.",
			p.Key, p.Jurisdiction, parent.Key, parent.Jurisdiction)
	}
	reside := maps.Clone(parent.Reside)
	if reside == nil {
		reside = map[string][]string{}
	}
	for _, kind := range slices.Sorted(maps.Keys(p.Reside)) {
		list := p.Reside[kind]
		if up, ok := parent.Reside[kind]; ok {
			for _, c := range list {
				if !Within(c, up) {
					m.errorf(p, "Policy loosens its parent", "Policy %s lets %s be in %s; its parent policies.%s "+
						"does not.",
						p.Key, kind, c, parent.Key)
				}
			}
			list = slices.DeleteFunc(slices.Clone(list), func(c string) bool { return !Within(c, up) })
		}
		reside[kind] = list
	}
	p.Reside = reside
	p.Rules = m.tightenRules(p, parent)
	p.Erase = tightenErase(p.Erase, parent.Erase)
	p.Frameworks = tightenFrameworks(p.Frameworks, parent.Frameworks)
	p.WaiverDays = tighterDays(p.WaiverDays, parent.WaiverDays)
	p.ReviewDays = tighterDays(p.ReviewDays, parent.ReviewDays)
	return p
}

func tighterDays(child, parent int) int {
	if parent == 0 || child != 0 && child < parent {
		return child
	}
	return parent
}

func (m *merger) tightenRules(p, parent Profile) map[string]Rule {
	out := maps.Clone(parent.Rules)
	if out == nil {
		out = map[string]Rule{}
	}
	for _, id := range slices.Sorted(maps.Keys(p.Rules)) {
		r := p.Rules[id]
		up, ok := parent.Rules[id]
		if !ok {
			out[id] = r
			continue
		}
		if r.Severity == "" || up.Severity == "error" {
			r.Severity = up.Severity
		}
		r.Waivable = r.Waivable && up.Waivable
		r.Evidences = union(up.Evidences, r.Evidences)
		params := maps.Clone(up.Params)
		if params == nil {
			params = map[string]any{}
		}
		maps.Copy(params, r.Params)
		r.Params = params
		out[id] = r
	}
	return out
}

// tightenErase keeps the parent's floor for media that the child does not name; for others the child's list stands,
// without
// what the parent does not accept.
func tightenErase(child, parent []Erase) []Erase {
	out := slices.Clone(child)
	for _, up := range parent {
		i := slices.IndexFunc(out, func(e Erase) bool { return e.Media == up.Media })
		if i < 0 {
			out = append(out, up)
			continue
		}
		if len(up.Accept) > 0 {
			kept := slices.DeleteFunc(slices.Clone(out[i].Accept), func(a EraseAccept) bool {
				return !slices.ContainsFunc(up.Accept, func(b EraseAccept) bool { return a.atLeast(b) })
			})
			if len(kept) == 0 {
				kept = up.Accept
			}
			out[i].Accept = kept
		}
		out[i].PowerOffS = max(out[i].PowerOffS, up.PowerOffS)
		out[i].Evidences = union(up.Evidences, out[i].Evidences)
	}
	slices.SortFunc(out, func(a, b Erase) int { return compare(a.Media, b.Media) })
	return out
}

// atLeast tells whether a result that a accepts is one that b accepts.
func (a EraseAccept) atLeast(b EraseAccept) bool {
	readBack := map[string]int{"": 0, "none": 0, "sampled": 1, "full": 2}
	return a.Method == b.Method && a.Passes >= b.Passes && (b.Pattern == "" || a.Pattern == b.Pattern) &&
		readBack[a.ReadBack] >= readBack[b.ReadBack]
}

func tightenFrameworks(child, parent []Framework) []Framework {
	out := slices.Clone(child)
	for _, f := range parent {
		if !slices.ContainsFunc(out, func(g Framework) bool { return g.Name == f.Name }) {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b Framework) int { return compare(a.Name, b.Name) })
	return out
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
