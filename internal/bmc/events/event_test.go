package events

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/rack"
)

var day = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)

func TestDecode(t *testing.T) {
	whole := `{"@odata.type":"#Event.v1_7_0.Event","Id":"1","Name":"Events","Context":"ctx","Events":[{"@odata.id":"/x","MemberId":"0","EventId":"77",
		"EventType":"Alert","EventTimestamp":"2026-11-01T08:59:58Z","Severity":"Critical","MessageSeverity":"Critical","Message":"Leak\nhere.",
		"MessageId":"Environmental.1.0.LeakDetectedCritical","MessageArgs":["LD1"],"OriginOfCondition":{"@odata.id":"/redfish/v1/Chassis/1"},"Unknown":{"a":1}}]}`
	b, err := Decode([]byte(whole), day)
	if err != nil {
		t.Fatal(err)
	}
	want := Batch{Context: "ctx", Events: []rack.Event{{Received: day, At: "2026-11-01T08:59:58Z", ID: "77", Severity: "Critical", Text: "Leak here.",
		MessageID: "Environmental.1.0.LeakDetectedCritical", Args: []string{"LD1"}, Origin: "/redfish/v1/Chassis/1", Kind: rack.EventLeak}}}
	if diff := cmp.Diff(want, b); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// What BMCs leave out or write otherwise costs that field and not the event (R43).
func TestDecodeIsLenient(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want rack.Event
	}{
		"R43: neither MemberId nor EventType nor @odata.id": {`{"Events":[{"MessageId":"OpenBMC.0.4.DCPowerOn","Severity":"OK"}]}`,
			rack.Event{MessageID: "OpenBMC.0.4.DCPowerOn", Severity: "OK", Kind: rack.EventPower}},
		"an object for a list":             {`{"Events":{"Message":"x"}}`, rack.Event{Text: "x"}},
		"a record and no envelope":         {`{"MessageId":"A.1.0.B","Message":"x"}`, rack.Event{MessageID: "A.1.0.B", Text: "x"}},
		"origin as a text":                 {`{"Events":[{"OriginOfCondition":"/redfish/v1/Systems/1"}]}`, rack.Event{Origin: "/redfish/v1/Systems/1"}},
		"nulls":                            {`{"Events":[{"MessageArgs":null,"Message":null,"OriginOfCondition":null}]}`, rack.Event{}},
		"numbers as arguments":             {`{"Events":[{"MessageArgs":[1,2.5,"x",null]}]}`, rack.Event{Args: []string{"1", "2.5", "x"}}},
		"Dell's word for OK":               {`{"Events":[{"Severity":"Informational"}]}`, rack.Event{Severity: "OK"}},
		"a severity that is no word":       {`{"Events":[{"Severity":"Purple"}]}`, rack.Event{}},
		"a terminal's control codes":       {`{"Events":[{"Message":"\u001b[2Jgone"}]}`, rack.Event{Text: "[2Jgone"}},
		"MemberId in the place of EventId": {`{"Events":[{"MemberId":"3"}]}`, rack.Event{ID: "3"}},
	} {
		b, err := Decode([]byte(c.text), day)
		if err != nil || len(b.Events) != 1 {
			t.Errorf("%s: %v, %d events", name, err, len(b.Events))
			continue
		}
		c.want.Received = day
		if diff := cmp.Diff(c.want, b.Events[0]); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	for _, text := range []string{``, `[]`, `"x"`, `{"Events":`, `{} {}`, strings.Repeat(`{"a":`, 200)} {
		if _, err := Decode([]byte(text), day); err == nil {
			t.Errorf("%.20q is taken", text)
		}
	}
}

func TestDecodeBounds(t *testing.T) {
	b, err := Decode([]byte(`{"@odata.type":"#MetricReport.v1_0_0.MetricReport","MetricValues":[{"MetricId":"x"}]}`), day)
	if err != nil || !b.Metrics || len(b.Events) != 0 {
		t.Errorf("a metric report: %+v, %v", b, err)
	}
	var many []string
	for i := range maxRecords + 7 {
		many = append(many, fmt.Sprintf(`{"EventId":"%d","Message":"%s"}`, i, strings.Repeat("é", 2*maxText)))
	}
	b, err = Decode([]byte(`{"Events":[`+strings.Join(many, ",")+`]}`), day)
	if err != nil || len(b.Events) != maxRecords || b.Dropped != 7 {
		t.Fatalf("%d events, %d dropped, %v", len(b.Events), b.Dropped, err)
	}
	if n := len(b.Events[0].Text); n > maxText+8 {
		t.Errorf("a text of %d bytes", n)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"Events":[{"MessageId":"A.1.0.B","MessageArgs":["x"]}]}`))
	f.Add([]byte(`{"Events":{"OriginOfCondition":"/x"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Decode(b, day)
		if err == nil && len(got.Events) > maxRecords {
			t.Errorf("%d events", len(got.Events))
		}
	})
}
