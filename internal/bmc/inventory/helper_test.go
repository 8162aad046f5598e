package inventory_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim/recorded"
)

// readTree serves a tree over TLS, reads it with the real client, and checks that the session was closed.
func readTree(t testing.TB, tree *recorded.Tree, opt inventory.Options) (rack.Device, []rack.Gap) {
	t.Helper()
	d, gaps, err := tryTree(t, tree, opt)
	if err != nil {
		t.Fatal(err)
	}
	return d, gaps
}

func tryTree(t testing.TB, tree *recorded.Tree, opt inventory.Options) (rack.Device, []rack.Gap, error) {
	t.Helper()
	srv := recorded.NewServer(tree, recorded.Options{User: "reader", Password: "secret"})
	l, err := srv.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	c, err := redfish.New(redfish.Options{Base: l.URL, Trust: redfish.Trust{PinSHA256: l.PinSHA256},
		Login: func(context.Context) (string, string, error) { return "reader", "secret", nil }})
	if err != nil {
		t.Fatal(err)
	}
	d, gaps, err := inventory.Read(context.Background(), c, opt)
	if cerr := c.Close(context.Background()); cerr != nil {
		t.Error(cerr)
	}
	if n := srv.OpenSessions(); n != 0 {
		t.Errorf("%d sessions left open", n)
	}
	d.Stats = c.Stats()
	return d, gaps, err
}

// trees finds the recorded trees beside the project, or skips; METALWRIGHT_LAB=require makes that a failure.
func trees(t testing.TB) []string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	names, err := filepath.Glob(filepath.Join(dir, "..", "shared", "redfish", "*.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		if os.Getenv("METALWRIGHT_LAB") == "require" {
			t.Fatal("recorded trees are absent: looked for ../shared/redfish/*.tar.gz")
		}
		t.Skip("recorded trees are absent: looked for ../shared/redfish/*.tar.gz")
	}
	return names
}

func treeName(path string) string { return strings.TrimSuffix(filepath.Base(path), ".tar.gz") }
