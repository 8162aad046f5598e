package survey

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// Want says how the BMC of one node is known: by the serial number on the machine, by a MAC address, or by its URL. At
// least one of the three is given; all that are given must agree.
type Want struct {
	Node       string
	Serial     string
	MAC        string
	URL        string
	Pin        string
	System     string
	Username   string
	Credential rack.SecretRef
	// FactoryUsername and Factory are what the BMC left the factory with.
	FactoryUsername string
	Factory         rack.SecretRef
	Origin          diag.Origin
}

// Candidate is a BMC that was found: by discover with what its certificate says, or by survey with what it holds.
type Candidate struct {
	URL     string
	Pin     string
	Serials []string // of the host, its chassis; not of parts
	MACs    []string // of the BMC's own ports and of the host's
}

// CandidateOf makes a Candidate of a surveyed device.
func CandidateOf(d rack.Device, pin string) Candidate {
	c := Candidate{URL: d.Endpoint, Pin: pin, MACs: slices.Clone(d.BMC.MACs)}
	for _, s := range d.Systems {
		c.Serials = append(c.Serials, s.SerialNumber)
		for _, n := range s.NICs {
			c.MACs = append(c.MACs, n.MAC)
		}
	}
	for _, x := range d.Chassis {
		c.Serials = append(c.Serials, x.SerialNumber)
	}
	c.Serials = slices.DeleteFunc(c.Serials, func(s string) bool { return s == "" })
	c.MACs = slices.DeleteFunc(c.MACs, func(s string) bool { return s == "" })
	return c
}

var csvColumns = []string{"node", "serial", "mac", "url", "pin", "system", "username", "credential", "factory_username", "factory"}

// ReadCSV reads wants from a table whose first line names its columns: node, and any of serial, mac, url, pin, system,
// username, credential, factory_username, factory (references, never secrets). Every mistake is told at once, with its line.
func ReadCSV(r io.Reader, file string) ([]Want, diag.List) {
	var diags diag.List
	bad := func(line int, summary, detail string) {
		diags = append(diags, diag.Diagnostic{Severity: diag.Error, Summary: summary, Detail: detail, Subject: at(file, line, 1)})
	}
	cr := csv.NewReader(r)
	cr.FieldsPerRecord, cr.TrimLeadingSpace, cr.Comment = -1, true, '#'
	head, err := cr.Read()
	if err != nil {
		bad(1, "Unreadable table", fmt.Sprintf("The first line has to name the columns (%s): %v.", strings.Join(csvColumns, ", "), err))
		return nil, diags
	}
	column := map[string]int{}
	for i, h := range head {
		h = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")))
		if !slices.Contains(csvColumns, h) {
			bad(1, "Unknown column", fmt.Sprintf("Column %q is not known.%s", h, diag.DidYouMean(h, csvColumns)))
		}
		column[h] = i
	}
	if _, ok := column["node"]; !ok {
		bad(1, "Missing column", "The table needs a column \"node\".")
	}
	var out []Want
	for {
		rec, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return out, diags
		}
		if err != nil {
			var pe *csv.ParseError
			line := 1
			if errors.As(err, &pe) {
				line = pe.Line
			}
			bad(line, "Unreadable table", err.Error())
			return out, diags
		}
		line, _ := cr.FieldPos(0)
		get := func(name string) string {
			if i, ok := column[name]; ok && i < len(rec) {
				return strings.TrimSpace(rec[i])
			}
			return ""
		}
		w := Want{Node: get("node"), Serial: get("serial"), MAC: get("mac"), URL: get("url"), Pin: get("pin"), System: get("system"),
			Username: get("username"), Credential: rack.SecretRef(get("credential")), FactoryUsername: get("factory_username"), Factory: rack.SecretRef(get("factory")),
			Origin: at(file, line, 1)}
		switch {
		case w.Node == "":
			bad(line, "Missing node", "The line names no node.")
		case w.Credential != "" && !strings.Contains(string(w.Credential), ":"):
			bad(line, "Secret in a table", "The credential has to be a reference such as env:NAME or file:PATH, never the secret itself.")
		case w.Factory != "" && !strings.Contains(string(w.Factory), ":"):
			bad(line, "Secret in a table", "The factory's password has to be a reference such as env:NAME or file:PATH, never the secret itself.")
		default:
			out = append(out, w)
		}
	}
}

// Bind ties nodes to BMCs. Nothing is guessed: what matches no BMC, more than one, or one that another node has too is an
// error that names both sides. Nodes without a want and BMCs without a node are warnings. Bindings are in the order of nodes.
func Bind(nodes []string, wants []Want, found []Candidate) ([]rack.Binding, diag.List) {
	b := &binder{found: found, takenBy: map[int]string{}, wants: map[string]Want{}}
	for _, w := range wants {
		switch {
		case !slices.Contains(nodes, w.Node):
			b.bad(w, "Unknown node", fmt.Sprintf("The blueprint has no node %q.%s", w.Node, diag.DidYouMean(w.Node, nodes)))
		case b.wants[w.Node].Node != "":
			b.bad(w, "Node bound twice", fmt.Sprintf("Node %q stands in two lines; the other is %s.", w.Node, b.wants[w.Node].Origin.Short()))
		default:
			b.wants[w.Node] = w
		}
	}
	var out []rack.Binding
	for _, n := range nodes {
		w, ok := b.wants[n]
		if !ok {
			b.diags = append(b.diags, diag.Diagnostic{Severity: diag.Warning, Summary: "Node without BMC", Address: n,
				Detail: fmt.Sprintf("Nothing says which BMC is that of node %q: give its serial, MAC or URL.", n)})
			continue
		}
		if x, ok := b.bind(w); ok {
			out = append(out, x)
		}
	}
	for i, c := range found {
		if b.takenBy[i] == "" {
			b.diags = append(b.diags, diag.Diagnostic{Severity: diag.Warning, Summary: "BMC without node",
				Detail: fmt.Sprintf("The BMC at %s belongs to no node of this blueprint.", c.URL)})
		}
	}
	return out, b.diags
}

