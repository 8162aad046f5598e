package engine

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/metalwright/metalwright/internal/rack"
)

// The receiver of a workspace keeps its certificate and its secret, so that a later run finds the subscriptions of an earlier one, and a
// BMC that imported the certificate goes on to trust it.
func TestReceiverKeepsItsCertificate(t *testing.T) {
	w := newWorkspace(Options{Dir: t.TempDir()})
	open := func() (pin, to, label string) {
		t.Helper()
		r, err := w.OpenReceiver(t.Context(), EventOptions{Listen: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		to, label = r.For("n1")
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		return r.Pin, filepath.Base(to), label
	}
	pin, to, label := open()
	if p, o, l := open(); p != pin || o != to || l != label {
		t.Errorf("another run has %s %s %s, not %s %s %s", p, o, l, pin, to, label)
	}
	for _, f := range []string{"events.key", "events.secret"} {
		st, err := os.Stat(filepath.Join(w.opt.StateDir, "keys", f))
		if err != nil || runtime.GOOS != "windows" && st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, st, err)
		}
	}
	secret, err := w.eventKey()
	if err != nil || bytes.Contains([]byte(to+label), secret) {
		t.Errorf("the secret is shown: %v", err)
	}
	other := newWorkspace(Options{Dir: t.TempDir()})
	r, err := other.OpenReceiver(t.Context(), EventOptions{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if _, l := r.For("n1"); l == label {
		t.Error("two workspaces have one Context")
	}
	for _, bad := range []EventOptions{{Listen: "0.0.0.0:1"}, {Listen: ":8443"}, {Listen: "host"}, {Cert: "x"}, {Listen: "127.0.0.1:0", Cert: "none", Key: "none"}} {
		if r, err := w.OpenReceiver(t.Context(), bad); err == nil {
			t.Errorf("%+v is taken: %+v", bad, r)
		}
	}
	if r, err := w.OpenReceiver(t.Context(), EventOptions{}); r != nil || err != nil {
		t.Errorf("none is wanted: %v %v", r, err)
	}
}

// A supply of a node with shelves is about all that hangs on them; without shelves, about the node alone.
func TestSharesPower(t *testing.T) {
	w := newWorkspace(Options{Dir: t.TempDir()})
	w.Design = rack.Design{Racks: []rack.Rack{{Address: "rack.a", Name: "a"}, {Address: "rack.b", Name: "b"}},
		Nodes:        []rack.Node{{Address: "node.a1", Name: "a1", Rack: "rack.a"}, {Address: "node.a2", Name: "a2", Rack: "rack.a"}, {Address: "node.b1", Name: "b1", Rack: "rack.b"}},
		PowerShelves: []rack.PowerShelf{{Address: "power_shelf.s", Name: "s", Rack: "rack.a"}}}
	for name, want := range map[string]int{"a1": 2, "s": 2, "b1": 1, "stranger": 1} {
		if got := w.sharesPower(name); len(got) != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
