package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// receiverFlags are those of commands that may receive pushed events.
type receiverFlags struct {
	listen, cert, key string
}

func (f *receiverFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.listen, "event-receiver", "", "HOST:PORT of this machine as BMCs reach it: those without a stream push their events there")
	c.Flags().StringVar(&f.cert, "event-cert", "", "certificate of that receiver, PEM (default: one of its own)")
	c.Flags().StringVar(&f.key, "event-key", "", "key of that certificate, PEM")
}

// open starts the receiver, and says by what it is known. It is nil when none is wanted.
func (f *receiverFlags) open(ctx context.Context, a *app, w *engine.Workspace) (*engine.Receiver, error) {
	r, err := w.OpenReceiver(ctx, engine.EventOptions{Listen: f.listen, Cert: f.cert, Key: f.key, Refused: func(from, why string) {
		a.say("refused a message from %s: %s", from, why)
	}})
	if err != nil || r == nil {
		return nil, err
	}
	a.say("events are received at %s, public key SHA-256 %s", r.Base, r.Pin)
	if r.Own != "" {
		a.say("a BMC that verifies its receivers needs the certificate %s", r.Own)
	}
	return r, nil
}

type eventsFlags struct {
	workspaceFlags
	receiver receiverFlags
	only     []string
	count    int
	all      bool
}

func newEvents(a *app) *cobra.Command {
	f := eventsFlags{}
	c := &cobra.Command{
		Use: "events [DIR]", GroupID: "find", Short: "Follow what the BMCs of a rack tell of themselves",
		Long: `Events prints the events of all BMCs that are bound, as they come, until it is interrupted: over each BMC's own stream where it has
one. It changes nothing. A BMC without a stream is told of, and its leak detectors are looked at once a minute.

With --event-receiver such a BMC is given a subscription that pushes its events to this machine, over TLS, and that is taken away
at the end. Events that mean nothing to a rack (log-ins, settings) are left out unless --all is given.` +
			codes(exitDone, exitError),
		Example: "  metalwright events lab\n  metalwright events lab --node a01-n1 --json\n" +
			"  metalwright events lab --event-receiver 10.20.0.5:8443\n  metalwright events lab --count 1",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			w, err := a.load(&f.workspaceFlags, args)
			if err != nil {
				return err
			}
			defer func() { _ = w.Close() }()
			recv, err := f.receiver.open(c.Context(), a, w)
			if err != nil {
				return err
			}
			if recv != nil {
				defer func() { _ = recv.Close() }()
			}
			return a.follow(c.Context(), w, followFlags{only: f.only, count: f.count, all: f.all}, recv)
		},
	}
	f.add(c)
	f.receiver.add(c)
	c.Flags().StringSliceVar(&f.only, "node", nil, "only these nodes")
	c.Flags().IntVar(&f.count, "count", 0, "end after so many events (default: when interrupted)")
	c.Flags().BoolVar(&f.all, "all", false, "events that mean nothing to a rack, too")
	return c
}

type followFlags struct {
	only  []string
	count int
	all   bool
}

// follow prints the events of a rack until an interrupt, or until so many have come.
func (a *app) follow(ctx context.Context, w *engine.Workspace, f followFlags, recv *engine.Receiver) error {
	a.gentle.Store(true) // the first interrupt ends it in good order: subscriptions are taken away, sessions are closed
	defer a.gentle.Store(false)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-a.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	n := 0
	return w.Follow(ctx, engine.FollowOptions{Only: f.only, Receiver: recv, Tell: func(e engine.NodeEvent) {
		if ctx.Err() != nil || e.Event != nil && !f.all && !worthTelling(*e.Event) {
			return
		}
		a.tellEvent(w.Design, e)
		if e.Event != nil {
			if n++; n == f.count {
				cancel()
			}
		}
	}})
}

