package fabric

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// NVLinkGPU is what one GPU tells of its NVLink fabric: the Fabric section of nvidia-smi -q (NVML, nvmlGpuFabricInfo).
type NVLinkGPU struct {
	Node    string `json:"node"`
	GPU     string `json:"gpu"`     // its PCI address
	State   string `json:"state"`   // Completed, In Progress, Not Started, N/A …
	Status  string `json:"status"`  // Success, or what went wrong
	Cluster string `json:"cluster"` // ClusterUUID
	Clique  string `json:"clique"`  // CliqueId
}

// noCluster is the ClusterUUID of a GPU that is in no domain.
const noCluster = "00000000-0000-0000-0000-000000000000"

// ReadNVLink reads the output of nvidia-smi -q of one host. Output without a GPU, or of which no GPU tells of a fabric, is an error.
func ReadNVLink(node string, text []byte) ([]NVLinkGPU, error) {
	var out []NVLinkGPU
	inFabric, depth := false, 0
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\r\n", "\n")) {
		body := strings.TrimSpace(line)
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		if id, isGPU := strings.CutPrefix(body, "GPU "); isGPU && indent == 0 && strings.Contains(id, ":") {
			out = append(out, NVLinkGPU{Node: node, GPU: id})
			inFabric = false
			continue
		}
		name, value, isPair := strings.Cut(body, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case body == "Fabric" && len(out) > 0:
			inFabric, depth = true, indent
		case inFabric && indent <= depth && body != "":
			inFabric = false
		case inFabric && isPair:
			g := &out[len(out)-1]
			switch name {
			case "State":
				g.State = value
			case "Status":
				g.Status = value
			case "ClusterUUID":
				g.Cluster = strings.ToLower(value)
			case "CliqueId":
				g.Clique = value
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("it is no output of nvidia-smi -q: it names no GPU")
	}
	if !slices.ContainsFunc(out, func(g NVLinkGPU) bool { return g.State != "" }) {
		return nil, fmt.Errorf("no GPU in it tells of an NVLink fabric: the driver is too old for that, or there is none")
	}
	return out, nil
}

// The words for a node's NVLink.
const (
	NVLinkUp      = "up"
	NVLinkDown    = "down"
	NVLinkUnknown = "unknown"
)

// NVLinkNode is how the NVLink fabric of one node stands.
type NVLinkNode struct {
	Node   string `json:"node"`
	Rack   string `json:"rack,omitempty"`
	GPUs   int    `json:"gpus"`
	Word   string `json:"word"`
	Domain string `json:"domain,omitempty"` // ClusterUUID and CliqueId
	Why    string `json:"why,omitempty"`
}

// NVLinkDomain is the nodes whose GPUs reach each other by NVLink.
type NVLinkDomain struct {
	Domain string   `json:"domain"`
	Nodes  []string `json:"nodes"`
	Racks  []string `json:"racks"`
}

// NVLinkFindings is what is known of the NVLink of nodes.
type NVLinkFindings struct {
	Nodes   []NVLinkNode   `json:"nodes"`
	Domains []NVLinkDomain `json:"domains"`
}

// Count tells how many nodes have a word.
func (f NVLinkFindings) Count(word string) int {
	n := 0
	for _, x := range f.Nodes {
		if x.Word == word {
			n++
		}
	}
	return n
}

// VerifyNVLink judges every node of the design that has GPUs and of which somebody told, or of which nobody did. A fabric is up when
// all GPUs of a node, as many as are planned, say Completed and Success and are in one cluster that is not nought (R84). Which nodes
// are one domain follows from that cluster and the clique, never from the rack: one rack may hold several (R83). A word that is
// not known, such as what a controller last heard of before it was gone, is unknown and never up (R82).
func VerifyNVLink(d rack.Design, told []NVLinkGPU) NVLinkFindings {
	byNode := map[string][]NVLinkGPU{}
	for _, g := range told {
		byNode[strings.ToLower(g.Node)] = append(byNode[strings.ToLower(g.Node)], g)
	}
	f := NVLinkFindings{Nodes: []NVLinkNode{}, Domains: []NVLinkDomain{}}
	nodes := slices.Clone(d.Nodes)
	slices.SortFunc(nodes, func(a, b rack.Node) int { return strings.Compare(a.Name, b.Name) })
	for _, n := range nodes {
		hw := d.Hardware[n.Hardware]
		if hw.GPU == nil || hw.GPU.Count == 0 {
			continue
		}
		x := nvlinkNode(byNode[strings.ToLower(n.Name)], hw.GPU.Count)
		x.Node, x.Rack = n.Name, string(n.Rack)
		f.Nodes = append(f.Nodes, x)
		if x.Domain == "" {
			continue
		}
		i := slices.IndexFunc(f.Domains, func(e NVLinkDomain) bool { return e.Domain == x.Domain })
		if i < 0 {
			f.Domains = append(f.Domains, NVLinkDomain{Domain: x.Domain})
			i = len(f.Domains) - 1
		}
		f.Domains[i].Nodes = append(f.Domains[i].Nodes, x.Node)
		if !slices.Contains(f.Domains[i].Racks, x.Rack) {
			f.Domains[i].Racks = append(f.Domains[i].Racks, x.Rack)
		}
	}
	return f
}

func nvlinkNode(gpus []NVLinkGPU, planned int) NVLinkNode {
	x := NVLinkNode{GPUs: len(gpus), Word: NVLinkUp}
	if len(gpus) == 0 {
		x.Word, x.Why = NVLinkUnknown, "nobody told of it"
		return x
	}
	worse := func(word, format string, args ...any) {
		if x.Word == NVLinkUp || x.Word == NVLinkUnknown && word == NVLinkDown {
			x.Word, x.Why = word, fmt.Sprintf(format, args...)
		}
	}
	if len(gpus) < planned {
		worse(NVLinkDown, "%d of %d GPUs are there", len(gpus), planned)
	}
	for _, g := range gpus {
		switch g.State {
		case "Completed":
			if g.Status != "Success" {
				worse(NVLinkDown, "GPU %s: %s, status %q", g.GPU, g.State, g.Status)
			}
		case "In Progress", "Not Started", "Not Supported":
			worse(NVLinkDown, "GPU %s: %s", g.GPU, g.State)
		default:
			worse(NVLinkUnknown, "GPU %s says %q, which says nothing about its links", g.GPU, g.State)
		}
		if g.State == "Completed" && (g.Cluster == "" || g.Cluster == noCluster || g.Cluster == "n/a") {
			worse(NVLinkDown, "GPU %s is in no cluster", g.GPU)
		}
		if g.Cluster != gpus[0].Cluster || g.Clique != gpus[0].Clique {
			worse(NVLinkDown, "GPUs %s and %s are in different domains", gpus[0].GPU, g.GPU)
		}
	}
	if x.Word == NVLinkUp {
		x.Domain = gpus[0].Cluster + "." + gpus[0].Clique
	}
	return x
}
