package fabric_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/fabric"
	"github.com/metalwright/metalwright/internal/rack"
)

// sharedFile reads a recorded file beside the project, or skips; METALWRIGHT_LAB=require makes that a failure.
func sharedFile(t *testing.T, name string) []byte {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", filepath.FromSlash(name))
	b, err := os.ReadFile(path)
	if err != nil {
		if os.Getenv("METALWRIGHT_LAB") == "require" {
			t.Fatalf("recorded file is absent: %s", path)
		}
		t.Skipf("recorded file is absent: %s", path)
	}
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// TestRecordedNeighbours reads what real devices told: so many neighbours, so many that cannot be used.
func TestRecordedNeighbours(t *testing.T) {
	for _, c := range []struct {
		file               string
		seen, unread, read int
		bad                bool
	}{
		{file: "lldp/ironcore-lldpctl_complete.json", seen: 3, read: 1},
		{file: "lldp/ironcore-lldpctl_single.json", seen: 1, read: 1},
		{file: "lldp/ironcore-lldpctl_mgmtip_array.json", seen: 1, read: 1},
		{file: "lldp/ironcore-lldpctl_incomplete.json", read: 1},
		{file: "lldp/ironcore-lldpctl_partial.json", unread: 1, read: 1},
		{file: "lldp/sonic-snmpagent-appl_db.json", seen: 34, read: 1},
		{file: "lldp/ntc-arista_eos_show_lldp_neighbors_detail.raw", seen: 20, read: 1},
		{file: "lldp/ntc-cisco_nxos_show_lldp_neighbors_multiline.raw", seen: 15, read: 1},
		{file: "lldp/ntc-cisco_nxos_show_lldp_neighbors_detail.raw", seen: -1, read: 1},
		{file: "infiniband/topograph-ibnetdiscover-example.out.gz", seen: 1064 + 582, read: 40},
		{file: "infiniband/topograph-ibnetdiscover-example-bad.out", bad: true},
		{file: "infiniband/topograph-netq-topologyGraph.json", seen: -1},
		{file: "infiniband/topograph-netq-computeNodes.json", bad: true},
	} {
		t.Run(filepath.Base(c.file), func(t *testing.T) {
			got, err := fabric.Read(strings.TrimSuffix(c.file, ".gz"), sharedFile(t, c.file))
			if c.bad {
				if err == nil {
					t.Errorf("it is taken for %d neighbours", len(got.Seen))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.seen >= 0 && len(got.Seen) != c.seen || c.seen < 0 && len(got.Seen) < 4 || len(got.Unread) != c.unread || len(got.Read) != c.read {
				t.Errorf("%d neighbours, %d unread, %d tables; want %d, %d, %d", len(got.Seen), len(got.Unread), len(got.Read), c.seen, c.unread, c.read)
			}
			for _, s := range got.Seen {
				if s.Device == "" || len(s.Ports) != 1 || s.Ports[0] == "" || s.Neighbour.System == "" && s.Neighbour.Chassis == "" {
					t.Errorf("half a neighbour: %+v", s)
				}
			}
		})
	}
}

// TestRecordedTexts: names and ports come out as the device told them.
func TestRecordedTexts(t *testing.T) {
	find := func(c rack.Cables, port string) rack.Neighbour {
		for _, s := range c.Seen {
			if s.Ports[0] == port {
				return s.Neighbour
			}
		}
		return rack.Neighbour{}
	}
	c, err := fabric.Read("x.json", sharedFile(t, "lldp/ironcore-lldpctl_mgmtip_array.json"))
	if n := find(c, "ens3f0np0"); err != nil || n.System != "sw-test-spine-1" || n.Port != "swp1s0" || n.Chassis != "e8:eb:d3:e4:5a:2e" {
		t.Errorf("lldpctl: %+v, %v", n, err)
	}
	c, err = fabric.Read("x.raw", sharedFile(t, "lldp/ntc-cisco_nxos_show_lldp_neighbors_multiline.raw"))
	if n := find(c, "Eth1/5"); err != nil || n.System != "fw1-clinical-partner" || n.Port != "ethernet1/9" {
		t.Errorf("NX-OS: %+v, %v", n, err)
	}
	if n := find(c, "Eth3/1"); n.System != "cr-ebc.org.local" || n.Port != "Fo1/0/8" {
		t.Errorf("NX-OS: %+v", n)
	}
	c, err = fabric.Read("x.out", sharedFile(t, "infiniband/topograph-ibnetdiscover-example.out.gz"))
	if n := find(c, "33"); err != nil || n.System == "" {
		t.Errorf("ibnetdiscover: %+v, %v", n, err)
	}
}

// TestRead has small files of every form, so that nothing rests on recorded ones alone.
func TestRead(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"json0", `{"lldp":[{"interface":[{"name":"eth0","chassis":[{"id":[{"type":"mac","value":"AA:BB:CC:00:00:01"}],"name":[{"value":"leaf1"}]}],` +
			`"port":[{"id":[{"type":"ifname","value":"swp3"}],"descr":[{"value":"to n1"}]}]}]}]}`, "host eth0 = leaf1 aa:bb:cc:00:00:01 swp3"},
		{"json", `{"lldp":{"interface":{"eth0":{"chassis":{"leaf1":{"id":{"type":"mac","value":"aa"}}},"port":{"id":{"value":"Eth1/7"}}}}}}`,
			"host eth0 = leaf1 aa Eth1/7"},
		{"no name", `{"lldp":{"interface":{"eth0":{"chassis":{"id":{"type":"mac","value":"aa"}},"port":{"id":{"value":"p"}}}}}}`, "host eth0 =  aa p"},
		{"none", `{"lldp":{}}`, ""},
		{"sonic", `{"LLDP_ENTRY_TABLE:Ethernet8":{"lldp_rem_sys_name":"n1","lldp_rem_port_id":"ens1","lldp_rem_chassis_id":"AA"}}`, "host Ethernet8 = n1 aa ens1"},
		{"ib", "Switch\t65 \"S-01\"\t\t# \"MF0;leaf1:MQM9700/U1\" enhanced port 0 lid 73 lmc 0\n# switchguid=0x1\n" +
			"[3]\t\"H-0a\"[1](0a) \t\t# \"n2 mlx5_4\" lid 1 4xNDR\n[4]\t\"S-02\"[9]\t\t# \"MF0;spine1:MQM9700/U1\" lid 2 4xNDR\n",
			"leaf1 3 = n2 0a mlx5_4\nleaf1 4 = spine1 02 9"},
		{"netq", `[{"nodes":[{"id":"t","name":"tier","compounded_nodes":[{"id":"a","name":"leaf1"},{"id":"b","name":"n1"}]}],` +
			`"links":[{"compounded_links":[{"interfaces":[{"node":"a","interface":"swp1"},{"node":"b","interface":"ens1"}]}]}]}]`, "leaf1 swp1 = n1  ens1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := fabric.Read("some/host.json", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, s := range got.Seen {
				out = append(out, s.Device+" "+s.Ports[0]+" = "+s.Neighbour.System+" "+s.Neighbour.Chassis+" "+s.Neighbour.Port)
			}
			if text := strings.Join(out, "\n"); text != c.want {
				t.Errorf("got %q, want %q", text, c.want)
			}
		})
	}
	for _, bad := range []string{"", "{", `{"a":1}`, "[]", "hello", `{"lldp":{"interface":3}}`, "# switchguid=1\n"} {
		if got, err := fabric.Read("x", []byte(bad)); err == nil {
			t.Errorf("%q is taken for %d neighbours", bad, len(got.Seen))
		}
	}
}

// FuzzRead: whatever stands in a file, reading it ends with an answer or an error.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"lldp":{"interface":[{"eth0":{"chassis":{"a":{"id":{"value":"b"}}},"port":{"id":{"value":"c"}}}}]}}`))
	f.Add([]byte("Switch\t65 \"S-01\"\t\t# \"MF0;a:b/U1\"\nswitchguid=1\n[1]\t\"H-0a\"[1](0a)\t# \"n m\" lid\n"))
	f.Add([]byte("Interface Ethernet1 detected 1 LLDP neighbors:\n  Neighbor x\n  - Port ID : \"p\"\n"))
	f.Add([]byte(`[{"nodes":[{"id":"a"}],"links":[{"compounded_links":[{}]}]}]`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = fabric.Read("x.json", data)
	})
}
