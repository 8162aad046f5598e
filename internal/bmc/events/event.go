// Package events turns what a BMC tells of itself into rack.Event: it decodes the Event resource leniently (R43), says what an
// event means, and receives the events that are pushed. It decides nothing and asks no device.
package events

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

const (
	// maxRecords bounds the records that one message may carry. DSP0266 names no bound; BMCs send one, bmcweb up to some dozens.
	maxRecords = 256
	// maxText bounds texts of a BMC, in bytes.
	maxText = 1000
)

// Batch is one message of a BMC: the records of an Event resource.
type Batch struct {
	Context string // that of the subscription; "" on a stream
	Events  []rack.Event
	Dropped int  // records over the bound
	Metrics bool // a MetricReport: nothing of it is used
}

// Decode reads one message, received now. Missing fields are left empty, unknown ones are passed over, and a text in the place of a
// list or an object in the place of a text does no harm: only what is no JSON object is an error.
func Decode(body []byte, now time.Time) (Batch, error) {
	o, err := redfish.DecodeObject(body)
	if err != nil {
		return Batch{}, fmt.Errorf("read an event: %w", err)
	}
	b := Batch{Context: o.Str("Context")}
	if strings.Contains(o.Str("@odata.type"), "MetricReport") || !o.Has("Events") && o.Has("MetricValues") {
		b.Metrics = true
		return b, nil
	}
	records := o.Objs("Events")
	if len(records) == 0 {
		if one := o.Obj("Events"); one != nil { // an object where a list belongs
			records = []redfish.Object{one}
		} else if o.Has("MessageId") || o.Has("Message") { // the record itself
			records = []redfish.Object{o}
		}
	}
	if len(records) > maxRecords {
		b.Dropped, records = len(records)-maxRecords, records[:maxRecords]
	}
	for _, r := range records {
		b.Events = append(b.Events, record(r, now))
	}
	return b, nil
}

// record reads one EventRecord.
func record(r redfish.Object, now time.Time) rack.Event {
	e := rack.Event{Received: now.UTC(), At: clip(r.Str("EventTimestamp"), 64), ID: clip(first(r.Str("EventId"), r.Str("MemberId")), 128),
		MessageID: clip(r.Str("MessageId"), 200), Severity: severity(first(r.Str("MessageSeverity"), r.Str("Severity"))),
		Text: clip(r.Str("Message"), maxText), Origin: clip(first(r.Link("OriginOfCondition"), r.Str("OriginOfCondition")), 512)}
	for _, a := range texts(r["MessageArgs"]) {
		e.Args = append(e.Args, clip(a, maxText))
	}
	e.Kind = Classify(e)
	return e
}

// texts reads MessageArgs: strings by the standard; numbers and one bare string are seen too.
func texts(v any) []string {
	var out []string
	switch x := v.(type) {
	case []any:
		for _, a := range x {
			if len(out) == 32 { // no registry message takes more than 15
				break
			}
			if a != nil {
				out = append(out, fmt.Sprint(a))
			}
		}
	case string:
		out = append(out, x)
	case json.Number:
		out = append(out, x.String())
	}
	return out
}

func first(texts ...string) string {
	i := slices.IndexFunc(texts, func(s string) bool { return s != "" })
	if i < 0 {
		return ""
	}
	return texts[i]
}

// severity gives the word of Redfish's Health for what BMCs write: "Informational" (Dell), "Information" (Supermicro), "critical".
func severity(s string) string {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "":
		return ""
	case "ok", "informational", "information", "info", "normal":
		return "OK"
	case "warning", "caution":
		return "Warning"
	case "critical", "fatal", "error":
		return "Critical"
	}
	return ""
}

// clip shortens a text and takes control characters out of it: it is shown on terminals.
func clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\r' {
			return ' '
		}
		if r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	s = strings.TrimSpace(s)
	for i := range s {
		if i >= n {
			return s[:i] + "…"
		}
	}
	return s
}

// Split divides a MessageId into the registry's prefix and the key: "IDRAC.2.7.TMP0121" is IDRAC and TMP0121. Some BMCs send the
// key alone.
func Split(id string) (registry, key string) {
	i := strings.LastIndexByte(id, '.')
	if i < 0 {
		return "", id
	}
	registry, _, _ = strings.Cut(id[:i], ".")
	return registry, id[i+1:]
}
