package fabric_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/fabric"
	"github.com/metalwright/metalwright/internal/rack"
)

// ibnet writes what ibnetdiscover would tell of the first fabric of d. at exchanges ports of leaf3, as hands would.
func ibnet(d rack.Design, at func(port string) string) string {
	var b strings.Builder
	f := d.Fabrics[0]
	for _, s := range f.Switches {
		fmt.Fprintf(&b, "switchguid=0x%s(%s)\nSwitch\t65 \"S-%s\"\t\t# \"MF0;%s:MQM9700/U1\" enhanced port 0 lid 1 lmc 0\n", hexOf(s.Name), hexOf(s.Name),
			hexOf(s.Name), strings.ToUpper(s.Name))
		for _, l := range f.Links {
			a, z := l.A, l.B
			if a.Device != s.Name && z.Device != s.Name {
				continue
			}
			if a.Device != s.Name {
				a, z = z, a
			}
			port := a.Port
			if s.Name == "leaf3" && z.Kind == "node" {
				port = at(port)
			}
			if z.Kind == "switch" {
				fmt.Fprintf(&b, "[%s]\t\"S-%s\"[%s]\t\t# \"MF0;%s:MQM9700/U1\" lid 2 4xNDR\n", port, hexOf(z.Device), z.Port, z.Device)
				continue
			}
			fmt.Fprintf(&b, "[%s]\t\"H-%s\"[1](%s) \t\t# \"%s mlx5_%d\" lid 3 4xNDR\n", port, hexOf(z.Device), hexOf(z.Device), strings.TrimPrefix(z.Device, "compute-"), z.Number)
		}
		fmt.Fprintf(&b, "[65]\t\"H-%s\"[1](%s) \t\t# \"Mellanox Technologies Aggregation Node\" lid 9 4xNDR\n\n", hexOf(s.Name), hexOf(s.Name))
	}
	return b.String()
}

func hexOf(name string) string { return fmt.Sprintf("%016x", len(name)*1000+int(name[len(name)-1])) }

// TestInfiniBand: a whole unit, as ibnetdiscover tells it, is in order to the last cable, that of the fabric manager too; two nodes
// that changed places on leaf 3 are found.
func TestInfiniBand(t *testing.T) {
	d, _ := site(t, "fabric.ndr400_rail8_su32", 16, placed(8, 4, "switch.qm9700", ""))
	same := func(p string) string { return p }
	verify := func(at func(string) string) fabric.Findings {
		seen, err := fabric.Read("ib.out", []byte(ibnet(d, at)))
		if err != nil {
			t.Fatal(err)
		}
		return fabric.Verify(d, seen)
	}
	if f := verify(same); f.OK != 16*8+4+256 || len(f.Items) != 0 {
		t.Errorf("as planned:\n%s", lines(f))
	}
	f := verify(func(p string) string {
		switch p {
		case "5":
			return "11"
		case "11":
			return "5"
		}
		return p
	})
	if f.OK != 16*8+4+256-2 || len(f.Items) != 1 || f.Items[0].Kind != fabric.Swapped || strings.Join(f.Items[0].Labels, " ") != "0035 0083" {
		t.Errorf("swapped:\n%s", lines(f))
	}
}