type binder struct {
	found   []Candidate
	wants   map[string]Want
	takenBy map[int]string
	diags   diag.List
}

func (b *binder) bad(w Want, summary, detail string) {
	b.diags = append(b.diags, diag.Diagnostic{Severity: diag.Error, Summary: summary, Detail: detail, Address: w.Node, Subject: w.Origin})
}

func (b *binder) bind(w Want) (rack.Binding, bool) {
	if w.Serial == "" && w.MAC == "" && w.URL == "" {
		b.bad(w, "Node without a mark", fmt.Sprintf("Node %q needs a serial, a MAC or a URL to be found by.", w.Node))
		return rack.Binding{}, false
	}
	var fits []int
	for i, c := range b.found {
		if w.fits(c) {
			fits = append(fits, i)
		}
	}
	switch {
	case len(fits) == 0 && w.URL != "" && w.Serial == "" && w.MAC == "":
		// A URL alone needs no discovery: it is where the node is.
		return w.binding(Candidate{URL: w.URL}), true
	case len(fits) == 0:
		b.bad(w, "No BMC matches", fmt.Sprintf("No BMC that was found has %s.%s", w.marks(), b.near(w)))
		return rack.Binding{}, false
	case len(fits) > 1:
		var urls []string
		for _, i := range fits {
			urls = append(urls, b.found[i].URL)
		}
		b.bad(w, "Several BMCs match", fmt.Sprintf("%s fits %s. Give another mark of node %q, or its URL.", w.marks(),
			strings.Join(urls, " and "), w.Node))
		return rack.Binding{}, false
	}
	i := fits[0]
	if other := b.takenBy[i]; other != "" && w.System == "" {
		b.bad(w, "BMC of two nodes", fmt.Sprintf("The BMC at %s is already that of node %q. If it manages several hosts, name the "+
			"system of each.", b.found[i].URL, other))
		return rack.Binding{}, false
	}
	b.takenBy[i] = w.Node
	if w.Pin != "" && b.found[i].Pin != "" && !strings.EqualFold(w.Pin, b.found[i].Pin) {
		b.bad(w, "Certificate differs", fmt.Sprintf("The BMC at %s shows a key with the pin %s, the table says %s. Compare the "+
			"fingerprint at the machine before binding it.", b.found[i].URL, b.found[i].Pin, w.Pin))
		return rack.Binding{}, false
	}
	return w.binding(b.found[i]), true
}

// fits tells whether a BMC has every mark that is given.
func (w Want) fits(c Candidate) bool {
	has := func(list []string, want string, norm func(string) string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return norm(s) == norm(want) })
	}
	if w.Serial != "" && !has(c.Serials, w.Serial, normSerial) {
		return false
	}
	if w.MAC != "" && !has(c.MACs, w.MAC, normMAC) {
		return false
	}
	return w.URL == "" || normURL(w.URL) == normURL(c.URL)
}

func (w Want) marks() string {
	var out []string
	for _, m := range [][2]string{{"serial", w.Serial}, {"MAC", w.MAC}, {"URL", w.URL}} {
		if m[1] != "" {
			out = append(out, m[0]+" "+m[1])
		}
	}
	return strings.Join(out, " and ")
}

// near finds what was probably meant by a serial with a typing error.
func (b *binder) near(w Want) string {
	var all []string
	for _, c := range b.found {
		all = append(all, c.Serials...)
	}
	if w.Serial == "" {
		return ""
	}
	return diag.DidYouMean(w.Serial, all)
}

func (w Want) binding(c Candidate) rack.Binding {
	pin := w.Pin
	if pin == "" {
		pin = c.Pin
	}
	return rack.Binding{Node: w.Node, URL: c.URL, PinSHA256: strings.ToLower(pin), Serial: w.Serial, MAC: w.MAC, System: w.System,
		Username: w.Username, Credential: w.Credential, FactoryUsername: w.FactoryUsername, Factory: w.Factory}
}

func normSerial(s string) string { return strings.ToUpper(strings.TrimSpace(s)) }

func normMAC(s string) string {
	return strings.NewReplacer(":", "", "-", "", ".", "").Replace(strings.ToLower(strings.TrimSpace(s)))
}

func normURL(s string) string {
	s = strings.ToLower(strings.TrimRight(strings.TrimSpace(s), "/"))
	s = strings.TrimPrefix(s, "https://")
	return strings.TrimSuffix(s, ":443")
}
