package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/apply"
	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/bmc/events"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// EventOptions say how events that BMCs push are received. The zero value receives none: streams are read all the same.
type EventOptions struct {
	// Listen is HOST:PORT of this machine, as BMCs reach it; empty = nothing is subscribed.
	Listen    string
	Cert, Key string // files in PEM form; empty = a certificate of our own, which is kept
	// Refused is told what the receiver refused; nil = nobody asks.
	Refused func(from, why string)
}

// Receiver takes pushed events. Close it.
type Receiver struct {
	*events.Receiver
	Base string // https://HOST:PORT
	Pin  string // SHA-256 of its public key, for who compares
	Own  string // file of its own certificate, to import into BMCs that verify; "" = it was given
}

// OpenReceiver starts the receiver, or gives nil when none is wanted.
func (w *Workspace) OpenReceiver(ctx context.Context, o EventOptions) (*Receiver, error) {
	if o.Listen == "" {
		if o.Cert != "" || o.Key != "" {
			return nil, errors.New("a certificate is given for a receiver of events, and no address for it to listen on")
		}
		return nil, nil
	}
	host, _, err := net.SplitHostPort(o.Listen)
	if ip := net.ParseIP(host); err != nil || host == "" || ip != nil && ip.IsUnspecified() {
		return nil, fmt.Errorf("receive events on %q: want HOST:PORT, the address by which BMCs reach this machine", o.Listen)
	}
	cert, own, err := w.eventCertificate(host, o)
	if err != nil {
		return nil, err
	}
	key, err := w.eventKey()
	if err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("receive events: %w", err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("receive events: %w", err), l.Close())
	}
	base := "https://" + net.JoinHostPort(host, port)
	r, err := events.NewReceiver(events.ReceiverOptions{Listener: l, Base: base, Cert: cert, Key: key, Refused: o.Refused})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &Receiver{Receiver: r, Base: base, Pin: events.Pin(cert), Own: own}, nil
}

// eventCertificate is the one that was given, else our own, which is made anew for another host and in the last month of its life.
func (w *Workspace) eventCertificate(host string, o EventOptions) (cert tls.Certificate, own string, err error) {
	if o.Cert != "" || o.Key != "" {
		cert, err = tls.LoadX509KeyPair(o.Cert, o.Key)
		if err != nil {
			return cert, "", fmt.Errorf("read the certificate of the receiver of events: %w", err)
		}
		return cert, "", nil
	}
	dir := filepath.Join(w.opt.StateDir, "keys")
	own, keyFile := filepath.Join(dir, "events.crt"), filepath.Join(dir, "events.key")
	cert, err = tls.LoadX509KeyPair(own, keyFile)
	if err == nil && events.Good(cert, host, time.Now()) {
		return cert, own, nil
	}
	certPEM, keyPEM, err := events.OwnCertificate(host, time.Now())
	if err == nil {
		err = errors.Join(writeFile(keyFile, keyPEM, 0o600), writeFile(own, certPEM, 0o644))
	}
	if err == nil {
		cert, err = tls.X509KeyPair(certPEM, keyPEM)
	}
	if err != nil {
		return cert, "", fmt.Errorf("make a certificate for the receiver of events: %w", err)
	}
	return cert, own, nil
}

// eventKey is the secret that addresses and Contexts of subscriptions follow from, so that a later run finds those of an earlier one.
func (w *Workspace) eventKey() ([]byte, error) {
	file := filepath.Join(w.opt.StateDir, "keys", "events.secret")
	key, err := os.ReadFile(file)
	switch {
	case err == nil && len(key) == 32:
		return key, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read %s: %w", file, cause(err))
	}
	key = randomBytes(32)
	return key, writeFile(file, key, 0o600)
}

// sentry follows one node through its driver.
type sentry struct {
	d         *bmc.Driver
	subscribe *bmc.Subscriber
}

// Listen implements apply.Sentry.
func (s sentry) Listen(ctx context.Context, tell func(rack.Event), state func(rack.Hearing)) error {
	return s.d.Listen(ctx, bmc.ListenOptions{Subscribe: s.subscribe, State: state}, tell)
}

// Confirm implements apply.Sentry.
func (s sentry) Confirm(ctx context.Context, e rack.Event) (rack.Verdict, string) {
	return s.d.Confirm(ctx, e)
}

