package survey_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/survey"
)

func TestBind(t *testing.T) {
	nodes := []string{"n1", "n2", "n3"}
	found := []survey.Candidate{
		{URL: "https://10.0.0.1", Pin: "aa", Serials: []string{"S1", "CH1"}, MACs: []string{"aa:bb:cc:00:00:01"}},
		{URL: "https://10.0.0.2", Pin: "bb", Serials: []string{"S2"}, MACs: []string{"aa:bb:cc:00:00:02"}},
		{URL: "https://10.0.0.3", Serials: []string{"S3", "CH1"}},
	}
	for _, c := range []struct {
		name  string
		wants []survey.Want
		bound string // node=url, in order
		says  []string
	}{
		{"by serial, MAC and URL", []survey.Want{{Node: "n1", Serial: "s1"}, {Node: "n2", MAC: "AA-BB-CC-00-00-02"}, {Node: "n3", URL: "10.0.0.3:443"}},
			"n1=https://10.0.0.1 n2=https://10.0.0.2 n3=https://10.0.0.3", nil},
		{"all marks must agree", []survey.Want{{Node: "n1", Serial: "S1", MAC: "aabbcc000002"}}, "", []string{"No BMC matches", "Node without BMC", "Node without BMC",
			"BMC without node", "BMC without node", "BMC without node"}},
		{"ambiguous", []survey.Want{{Node: "n1", Serial: "CH1"}, {Node: "n2", Serial: "S2"}, {Node: "n3", Serial: "S3"}}, "n2=https://10.0.0.2 n3=https://10.0.0.3",
			[]string{"Several BMCs match", "BMC without node"}},
		{"one BMC for two", []survey.Want{{Node: "n1", Serial: "S1"}, {Node: "n2", MAC: "aa:bb:cc:00:00:01"}, {Node: "n3", Serial: "S3"}},
			"n1=https://10.0.0.1 n3=https://10.0.0.3", []string{"BMC of two nodes", "BMC without node"}},
		{"two systems of one BMC", []survey.Want{{Node: "n1", Serial: "S1", System: "A"}, {Node: "n2", Serial: "S1", System: "B"}, {Node: "n3", Serial: "S3"}},
			"n1=https://10.0.0.1 n2=https://10.0.0.1 n3=https://10.0.0.3", []string{"BMC without node"}},
		{"mistakes", []survey.Want{{Node: "n1", Serial: "S9"}, {Node: "n22", Serial: "S2"}, {Node: "n1", Serial: "S1"}, {Node: "n2"}},
			"", []string{"Unknown node", "Node bound twice", "No BMC matches", "Node without a mark", "Node without BMC", "BMC without node", "BMC without node", "BMC without node"}},
		{"another certificate", []survey.Want{{Node: "n1", Serial: "S1", Pin: "cc"}, {Node: "n2", Serial: "S2", Pin: "BB"}, {Node: "n3", URL: "https://10.9.9.9"}},
			"n2=https://10.0.0.2 n3=https://10.9.9.9", []string{"Certificate differs", "BMC without node"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, diags := survey.Bind(nodes, c.wants, found)
			var bound []string
			for _, b := range got {
				bound = append(bound, b.Node+"="+b.URL)
			}
			var says []string
			for _, d := range diags {
				says = append(says, d.Summary)
			}
			if s := strings.Join(bound, " "); s != c.bound {
				t.Errorf("bound %q, want %q", s, c.bound)
			}
			if diff := cmp.Diff(c.says, says); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadCSV(t *testing.T) {
	wants, diags := survey.ReadCSV(strings.NewReader("\ufeffNode, serial,MAC,url,credential\n"+
		"n1, S1 ,,,env:BMC\n# a comment\nn2,,aa:bb:cc:00:00:02,,\n,S3\nn4,S4,,,hunter2\n"), "bmc.csv")
	want := []survey.Want{{Node: "n1", Serial: "S1", Credential: "env:BMC"}, {Node: "n2", MAC: "aa:bb:cc:00:00:02"}}
	for i := range wants {
		wants[i].Origin = diag.Origin{}
	}
	if diff := cmp.Diff(want, wants); diff != "" {
		t.Errorf("wants (-want +got):\n%s", diff)
	}
	var says []string
	for _, d := range diags {
		says = append(says, d.Subject.Short()+" "+d.Summary)
		if strings.Contains(d.Detail, "hunter2") {
			t.Errorf("the secret is told: %s", d.Detail)
		}
	}
	if diff := cmp.Diff([]string{"bmc.csv:5 Missing node", "bmc.csv:6 Secret in a table"}, says); diff != "" {
		t.Errorf("diagnostics (-want +got):\n%s", diff)
	}
	_, diags = survey.ReadCSV(strings.NewReader("nod,serial\n"), "bmc.csv")
	if len(diags) != 2 || !strings.Contains(diags[0].Detail, `Did you mean "node"?`) {
		t.Errorf("bad header: %v", diags)
	}
}

func TestCandidateOf(t *testing.T) {
	c := survey.CandidateOf(rack.Device{Endpoint: "https://x", BMC: rack.BMC{MACs: []string{"m0"}}, Systems: []rack.System{{SerialNumber: "S", NICs: []rack.NIC{{MAC: "m1"}, {}}}, {}},
		Chassis: []rack.Chassis{{SerialNumber: "C"}}}, "pin")
	if diff := cmp.Diff(survey.Candidate{URL: "https://x", Pin: "pin", Serials: []string{"S", "C"}, MACs: []string{"m0", "m1"}}, c); diff != "" {
		t.Error(diff)
	}
}
