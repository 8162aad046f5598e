package sim_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/sim"
)

// overlapping are the dialects whose pages of a collection repeat all that follows, each with a count of its own (R108).
var overlapping = []string{"ami"}

// TestLinksResolve walks a node of every dialect in every state of its life: no link leads nowhere, every resource says its own
// URI, counts are right, targets of actions take a POST, and HEAD, ETag and the trailing slash agree with GET.
func TestLinksResolve(t *testing.T) {
	eachDialect(t, sim.Options{Seed: 12}, func(p *probe) {
		var f findings
		state := "on"
		p.seen = func(method, uri string, r reply) { p.heads(&f, state+": "+method+" "+uri, r) }
		p.life(func(s string) {
			state = s
			p.consistent(&f, s)
		})
		state = "refusals"
		p.refusals()
		f.report(p.t)
	})
}

// heads checks the headers that a status asks for (DSP0266 §6.6, §8.2).
func (p *probe) heads(f *findings, where string, r reply) {
	has := func(name string) {
		if r.header.Get(name) == "" {
			f.add(fmt.Sprintf("%d without %s", r.status, name), where)
		}
	}
	switch r.status {
	case http.StatusOK, http.StatusMethodNotAllowed:
		if r.status != http.StatusOK || strings.Contains(where, ": GET ") {
			has("Allow")
		}
	case http.StatusCreated:
		has("Location")
		if own, _ := r.obj["@odata.id"].(string); r.obj != nil && own != r.header.Get("Location") {
			f.add(fmt.Sprintf("created %q, Location %q", own, r.header.Get("Location")), where)
		}
	case http.StatusAccepted:
		if p.dia != "ilo" { // its task stands in the body alone (redfish.md §2.7)
			has("Location")
		}
	case http.StatusUnauthorized:
		has("WWW-Authenticate")
	case http.StatusNoContent:
		if len(r.raw) > 0 {
			f.add("204 with a body", where)
		}
	}
}

// consistent checks what needs no schema.
func (p *probe) consistent(f *findings, state string) {
	p.t.Helper()
	pages := p.walk()
	byURI := map[string]page{}
	for _, pg := range pages {
		byURI[strings.TrimRight(pg.uri, "/")] = pg
	}
	totals := map[string]int{}
	for _, pg := range pages {
		where := state + ": " + pg.uri
		if strings.HasSuffix(pg.uri, "/Monitor") && strings.HasPrefix(pg.uri, "/redfish/v1/TaskService/Tasks/") {
			// a task monitor is no resource (DSP0266 §12.2): 202 while the task runs, then what came of it
			if pg.status != http.StatusOK && pg.status != http.StatusAccepted && pg.status != http.StatusNoContent {
				f.add(fmt.Sprintf("a task monitor answers %d", pg.status), where)
			}
			continue
		}
		if pg.status != http.StatusOK {
			f.add(fmt.Sprintf("a link leads to status %d", pg.status), where)
			continue
		}
		own, _ := pg.obj["@odata.id"].(string)
		canonical, query, _ := strings.Cut(pg.uri, "?")
		if own != strings.TrimRight(canonical, "/") && pg.obj["@odata.type"] != nil {
			f.add(fmt.Sprintf("@odata.id is %q", own), where)
		}
		p.transport(f, where, pg)
		if list, isList := pg.obj["Members"].([]any); isList {
			totals[canonical] += len(list)
			next, _ := pg.obj["Members@odata.nextLink"].(string)
			count, isNumber := pg.obj["Members@odata.count"].(float64)
			if !isNumber {
				f.add("a collection without a count", where)
			}
			switch {
			case slices.Contains(overlapping, p.dia):
				if int(count) != len(list) {
					f.add(fmt.Sprintf("%d members counted, there are %d", int(count), len(list)), where)
				}
			case next == "" && int(count) != totals[canonical]:
				f.add(fmt.Sprintf("%d members counted, there are %d on all pages", int(count), totals[canonical]), where+" "+query)
			}
		}
		each(pg.obj, func(o obj) { p.pointers(f, where, o, byURI) })
	}
}

