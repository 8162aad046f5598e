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
	own := map[string]messageRegistry{}
	p.login()
	p.ownRegistries(own)
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
		for _, bad := range d.checkMessages(r.obj, own) {
			f.add(bad, where)
		}
		if r.obj["error"] == nil && r.status >= 400 || r.obj["error"] != nil && r.status < 300 && method == http.MethodGet {
			f.add("status and body contradict each other", where)
		}
	}
}

// ownRegistries reads the message registries that the service publishes itself, as "PREFIX.MAJOR.MINOR" and with the erratum.
func (p *probe) ownRegistries(out map[string]messageRegistry) {
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
			out[r.RegistryPrefix+"."+r.RegistryVersion] = r
			out[r.RegistryPrefix+"."+major+"."+minor] = r
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
			if n := len(p.walk()); n < 60 {
				p.t.Errorf("%s: only %d resources", s, n)
			}
			walks++
		})
		state = "refusals"
		p.refusals()
		f.report(p.t)
		if walks < 15 {
			p.t.Errorf("only %d states", walks)
		}
	})
}
