package switches

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	pb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/metalwright/metalwright/internal/fabric"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
	"github.com/metalwright/metalwright/internal/switchos"
)

// SONiC's gNMI server (sonic-net/sonic-gnmi, mixed_db_client.go): with the origin sonic-db, paths are /DATABASE/localhost/TABLE/KEY/FIELD
// and values JSON_IETF. A Set of CONFIG_DB becomes one JSON patch (RFC 6902; so / in a key is written ~1) that the switch holds against
// its YANG models, sorts, applies, and saves to config_db.json when it succeeded.
const (
	sonicOrigin = "sonic-db"
	configDB    = "CONFIG_DB"
	applDB      = "APPL_DB"
	sonicHost   = "localhost"
	getTimeout  = 60 * time.Second
	// setTimeout is long because the switch applies a patch setting by setting and looks at each: a full leaf takes minutes.
	setTimeout = 15 * time.Minute
)

type gnmi struct {
	name string
	ep   Endpoint
	opt  Options
	conn *grpc.ClientConn
	c    pb.GNMIClient
}

func newGNMI(ep Endpoint, name string, opt Options) (*gnmi, error) {
	u, err := url.Parse(ep.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, errors.New("want https://HOST:PORT, without user name")
	}
	addr := u.Host
	if u.Port() == "" {
		addr = net.JoinHostPort(u.Hostname(), "443")
	}
	dial := ep.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(credentials.NewTLS(ep.TLS)), grpc.WithUserAgent("metalwright"),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) { return dial(ctx, "tcp", addr) }),
		grpc.WithDisableServiceConfig(), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer), grpc.MaxCallSendMsgSize(maxAnswer)))
	if err != nil {
		return nil, err
	}
	return &gnmi{name: name, ep: ep, opt: opt, conn: conn, c: pb.NewGNMIClient(conn)}, nil
}

func (g *gnmi) close() error {
	if err := g.conn.Close(); err != nil && status.Code(err) != codes.Canceled { // closed already
		return err
	}
	return nil
}

// path is that of a database, a table, a row or a field.
func path(db string, words ...string) *pb.Path {
	p := &pb.Path{Origin: sonicOrigin, Elem: []*pb.PathElem{{Name: db}, {Name: sonicHost}}}
	escape := strings.NewReplacer("~", "~0", "/", "~1") // RFC 6901
	for _, w := range words {
		p.Elem = append(p.Elem, &pb.PathElem{Name: escape.Replace(w)})
	}
	return p
}

// authorized adds the login to a call, unless the switch has refused it twice.
func (g *gnmi) authorized(ctx context.Context) (context.Context, error) {
	if g.opt.Attempts.Refused(g.ep.URL) {
		return ctx, step.Fail(step.Auth, errors.New("the login was refused twice; no third try is made"), "Check the user name and the password reference.")
	}
	user, pass, err := g.ep.Login(ctx)
	if err != nil {
		return ctx, err
	}
	return metadata.AppendToOutgoingContext(ctx, "username", user, "password", pass), nil
}