// pointers checks fragments, lists with a count, and targets.
func (p *probe) pointers(f *findings, where string, o obj, byURI map[string]page) {
	if uri, _ := o["@odata.id"].(string); strings.Contains(uri, "#") {
		base, frag, _ := strings.Cut(uri, "#")
		if !resolves(byURI[base].obj, frag) {
			f.add(uri+" points at nothing", where)
		}
	}
	for k, v := range o {
		name, isCount := strings.CutSuffix(k, "@odata.count")
		if n, isNumber := v.(float64); isCount && isNumber && name != "Members" {
			if list, isList := o[name].([]any); !isList || len(list) != int(n) {
				f.add(k+" does not count "+name, where)
			}
		}
		if uri, isText := v.(string); isText && slices.Contains([]string{"target", "HttpPushUri", "MultipartHttpPushUri"}, k) {
			r, err := p.do("GET", uri, nil)
			takes := strings.Contains(r.header.Get("Allow"), "POST")
			if k == "HttpPushUri" && r.status == http.StatusOK { // Dell's is a collection
				takes = true
			}
			if err != nil || !takes {
				f.add(fmt.Sprintf("%s %s takes no POST: %d", k, uri, r.status), where)
			}
		}
	}
}

// transport compares HEAD, a trailing slash and a second GET with the first.
func (p *probe) transport(f *findings, where string, pg page) {
	head, err := p.do("HEAD", pg.uri, nil)
	switch {
	case err != nil || head.status != http.StatusOK:
		f.add(fmt.Sprintf("HEAD: %d %v", head.status, err), where)
	case len(head.raw) != 0:
		f.add("HEAD has a body", where)
	case head.header.Get("ETag") != pg.header.Get("ETag") || head.header.Get("Content-Length") != pg.header.Get("Content-Length") ||
		head.header.Get("Content-Type") != pg.header.Get("Content-Type"):
		f.add("HEAD has other headers than GET", where)
	}
	if n, _ := strconv.Atoi(pg.header.Get("Content-Length")); n != len(pg.raw) {
		f.add("Content-Length is wrong", where)
	}
	if v := pg.header.Get("OData-Version"); v != "4.0" {
		f.add(fmt.Sprintf("OData-Version %q", v), where)
	}
	if !strings.HasPrefix(pg.header.Get("Content-Type"), "application/json") {
		f.add("a body that is not called JSON", where)
	}
	tag := pg.header.Get("ETag")
	if quoted := strings.TrimPrefix(tag, "W/"); len(quoted) < 3 || quoted[0] != '"' || quoted[len(quoted)-1] != '"' {
		f.add(fmt.Sprintf("ETag %s is no entity tag", tag), where)
	}
	if in, has := pg.obj["@odata.etag"].(string); has && in != tag {
		f.add("ETag and @odata.etag differ", where)
	}
	slashed, query, paged := strings.Cut(pg.uri, "?")
	slashed = strings.TrimRight(slashed, "/") + "/"
	if paged {
		slashed += "?" + query
	}
	again, err := p.do("GET", slashed, nil)
	if err != nil || again.status != http.StatusOK || string(again.raw) != string(pg.raw) || again.header.Get("ETag") != tag {
		f.add(fmt.Sprintf("with a slash behind it is another resource: %d %v", again.status, err), where)
	}
	if r, err := p.do("GET", pg.uri, nil, "If-None-Match", tag); err != nil || r.status != http.StatusOK && r.status != http.StatusNotModified {
		f.add(fmt.Sprintf("If-None-Match: %d %v", r.status, err), where)
	}
}

// resolves follows a JSON pointer (RFC 6901).
func resolves(v any, pointer string) bool {
	for seg := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch x := v.(type) {
		case obj:
			v = x[seg]
		case []any:
			i, err := strconv.Atoi(seg)
			if err != nil || i < 0 || i >= len(x) {
				return false
			}
			v = x[i]
		default:
			return false
		}
	}
	return v != nil
}