// sentry opens the one of a node; recv may be nil.
func (w *Workspace) sentry(ctx context.Context, name string, recv *Receiver) (apply.Sentry, func(), error) {
	d, err := w.driver(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	s := sentry{d: d}
	if recv != nil {
		s.subscribe = w.subscriber(ctx, name, recv)
	}
	return s, func() { w.closeDriver(ctx, d.Close) }, nil
}

// subscriber is the receiver as the BMC of a node sees it. Only that BMC's own addresses may push there.
func (w *Workspace) subscriber(ctx context.Context, name string, recv *Receiver) *bmc.Subscriber {
	to, label := recv.For(name)
	return &bmc.Subscriber{Destination: to, Context: label, Listen: func(got func(events.Batch)) (func(), error) {
		u, err := url.Parse(w.Bindings[name].URL)
		var from []netip.Addr
		if err == nil {
			from, err = events.Addresses(ctx, u.Hostname())
		}
		if err != nil || len(from) == 0 {
			return nil, step.Fail(step.Unreachable, fmt.Errorf("find the addresses of the BMC of %s, to hold senders against: %w", name, err), "")
		}
		return recv.Open(name, from, got)
	}}
}

// watch is who follows the nodes of a run, and the shelves that they hang on.
func (w *Workspace) watch(p plan.Plan, recv *Receiver) *apply.Watch {
	var shelves []string
	for _, s := range w.Design.PowerShelves {
		if w.Bindings[s.Name].URL != "" && slices.ContainsFunc(w.Design.NodesOn(s), func(n rack.Node) bool {
			return slices.ContainsFunc(p.Nodes, func(np plan.NodePlan) bool { return np.Name == n.Name })
		}) {
			shelves = append(shelves, s.Name)
		}
	}
	return &apply.Watch{
		Others: shelves,
		Open:   func(ctx context.Context, name string) (apply.Sentry, func(), error) { return w.sentry(ctx, name, recv) },
		Shares: w.sharesPower,
	}
}

// sharesPower gives the nodes that a fault of a device's supplies is about: all that hang on the same shelves, else the node alone,
// for then its supplies are its own.
func (w *Workspace) sharesPower(name string) []string {
	p, ok := w.Design.PowerDomainOf(name)
	if !ok || len(p.Shelves) == 0 {
		return []string{name}
	}
	var out []string
	for _, n := range p.Nodes {
		out = append(out, n.Name)
	}
	return out
}

// NodeEvent is what one node told, or how its events come.
type NodeEvent struct {
	Node    string
	Event   *rack.Event
	Hearing *rack.Hearing
}

// FollowOptions say what to follow.
type FollowOptions struct {
	Only     []string // nodes; empty = all that are bound
	Receiver *Receiver
	Tell     func(NodeEvent) // never called twice at a time
}

// Follow tells the events of the rack until ctx ends. It changes nothing, but for the subscriptions that a receiver asks for. Its
// error says that no node could be followed.
func (w *Workspace) Follow(ctx context.Context, o FollowOptions) error {
	nodes, err := w.followed(o.Only)
	if err != nil {
		return err
	}
	var one sync.Mutex
	tell := func(e NodeEvent) {
		one.Lock()
		defer one.Unlock()
		o.Tell(e)
	}
	errs := make([]error, len(nodes))
	var all sync.WaitGroup
	for i, name := range nodes {
		all.Go(func() {
			s, done, err := w.sentry(ctx, name, o.Receiver)
			if err == nil {
				defer done()
				err = s.Listen(ctx, func(e rack.Event) { tell(NodeEvent{Node: name, Event: &e}) },
					func(h rack.Hearing) { tell(NodeEvent{Node: name, Hearing: &h}) })
			}
			if err != nil && ctx.Err() == nil {
				errs[i] = fmt.Errorf("%s: %w", name, err)
				tell(NodeEvent{Node: name, Hearing: &rack.Hearing{By: "nothing", Why: w.Redact(err.Error())}})
			}
		})
	}
	all.Wait()
	if slices.Contains(errs, nil) || ctx.Err() != nil {
		return nil
	}
	return errors.Join(errs...)
}

// followed are the nodes to follow, by name.
func (w *Workspace) followed(only []string) ([]string, error) {
	var out []string
	for _, n := range w.Design.Nodes {
		if len(only) == 0 && w.Bindings[n.Name].URL != "" || slices.Contains(only, n.Name) || slices.Contains(only, string(n.Address)) {
			out = append(out, n.Name)
		}
	}
	for _, s := range w.Design.PowerShelves {
		if len(only) == 0 && w.Bindings[s.Name].URL != "" || slices.Contains(only, s.Name) || slices.Contains(only, string(s.Address)) {
			out = append(out, s.Name)
		}
	}
	for _, name := range only {
		if _, ok := w.holder(name); !ok {
			return nil, fmt.Errorf("there is no node %q in the blueprint", name)
		}
	}
	if len(out) == 0 {
		return nil, step.Fail(step.Unreachable, errors.New("no node is bound to a BMC"), "Find the BMCs with metalwright discover, then bind them with metalwright bind.")
	}
	return out, nil
}
