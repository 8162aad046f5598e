package fabric_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/fabric"
	"github.com/metalwright/metalwright/internal/rack"
)

// smi is what nvidia-smi -q prints of GPUs, as far as it is read here: one Fabric section each.
func smi(gpus ...[4]string) string {
	var b strings.Builder
	b.WriteString("==============NVSMI LOG==============\n\nTimestamp : now\nAttached GPUs : 2\n")
	for i, g := range gpus {
		fmt.Fprintf(&b, "GPU 0000000%d:01:00.0\n    Product Name                          : NVIDIA GB200\n    PCI\n        State                             : not this one\n"+
			"    Fabric\n        State                             : %s\n        Status                            : %s\n"+
			"        CliqueId                          : %s\n        ClusterUUID                       : %s\n        Health\n"+
			"            Bandwidth                     : Full\n    Processes                             : None\n", i, g[0], g[1], g[2], g[3])
	}
	return b.String()
}

const (
	clusterA = "5a0d7b3c-0000-4000-8000-000000000001"
	clusterB = "5a0d7b3c-0000-4000-8000-000000000002"
	zeros    = "00000000-0000-0000-0000-000000000000"
)

// TestNVLink holds rows of the quirk table: which nodes are up (R84), which are one domain (R83), and what is not known (R82).
func TestNVLink(t *testing.T) {
	good := [4]string{"Completed", "Success", "32766", clusterA}
	files := map[string]string{
		"n1": smi(good, good),
		"n2": smi(good, good),
		"n3": smi([4]string{"Completed", "Success", "32766", clusterB}, [4]string{"Completed", "Success", "32766", clusterB}), // the same rack, another domain
		"n4": smi(good, [4]string{"In Progress", "N/A", "N/A", "N/A"}),
		"n5": smi(good, [4]string{"Completed", "Insufficient Resources", "32766", clusterA}),
		"n6": smi(good, [4]string{"Completed", "Success", "0", zeros}),
		"n7": smi(good),
		"n8": smi(good, [4]string{"Synced", "Success", "32766", clusterA}), // what a controller heard last
	}
	d := rack.Design{Hardware: map[string]rack.Hardware{"server.tray": {GPU: &rack.PartFacts{Count: 2}}, "server.head": {}}}
	var told []fabric.NVLinkGPU
	for i := range 9 {
		name := fmt.Sprintf("n%d", i+1)
		d.Nodes = append(d.Nodes, rack.Node{Name: name, Hardware: "server.tray", Rack: "rack.a"})
		if text, ok := files[name]; ok {
			g, err := fabric.ReadNVLink(name, []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			told = append(told, g...)
		}
	}
	d.Nodes = append(d.Nodes, rack.Node{Name: "head", Hardware: "server.head"})
	want := map[string]string{"n1": "up", "n2": "up", "n3": "up", "n4": "down", "n5": "down", "n6": "down", "n7": "down", "n8": "unknown", "n9": "unknown"}
	f := fabric.VerifyNVLink(d, told)
	for _, n := range f.Nodes {
		if n.Word != want[n.Node] || (n.Why == "") != (n.Word == "up") {
			t.Errorf("%+v, want %s", n, want[n.Node])
		}
	}
	if len(f.Nodes) != 9 || len(f.Domains) != 2 || strings.Join(f.Domains[0].Nodes, " ") != "n1 n2" || strings.Join(f.Domains[1].Nodes, " ") != "n3" ||
		len(f.Domains[1].Racks) != 1 {
		t.Errorf("%+v", f.Domains)
	}
}

// TestNVLinkUnreadable: output that tells nothing is an error, never an empty answer.
func TestNVLinkUnreadable(t *testing.T) {
	for _, text := range []string{"", "hello", "GPU 00000001:01:00.0\n    Product Name : NVIDIA L40\n"} {
		if g, err := fabric.ReadNVLink("n1", []byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, g)
		}
	}
}
