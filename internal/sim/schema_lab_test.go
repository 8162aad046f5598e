package sim_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/sim"
)

// findings collects what is untrue, each thing once, however many resources and states repeat it.
type findings struct {
	where map[string]string
	count map[string]int
}

func (f *findings) add(what, where string) {
	if f.where == nil {
		f.where, f.count = map[string]string{}, map[string]int{}
	}
	if f.count[what]++; f.count[what] == 1 {
		f.where[what] = where
	}
}

func (f *findings) report(t testing.TB) {
	t.Helper()
	for _, what := range slices.Sorted(maps.Keys(f.where)) {
		t.Errorf("%s: %s (%d times)", f.where[what], what, f.count[what])
	}
}

// judge holds every answer of a probe against the schemas and registries.
func (p *probe) judge(d *dmtf, f *findings, state *string) {
	p.login()
	p.ownRegistries()
	p.logout()
	p.seen = func(method, uri string, r reply) {
		where := fmt.Sprintf("%s: %s %s %d", *state, method, uri, r.status)
		if len(r.raw) == 0 {
			if r.status != http.StatusNoContent && method != http.MethodHead {
				f.add("an answer without a body", where)
			}
			return
		}
		for _, bad := range d.check(r.raw) {
			f.add(bad, where)
		}
		for _, bad := range d.checkMessages(r.obj, p.own) {
			f.add(bad, where)
		}
		if r.obj["error"] == nil && r.status >= 400 || r.obj["error"] != nil && r.status < 300 && method == http.MethodGet {
			f.add("status and body contradict each other", where)
		}
	}
}

// ownRegistries reads the message registries that the service publishes itself, as "PREFIX.MAJOR.MINOR" and with the erratum.
func (p *probe) ownRegistries() {
	p.t.Helper()
	for _, uri := range p.members(link(p.get("/redfish/v1"), "Registries")) {
		for _, loc := range p.get(uri)["Location"].([]any) {
			at, _ := loc.(obj)["Uri"].(string)
			if at == "" {
				continue
			}
			var r messageRegistry
			raw := p.must(http.StatusOK, "GET", at, nil).raw
			if json.Unmarshal(raw, &r) != nil || r.RegistryPrefix == "" || r.Messages == nil {
				continue
			}
			major, rest, _ := strings.Cut(r.RegistryVersion, ".")
			minor, _, _ := strings.Cut(rest, ".")
			p.own[r.RegistryPrefix+"."+r.RegistryVersion] = r
			p.own[r.RegistryPrefix+"."+major+"."+minor] = r
		}
	}
}

// TestAnswersValidate walks every resource of a node of every dialect in every state of its life, and holds each answer, those to
// writes and refusals too, against the schema of its own @odata.type and against the message registries.
func TestAnswersValidate(t *testing.T) {
	d := needsDMTF(t)
	eachDialect(t, sim.Options{Seed: 11}, func(p *probe) {
		var f findings
		state := "before"
		p.judge(d, &f, &state)
		walks := 0
		p.life(func(s string) {
			state = s
			pages := p.walk()
			if len(pages) < 60 {
				p.t.Errorf("%s: only %d resources", s, len(pages))
			}
			if s == "pending" {
				p.queries(pages)
			}
			walks++
		})
		state = "refusals"
		p.refusals()
		for _, bad := range d.checkMessages(p.bmc.Messages(), p.own) {
			f.add(bad, "table of messages")
		}
		f.report(p.t)
		if walks < 15 {
			p.t.Errorf("only %d states", walks)
		}
	})
}

// queries asks every collection for parts of it and for its members expanded, where that is announced.
func (p *probe) queries(pages []page) {
	p.t.Helper()
	expand := at(p.get("/redfish/v1"), "ProtocolFeaturesSupported", "ExpandQuery")
	levels, _ := at(expand, "MaxLevels").(float64)
	queries := map[string]bool{".": levels > 0, "*": at(expand, "ExpandAll") == true, fmt.Sprintf(".($levels=%d)", int(levels)): levels > 0}
	for _, pg := range pages {
		members, isCollection := pg.obj["Members"].([]any)
		if !isCollection || strings.Contains(pg.uri, "?") {
			continue
		}
		for _, q := range []string{"$top=1", "$skip=1", "$skip=1&$top=1"} {
			p.must(http.StatusOK, "GET", pg.uri+"?"+q, nil)
		}
		for q, announced := range queries {
			o := p.must(http.StatusOK, "GET", pg.uri+"?$expand="+q, nil).obj
			list, _ := o["Members"].([]any)
			if len(list) != len(members) {
				p.t.Errorf("%s?$expand=%s has %d members, want %d", pg.uri, q, len(list), len(members))
			}
			if m, _ := slices.Concat(list, []any{nil})[0].(obj); m != nil && (m["@odata.type"] != nil) != announced {
				p.t.Errorf("%s?$expand=%s: expanded %v, announced %v", pg.uri, q, m["@odata.type"] != nil, announced)
			}
		}
	}
}
