package fabric_test

import (
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/fabric"
	"github.com/metalwright/metalwright/internal/rack"
)

func readCSV(t *testing.T, text string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestLists: the table has a row a cable, the sheet a label an end, the drawing nothing that a browser would fetch.
func TestLists(t *testing.T) {
	d := bench(t)
	d.Blueprint.Name = `lab <&> "1"`
	rows := readCSV(t, fabric.CSV(d))
	if len(rows) != 41 || strings.Join(rows[1], " ") != "0001 blue 1 compute 100G mmf 15 r1 3 n1 rail1 net 1 leaf1 swp1 fabric.compute" {
		t.Errorf("%d rows, the first cable is %q", len(rows), rows[1])
	}
	labels := fabric.Labels(d)
	if n := strings.Count(labels, "<div class=\"label\">"); n != 80 {
		t.Errorf("%d labels for 40 cables", n)
	}
	for _, want := range []string{"here: r1 U13 n2 rail2<br>there: net U2 leaf2 swp2", "here: net U2 leaf2 swp2<br>there: r1 U13 n2 rail2", "rail 2"} {
		if !strings.Contains(labels, want) {
			t.Errorf("no label says %q", want)
		}
	}
	for name, text := range map[string]string{"plan": fabric.HTML(d), "labels": labels} {
		wellFormed(t, name, text)
		for _, bad := range []string{"src=", "href=", "url(", "<script", "<link", "lab <&>"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s holds %q", name, bad)
			}
		}
	}
	if plan := fabric.HTML(d); strings.Count(plan, "<tr>") != 41 || !strings.Contains(plan, "<svg") || !strings.Contains(plan, ">U3 n1<") ||
		strings.Count(plan, "<path") != 8+4 {
		t.Errorf("the drawing has %d rows and %d lines", strings.Count(plan, "<tr>"), strings.Count(plan, "<path"))
	}
}

// wellFormed reads a page as XML, entities of HTML aside.
func wellFormed(t *testing.T, name, text string) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(text, "<!DOCTYPE html>\n")))
	dec.Entity, dec.AutoClose, dec.Strict = xml.HTMLEntity, xml.HTMLAutoClose, false
	for {
		_, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
	}
}

// TestRegister: auditors see which cables leave the rack, the site and the country, and which were verified.
func TestRegister(t *testing.T) {
	d := bench(t)
	d.Sites[0].Country = "AU"
	d.Sites[0].Backbone = []rack.BackboneLink{{To: "far", Gbps: 100, Via: "carrier x"}}
	d.Sites = append(d.Sites, rack.Site{Address: "site.far", Name: "far", Country: "NZ"})
	rows := readCSV(t, fabric.Register(d, fabric.Verified{Labels: []string{"0002"}, On: "2026-11-25", By: "j.tan"}))
	at := map[string]int{}
	for i, name := range rows[0] {
		at[name] = i
	}
	scopes := map[string]string{}
	for _, r := range rows[1:] {
		scopes[r[0]] = r[at["scope"]]
		if verified := r[at["verified_on"]] != ""; verified != (r[0] == "0002") {
			t.Errorf("cable %s is verified on %q", r[0], r[at["verified_on"]])
		}
	}
	for label, want := range map[string]string{"0001": "within the site", "S0001": "within the rack", "backbone:dc:far": "leaves the country"} {
		if scopes[label] != want {
			t.Errorf("cable %s: scope %q, want %q", label, scopes[label], want)
		}
	}
	if r := rows[2]; r[at["source"]] != "dc/r1/3/n1/rail2" || r[at["destination"]] != "dc/net/2/leaf2/swp1" || r[at["label_b"]] != "0002 net U2 leaf2 swp1 > r1 U3 n1 rail2" {
		t.Errorf("the register says %q", r)
	}
}