// worthTelling leaves out what is about log-ins and settings.
func worthTelling(e rack.Event) bool {
	return e.Kind != rack.NoEventKind || e.Severity == "Critical" || e.Severity == "Warning"
}

// tellEvent prints one event, or how events come.
func (a *app) tellEvent(d rack.Design, e engine.NodeEvent) {
	n := standing(d, e.Node)
	if a.json {
		line := struct {
			Format  int           `json:"format"`
			Event   string        `json:"event"` // bmc_event, hearing
			Node    string        `json:"node"`
			Rack    string        `json:"rack,omitempty"`
			U       int           `json:"position_u,omitempty"`
			BMC     *rack.Event   `json:"bmc_event,omitempty"`
			Hearing *rack.Hearing `json:"hearing,omitempty"`
		}{1, "bmc_event", e.Node, rackName(d, n), n.PositionU, e.Event, e.Hearing}
		if e.Hearing != nil {
			line.Event = "hearing"
		}
		_ = a.event(line)
		return
	}
	a.printf("%s\n", a.eventLine(d, e))
}

// eventLine is time, node with its place, severity, what it means, and the BMC's own words.
func (a *app) eventLine(d rack.Design, e engine.NodeEvent) string {
	n := standing(d, e.Node)
	at := time.Now()
	if e.Event != nil {
		at = e.Event.Received
	}
	parts := []string{at.Local().Format("15:04:05"), e.Node}
	if name := rackName(d, n); name != "" && n.PositionU > 0 {
		parts = append(parts, fmt.Sprintf("%s U%d", name, n.PositionU))
	}
	if e.Hearing != nil {
		return strings.Join(append(parts, "·", e.Hearing.String()), "  ")
	}
	return strings.Join(append(parts, eventWords(*e.Event)), "  ")
}

// eventWords are severity, meaning and text of an event.
func eventWords(e rack.Event) string {
	mark := map[string]string{"Critical": "✗", "Warning": "!", "OK": "·"}[e.Severity]
	if mark == "" {
		mark = "?"
	}
	parts := []string{mark}
	if e.Severity != "" && e.Severity != "OK" {
		parts = append(parts, e.Severity)
	}
	if e.Kind != rack.NoEventKind {
		parts = append(parts, strings.ReplaceAll(string(e.Kind), "_", " ")+":")
	}
	switch {
	case e.Text == "" && len(e.Args) > 0:
		parts = append(parts, e.MessageID, "("+strings.Join(e.Args, ", ")+")")
	case e.Text == "":
		parts = append(parts, e.MessageID)
	case e.MessageID == "":
		parts = append(parts, e.Text)
	default:
		parts = append(parts, e.Text, "("+e.MessageID+")")
	}
	return strings.Join(parts, " ")
}

// standing is a node, or a power shelf in the place of one: both stand in a rack.
func standing(d rack.Design, name string) rack.Node {
	n, ok := d.Node(name)
	if s, isShelf := d.Shelf(name); !ok && isShelf {
		n.Rack, n.PositionU = s.Rack, s.PositionU
	}
	return n
}

func rackName(d rack.Design, n rack.Node) string {
	for _, r := range d.Racks {
		if r.Address == n.Rack {
			return r.Name
		}
	}
	return ""
}

// eventLines are the changes of a step about subscriptions.
func eventLines(s step.Step) []string {
	var out []string
	was, want := texts(s.Expect["destinations"]), texts(s.Want["destinations"])
	if s.Expect["enabled"] == false && s.Want["enabled"] == true {
		out = append(out, "~ event service off -> on")
	}
	for _, d := range was {
		if !slices.Contains(want, d) {
			out = append(out, "- events to "+d)
		}
	}
	for _, d := range want {
		if !slices.Contains(was, d) {
			out = append(out, "+ events to "+d)
		}
	}
	return out
}

func texts(v any) []string {
	var out []string
	l, _ := v.([]any)
	for _, x := range l {
		out = append(out, fmt.Sprint(x))
	}
	return out
}
