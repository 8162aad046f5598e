package sim

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"crypto/tls"
)

// How long a simulated Cumulus switch takes to apply a revision: it writes files and reloads what changed.
const (
	nvueApply     = 20 * time.Second
	nvueApplySlow = 10 * time.Minute
	switchDown    = 25 * time.Second // while a change reloads the management network
	// shortestConfirm is what a rack whose minutes are shorter leaves for a confirmation: requests take real time.
	shortestConfirm = 10 * time.Second
)

// nvueState are the revisions of one switch.
type nvueState struct {
	revisions map[string]*nvueRevision
	next      int
	serial    int    // of what is in force: a revision made before is out of date
	current   string // id of the revision in force; empty = that of the start
	kept      int    // revisions that were applied and kept
}

// nvueRevision is one revision.
type nvueRevision struct {
	state   string
	issue   string
	tree    obj
	patched []string // paths that were written, for a switch that leaves one out
	base    int
	confirm time.Duration // 0 = applied for good
	due     time.Time     // of the next step of its state
	before  obj
}

// advance does what was due since the last look. The lock is held.
func (s *Switch) advance() {
	now := time.Now()
	for _, id := range sortedIDs(s.nvue.revisions) {
		r := s.nvue.revisions[id]
		if r.state == "apply" && !now.Before(r.due) {
			s.inForce(id, r)
		}
		if r.state == "ays" && !now.Before(r.due) { // nobody confirmed it
			s.config, r.state = clone(r.before), "inactive"
			s.nvue.serial++
			s.nvue.current = ""
		}
	}
}

// inForce makes a revision real.
func (s *Switch) inForce(id string, r *nvueRevision) {
	if s.fault(faultSwitchRefuses) {
		r.state, r.issue = "invalid", "vrf default router bgp: autonomous-system is not allowed on this platform"
		return
	}
	r.before = clone(s.config)
	s.config = clone(r.tree)
	if s.fault(faultSwitchDiffers) && len(r.patched) > 0 {
		undo(s.config, r.before, strings.Split(r.patched[0], " "))
	}
	s.nvue.serial++
	s.nvue.current = id
	if r.confirm == 0 {
		r.state = "applied"
		s.nvue.kept++
		return
	}
	r.state, r.due = "ays", r.due.Add(r.confirm)
	switch {
	case s.fault(faultSwitchLost):
		s.down = r.due
	case s.fault(faultSwitchCut):
		s.down = time.Now().Add(s.rack.scaled(switchDown))
	}
}

// undo puts one setting back.
func undo(o, before obj, words []string) {
	for _, w := range words[:len(words)-1] {
		o, _ = o[w].(obj)
		before, _ = before[w].(obj)
		if o == nil {
			return
		}
	}
	last := words[len(words)-1]
	if v, was := before[last]; was {
		o[last] = v
		return
	}
	delete(o, last)
}

func sortedIDs(m map[string]*nvueRevision) []string {
	var out []string
	for id := range m {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// serveNVUE answers on a listener until close.
func (s *Switch) serveNVUE(l net.Listener) {
	cfg := s.tls.Clone()
	cfg.NextProtos = []string{"http/1.1"}
	srv := &http.Server{Handler: http.HandlerFunc(s.answer), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: 5 * time.Minute}
	old := s.stop
	s.stop = func() {
		if old != nil {
			old()
		}
		_ = srv.Close()
	}
	s.wg.Go(func() { _ = srv.Serve(tls.NewListener(l, cfg)) })
}

// answer is one request to NVUE.
func (s *Switch) answer(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, 16<<20))
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	if time.Now().Before(s.down) {
		panic(http.ErrAbortHandler)
	}
	s.led.Requests++
	user, pass, _ := req.BasicAuth()
	if !s.authorized(user, pass) {
		s.led.FailedLogins++
		nvueError(w, http.StatusUnauthorized, "Invalid user name or password.")
		return
	}
	if req.Method == http.MethodGet {
		s.led.Reads++
		s.nvueGet(w, req)
		return
	}
	s.led.Writes++
	var in obj
	if len(body) > 0 {
		d := json.NewDecoder(strings.NewReader(string(body)))
		d.UseNumber()
		if err := d.Decode(&in); err != nil {
			nvueError(w, http.StatusBadRequest, "The body is no JSON object.")
			return
		}
	}
	s.nvueWrite(w, req, in)
}

func nvueError(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(obj{"status": status, "title": http.StatusText(status), "detail": detail, "type": "about:blank"})
}

func nvueAnswer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// at is the path below the interface's root.
func nvuePath(req *http.Request) (string, bool) { return strings.CutPrefix(req.URL.Path, "/nvue_v1/") }

func (s *Switch) nvueGet(w http.ResponseWriter, req *http.Request) {
	path, ok := nvuePath(req)
	rev := req.URL.Query().Get("rev")
	id, isRevision := strings.CutPrefix(path, "revision/")
	switch {
	case !ok:
		nvueError(w, http.StatusNotFound, "Not found.")
	case path == "" && rev == "applied":
		nvueAnswer(w, s.config)
	case path == "" && s.nvue.revisions[rev] != nil:
		nvueAnswer(w, s.nvue.revisions[rev].tree)
	case path == "revision":
		all := obj{"applied": s.nvueApplied(), "empty": obj{"state": "inactive"}, "startup": obj{"state": "inactive"}}
		for id, r := range s.nvue.revisions {
			all[id] = r.told()
		}
		nvueAnswer(w, all)
	case isRevision && id == "applied":
		nvueAnswer(w, s.nvueApplied())
	case isRevision && s.nvue.revisions[id] != nil:
		nvueAnswer(w, s.nvue.revisions[id].told())
	case path == "interface" && req.URL.Query().Get("include") == "/*/lldp/neighbor":
		nvueAnswer(w, s.nvueNeighbours())
	default:
		nvueError(w, http.StatusNotFound, "The requested item does not exist: "+path)
	}
}

