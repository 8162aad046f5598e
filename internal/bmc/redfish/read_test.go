package redfish

import (
	"context"
	"io"
	"log"
	"os"
	"testing"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func TestTryMock(t *testing.T) {
	base := os.Getenv("TRY_BASE")
	if base == "" {
		t.Skip()
	}
	var pin string
	o := Options{Base: base, Trust: Trust{TrustNew: func(ci CertInfo) error { pin = ci.PinSHA256; return nil }},
		Login: func(_ context.Context) (string, string, error) { return "root", "calvin0", nil }}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	root, err := c.Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"Systems", "Managers", "Chassis"} {
		rs, ps, err := c.Members(t.Context(), root.Obj.Link(k))
		t.Log(k, len(rs), ps, err)
	}
	us, _ := c.Get(t.Context(), root.Obj.Link("UpdateService"))
	rs, ps, err := c.Members(t.Context(), us.Obj.Link("FirmwareInventory"))
	t.Log(len(rs), ps, err, pin)
	t.Log(c.Close(t.Context()), c.Stats())
}
