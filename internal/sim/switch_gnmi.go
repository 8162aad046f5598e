package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	pb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	rpcmeta "google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/metalwright/metalwright/internal/switchos"
)

// How long a simulated SONiC takes for one patch.
const (
	gnmiApply     = 40 * time.Second
	gnmiApplySlow = 10 * time.Minute
)

// gnmiServer is SONiC's gNMI server: Get and Set of the databases, with the origin sonic-db.
type gnmiServer struct {
	pb.UnimplementedGNMIServer
	s *Switch
}

func (s *Switch) serveGNMI(l net.Listener) {
	srv := grpc.NewServer(grpc.Creds(credentials.NewTLS(s.tls.Clone())), grpc.MaxRecvMsgSize(32<<20))
	pb.RegisterGNMIServer(srv, &gnmiServer{s: s})
	old := s.stop
	s.stop = func() {
		if old != nil {
			old()
		}
		srv.Stop()
	}
	s.wg.Go(func() { _ = srv.Serve(l) })
}

// enter holds a call against the login, and refuses it while the switch is not there. The lock is held when it gives no error.
func (g *gnmiServer) enter(ctx context.Context, write bool) error {
	s := g.s
	s.mu.Lock()
	s.led.Requests++
	if write {
		s.led.Writes++
	} else {
		s.led.Reads++
	}
	md, _ := rpcmeta.FromIncomingContext(ctx)
	word := func(k string) string { return strings.Join(md.Get(k), "") }
	switch {
	case time.Now().Before(s.down):
		s.mu.Unlock()
		return status.Error(codes.Unavailable, "connection closed")
	case !s.authorized(word("username"), word("password")):
		s.led.FailedLogins++
		s.mu.Unlock()
		return status.Error(codes.PermissionDenied, "Invalid Password")
	}
	return nil
}

// below are database and words of a path.
func below(p *pb.Path) (db string, words []string, err error) {
	e := p.GetElem()
	if p.GetOrigin() != "sonic-db" || len(e) < 2 || e[1].GetName() != "localhost" {
		return "", nil, status.Error(codes.Unimplemented, "want origin sonic-db and a path /DATABASE/localhost/…")
	}
	for _, x := range e[2:] {
		words = append(words, strings.NewReplacer("~1", "/", "~0", "~").Replace(x.GetName()))
	}
	return e[0].GetName(), words, nil
}