// told is a revision as NVUE tells it.
func (r *nvueRevision) told() obj {
	issue := obj{}
	if r.issue != "" {
		issue["00000"] = obj{"code": "invalid", "message": r.issue, "severity": "error"}
	}
	return obj{"state": r.state, "transition": obj{"issue": issue, "progress": ""}}
}

func (s *Switch) nvueApplied() obj {
	if r := s.nvue.revisions[s.nvue.current]; r != nil {
		return r.told()
	}
	return (&nvueRevision{state: "applied_and_saved"}).told()
}

func (s *Switch) nvueNeighbours() obj {
	out := obj{}
	for port, e := range s.neighbours() {
		out[port] = obj{"lldp": obj{"neighbor": obj{e.name: obj{"age": "10", "chassis": obj{"chassis-id": e.chassis, "system-name": e.name},
			"port": obj{"name": e.port, "type": "ifname", "description": e.port}}}}}
	}
	return out
}

// nvueKnown are the branches at the root of NVUE's model.
var nvueKnown = []string{"acl", "bridge", "evpn", "interface", "maintenance", "mlag", "nve", "platform", "qos", "router", "service", "system", "vrf"}

func (s *Switch) nvueWrite(w http.ResponseWriter, req *http.Request, in obj) {
	path, _ := nvuePath(req)
	id, isRevision := strings.CutPrefix(path, "revision/")
	r := s.nvue.revisions[id]
	switch {
	case req.Method == http.MethodPost && path == "revision":
		s.nvue.next++
		id := fmt.Sprint(s.nvue.next)
		s.nvue.revisions[id] = &nvueRevision{state: "pending", tree: clone(s.config), base: s.nvue.serial}
		nvueAnswer(w, obj{id: s.nvue.revisions[id].told()})
	case req.Method == http.MethodPatch && path == "":
		s.nvuePatch(w, req.URL.Query().Get("rev"), in)
	case req.Method == http.MethodPatch && isRevision && id == "applied" && in["state"] == "save":
		s.startup = clone(s.config)
		if cur := s.nvue.revisions[s.nvue.current]; cur != nil && cur.state == "applied" {
			cur.state = "applied_and_saved"
		}
		nvueAnswer(w, s.nvueApplied())
	case req.Method == http.MethodPatch && r != nil && in["state"] == "apply":
		s.nvueTurn(w, r, in)
	case req.Method == http.MethodDelete && r != nil && r.state != "apply" && r.state != "ays":
		delete(s.nvue.revisions, id)
		nvueAnswer(w, obj{})
	default:
		nvueError(w, http.StatusNotFound, "The requested item does not exist: "+path)
	}
}

func (s *Switch) nvuePatch(w http.ResponseWriter, rev string, in obj) {
	r := s.nvue.revisions[rev]
	if r == nil || r.state != "pending" {
		nvueError(w, http.StatusNotFound, "There is no pending revision "+rev+".")
		return
	}
	for k := range in {
		if !slices.Contains(nvueKnown, k) {
			nvueError(w, http.StatusBadRequest, fmt.Sprintf("'%s' does not match any of the known properties.", k))
			return
		}
	}
	overlay(r.tree, in)
	for path := range treeOf(in) {
		r.patched = append(r.patched, path)
	}
	slices.Sort(r.patched)
	nvueAnswer(w, in)
}

// busy tells whether a revision is on its way, or waits for its confirmation.
func (s *Switch) busy() bool {
	for _, r := range s.nvue.revisions {
		if r.state == "apply" || r.state == "ays" {
			return true
		}
	}
	return false
}

// nvueTurn applies a pending revision, or confirms one that waits for it.
func (s *Switch) nvueTurn(w http.ResponseWriter, r *nvueRevision, in obj) {
	switch {
	case r.state == "ays":
		r.state = "applied"
		s.nvue.kept++
	case r.state != "pending":
		nvueError(w, http.StatusConflict, "The revision is "+r.state+".")
		return
	case s.busy():
		nvueError(w, http.StatusConflict, "Another revision is being applied.")
		return
	case r.base != s.nvue.serial || s.fault(faultSwitchConflict):
		nvueError(w, http.StatusConflict, "The configuration has changed since this revision was made.")
		return
	default:
		if c, ok := in["state-controls"].(obj); ok {
			if n, ok := c["confirm"].(json.Number); ok {
				secs, _ := n.Int64()
				asked := time.Duration(secs) * time.Second
				r.confirm = max(s.rack.scaled(asked), min(asked, shortestConfirm))
			}
		}
		took := nvueApply
		if s.fault(faultSwitchSlow) {
			took = nvueApplySlow
		}
		r.state, r.due = "apply", time.Now().Add(s.rack.scaled(took))
	}
	nvueAnswer(w, r.told())
}