// get reads one path as JSON.
func (g *gnmi) get(ctx context.Context, p *pb.Path) ([]byte, error) {
	ctx, err := g.authorized(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	res, err := g.c.Get(ctx, &pb.GetRequest{Path: []*pb.Path{p}, Encoding: pb.Encoding_JSON_IETF})
	if err != nil {
		return nil, g.failed("get", err)
	}
	g.opt.Attempts.note(g.ep.URL, false)
	for _, n := range res.GetNotification() {
		for _, u := range n.GetUpdate() {
			return u.GetVal().GetJsonIetfVal(), nil
		}
	}
	return nil, step.Fail(step.Transient, errors.New("get: the answer holds no value"), "")
}

// failed classes what a call came back with.
func (g *gnmi) failed(what string, err error) error {
	var f *step.Failure
	if errors.As(err, &f) {
		return f
	}
	st := status.Convert(err)
	said := fmt.Errorf("%s: %s: %s", what, st.Code(), shortened(g.opt.Redact(st.Message())))
	switch st.Code() {
	case codes.Unauthenticated, codes.PermissionDenied: // "Invalid Password" is told as PermissionDenied
		g.opt.Attempts.note(g.ep.URL, true)
		return step.Fail(step.Auth, said, "Check the user name and the password reference. No third try is made.")
	case codes.Unavailable:
		if strings.Contains(st.Message(), "certificate") {
			return step.Fail(step.Trust, said, "Compare the certificate's fingerprint at the switch, then bind it by its pin.")
		}
		return step.Fail(step.Unreachable, said, "Check the address, the cable and the management network, and that the gnmi container runs.")
	case codes.DeadlineExceeded:
		return step.Fail(step.Unreachable, said, "")
	case codes.Canceled:
		return context.Canceled
	case codes.Unimplemented:
		return step.Fail(step.Unsupported, said, "The gNMI server of this SONiC takes no writes: it needs the one that is built with native write (sonic-gnmi, ENABLE_NATIVE_WRITE).")
	case codes.ResourceExhausted, codes.Aborted:
		return step.Fail(step.Transient, said, "")
	}
	return step.Fail(step.Rejected, said, "")
}

func (g *gnmi) config(ctx context.Context) (rack.ConfigTree, error) {
	raw, err := g.get(ctx, path(configDB))
	if err != nil {
		return nil, err
	}
	t, err := switchos.Flatten(raw)
	if err != nil {
		return nil, step.Fail(step.Transient, err, "")
	}
	return t, nil
}

// stand: a Set is answered when it is over, and the switch tells of none besides. What is under way shows in the settings.
func (g *gnmi) stand(context.Context, string) (stand, error) { return stand{}, nil }

func (g *gnmi) change(ctx context.Context, c change) error {
	req := setRequest(c.list, c.now)
	actx, err := g.authorized(ctx)
	if err != nil {
		return err
	}
	sctx, cancel := context.WithTimeout(actx, setTimeout)
	defer cancel()
	_, err = g.c.Set(sctx, req)
	if err != nil {
		err = g.failed("set", err)
		if class := step.ClassOf(err); class != step.Transient && class != step.Unreachable && !errors.Is(err, context.Canceled) {
			return err // it has answered, with no
		}
	}
	if jerr := c.sent(""); jerr != nil {
		return jerr
	}
	if err != nil {
		return err
	}
	return c.verify(ctx)
}

// save: the switch has saved when it answers a Set.
func (g *gnmi) save(context.Context) error { return nil }

// setRequest writes changes as one Set. A table or row that is not there yet is written whole: an "add" of a JSON patch needs what it
// stands in.
func setRequest(list []rack.ConfigChange, now rack.ConfigTree) *pb.SetRequest {
	req := &pb.SetRequest{}
	there := map[string]bool{}
	for p := range now {
		words := strings.Split(p, " ")
		for i := range words {
			there[strings.Join(words[:i+1], " ")] = true
		}
	}
	whole := map[string]map[string]any{} // by the table or row that is not there
	for _, c := range list {
		words := strings.Split(c.Path, " ")
		if c.To == nil {
			req.Delete = append(req.Delete, path(configDB, words...))
			continue
		}
		at := 1
		for at < len(words) && there[strings.Join(words[:at], " ")] {
			at++
		}
		if at == len(words) {
			req.Update = append(req.Update, update(words, c.To))
			continue
		}
		key := strings.Join(words[:at], " ")
		if whole[key] == nil {
			whole[key] = map[string]any{}
		}
		put(whole[key], words[at:], c.To)
	}
	for _, key := range slices.Sorted(maps.Keys(whole)) {
		b, err := json.Marshal(whole[key])
		if err != nil {
			panic(fmt.Sprintf("metalwright: internal error: encode a row: %v. This is a bug in Metalwright.", err))
		}
		req.Update = append(req.Update, update(strings.Split(key, " "), b))
	}
	return req
}

func update(words []string, value []byte) *pb.Update {
	return &pb.Update{Path: path(configDB, words...), Val: &pb.TypedValue{Value: &pb.TypedValue_JsonIetfVal{JsonIetfVal: value}}}
}

func put(at map[string]any, words []string, value json.RawMessage) {
	for _, w := range words[:len(words)-1] {
		next, ok := at[w].(map[string]any)
		if !ok {
			next = map[string]any{}
			at[w] = next
		}
		at = next
	}
	last := words[len(words)-1]
	if bytes.Equal(value, []byte(`{}`)) {
		if at[last] == nil {
			at[last] = map[string]any{}
		}
		return
	}
	at[last] = value
}

// cables reads the table that lldp_syncd keeps.
func (g *gnmi) cables(ctx context.Context) (rack.Cables, error) {
	const table = "LLDP_ENTRY_TABLE"
	raw, err := g.get(ctx, path(applDB, table))
	if err != nil {
		return rack.Cables{}, err
	}
	var rows map[string]json.RawMessage
	if err := json.Unmarshal(raw, &rows); err != nil {
		return rack.Cables{}, step.Fail(step.Transient, errors.New("the table of neighbours is no JSON object"), "")
	}
	dump := map[string]json.RawMessage{}
	for k, v := range rows {
		dump[table+":"+k] = v
	}
	if len(dump) == 0 {
		return rack.Cables{}, nil
	}
	text, err := json.Marshal(dump)
	if err != nil {
		return rack.Cables{}, step.Fail(step.Transient, err, "")
	}
	return fabric.Read(g.name+".json", text)
}