// Get reads one path.
func (g *gnmiServer) Get(ctx context.Context, req *pb.GetRequest) (*pb.GetResponse, error) {
	if err := g.enter(ctx, false); err != nil {
		return nil, err
	}
	defer g.s.mu.Unlock()
	if len(req.GetPath()) != 1 || req.GetEncoding() != pb.Encoding_JSON_IETF {
		return nil, status.Error(codes.InvalidArgument, "want one path and JSON_IETF")
	}
	db, words, err := below(req.GetPath()[0])
	if err != nil {
		return nil, err
	}
	var v any = g.s.config
	switch {
	case db == "APPL_DB" && slices.Equal(words, []string{"LLDP_ENTRY_TABLE"}):
		v = g.s.sonicNeighbours()
	case db != "CONFIG_DB":
		return nil, status.Error(codes.NotFound, "no such table")
	}
	if db == "CONFIG_DB" {
		for _, w := range words {
			m, _ := v.(obj)
			if v = m[w]; v == nil {
				return nil, status.Errorf(codes.NotFound, "no %s", strings.Join(words, " "))
			}
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, status.Error(codes.Internal, "encode the answer")
	}
	return &pb.GetResponse{Notification: []*pb.Notification{{Timestamp: time.Now().UnixNano(), Update: []*pb.Update{{Path: req.GetPath()[0],
		Val: &pb.TypedValue{Value: &pb.TypedValue_JsonIetfVal{JsonIetfVal: b}}}}}}}, nil
}

func (s *Switch) sonicNeighbours() obj {
	out := obj{}
	for port, e := range s.neighbours() {
		out[port] = obj{"lldp_rem_chassis_id": e.chassis, "lldp_rem_sys_name": e.name, "lldp_rem_port_id": e.port, "lldp_rem_port_id_subtype": "5",
			"lldp_rem_port_desc": e.port}
	}
	return out
}

// Set applies one patch: all of it or nothing, and saves it.
func (g *gnmiServer) Set(ctx context.Context, req *pb.SetRequest) (*pb.SetResponse, error) {
	if err := g.enter(ctx, true); err != nil {
		return nil, err
	}
	s := g.s
	defer s.mu.Unlock()
	next, touched, err := s.patched(req)
	if err != nil {
		return nil, err
	}
	switch {
	case s.fault(faultSwitchRefuses):
		return nil, status.Error(codes.Unknown, "Failed to apply patch due to: Data Loading Failed: Leafref of value \"default\" points to a non-existing leaf.")
	case s.fault(faultSwitchConflict):
		return nil, status.Error(codes.Aborted, "another patch is being applied")
	}
	took := gnmiApply
	if s.fault(faultSwitchSlow) {
		took = gnmiApplySlow
	}
	if err := s.working(ctx, s.rack.scaled(took)); err != nil { // the patch goes on, as it does on the switch
		s.take(next, touched)
		return nil, err
	}
	s.take(next, touched)
	if s.fault(faultSwitchCut) || s.fault(faultSwitchLost) {
		s.down = time.Now().Add(s.rack.scaled(switchDown))
		return nil, status.Error(codes.Unavailable, "the connection is gone")
	}
	return &pb.SetResponse{Timestamp: time.Now().UnixNano()}, nil
}

// working waits without the lock, as long as somebody listens.
func (s *Switch) working(ctx context.Context, d time.Duration) error {
	s.mu.Unlock()
	defer s.mu.Lock()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

func (s *Switch) take(next obj, touched []string) {
	before := s.config
	s.config = next
	if len(touched) > 0 && s.fault(faultSwitchDiffers) {
		undo(s.config, before, strings.Split(touched[0], " "))
	}
	s.startup = clone(s.config)
	s.nvue.kept++
}

// patched is the configuration after a Set, or why it is refused: a path into what is not there, a table or field that the models do not
// have.
func (s *Switch) patched(req *pb.SetRequest) (obj, []string, error) {
	next := clone(s.config)
	var touched []string
	for _, p := range req.GetDelete() {
		db, words, err := below(p)
		if err != nil {
			return nil, nil, err
		}
		if db != "CONFIG_DB" || len(words) == 0 || !remove(next, words) {
			return nil, nil, status.Errorf(codes.NotFound, "can't remove a non-existent object '%s'", strings.Join(words, "/"))
		}
	}
	for _, u := range req.GetUpdate() {
		db, words, err := below(u.GetPath())
		if err != nil {
			return nil, nil, err
		}
		var v any
		if err := json.Unmarshal(u.GetVal().GetJsonIetfVal(), &v); err != nil || db != "CONFIG_DB" || len(words) == 0 {
			return nil, nil, status.Error(codes.InvalidArgument, "Value encoding is not IETF JSON")
		}
		at := next
		for i, w := range words[:len(words)-1] {
			m, ok := at[w].(obj)
			if !ok {
				return nil, nil, status.Errorf(codes.NotFound, "member '%s' not found in %s", w, fmt.Sprint(words[:i]))
			}
			at = m
		}
		at[words[len(words)-1]] = v
		touched = append(touched, strings.Join(words, " "))
	}
	if bad := switchos.UnknownSONiC(treeOf(next)); len(bad) > 0 {
		return nil, nil, status.Errorf(codes.InvalidArgument, "Data Loading Failed: %s", strings.Join(bad[:min(3, len(bad))], "; "))
	}
	slices.Sort(touched)
	return next, touched, nil
}

func remove(o obj, words []string) bool {
	for _, w := range words[:len(words)-1] {
		m, ok := o[w].(obj)
		if !ok {
			return false
		}
		o = m
	}
	last := words[len(words)-1]
	_, was := o[last]
	delete(o, last)
	return was
}
