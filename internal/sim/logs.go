package sim

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// logEntryType is one version for all dialects: AdditionalDataURI is in it since 1.7.
const logEntryType = "#LogEntry.v1_9_0.LogEntry"

// logKeeps is how many entries a log that has many holds at the start: more than a page of any dialect.
const logKeeps = 120

// logbook is one log service.
type logbook struct {
	uri, id, name string
	kind          string // EntryType
	links         bool   // members are links, not whole entries
	dump          bool   // CollectDiagnosticData
	entries       []logEntry
}

type logEntry struct {
	at       time.Time
	severity string
	text     string
	data     []byte // of a dump
}

// newLogs are the logs that a dialect shows (recorded ids).
func newLogs(b *BMC) []*logbook {
	d := b.dia
	sys, man := d.sys()+"/LogServices/", d.manager()+"/LogServices/"
	var out []*logbook
	add := func(base, id, name, kind string, n int) *logbook {
		l := &logbook{uri: base + id, id: id, name: name, kind: kind}
		for i := range n {
			l.entries = append(l.entries, logEntry{at: b.now.Add(-time.Duration(n-i) * time.Hour), severity: "OK",
				text: [...]string{"The system inventory was collected.", "A power supply was found.", "A login was successful."}[i%3]})
		}
		out = append(out, l)
		return l
	}
	switch d.name {
	case dialectIDRAC:
		add(man, "Sel", "Log Service for System Event Logs", "SEL", 6)
		add(man, "Lclog", "LifeCycle Controller Log Service", "Oem", logKeeps)
	case dialectILO:
		add(sys, "IML", "Integrated Management Log", "Oem", 6).links = true
		add(man, "IEL", "iLO Event Log", "Oem", logKeeps).links = true
	case dialectSupermicro:
		add(sys, "Log1", "System Event Log Service", "SEL", logKeeps).links = true
	case dialectXCC:
		add(sys, "SEL", "System Event Log", "SEL", 6)
		add(sys, "AuditLog", "Audit Log", "Event", logKeeps)
		l := add(sys, "DiagnosticLog", "Diagnostic Log", "Oem", 0)
		l.dump = true
	case dialectOpenBMC:
		add(sys, "EventLog", "Event Log Service", "Event", 6)
		l := add(man, "Dump", "Dump LogService", "Event", 0)
		l.dump = true
	case dialectLiteon:
		add(man, "EventLog", "Event Log Service", "Event", 6)
	default:
		add(sys, "SEL", "System Event Log", "SEL", 6)
	}
	return out
}

// logged adds a line to the first log, as a BMC does when something happens to its machine.
func (b *BMC) logged(severity, format string, args ...any) {
	l := b.logs[0]
	l.entries = append(l.entries, logEntry{at: b.now, severity: severity, text: fmt.Sprintf(format, args...)})
}

func logRoutes(b *BMC, m map[string]*route) {
	homes := map[string][]string{}
	for _, l := range b.logs {
		home := l.uri[:len(l.uri)-len(l.id)-1]
		homes[home] = append(homes[home], l.uri)
		add(b, m, l.uri, &route{get: func(*call) obj { return b.logService(l) }})
		add(b, m, l.uri+"/Entries", &route{get: func(*call) obj { return b.logEntries(l) }})
		add(b, m, l.uri+"/Entries/*", &route{get: func(c *call) obj {
			i, err := strconv.Atoi(c.vars[0])
			if err != nil || i < 1 || i > len(l.entries) || b.hole(l, i) {
				return nil
			}
			return b.logEntry(l, i)
		}})
		if l.dump {
			add(b, m, l.uri+"/Actions/LogService.CollectDiagnosticData", &route{post: func(c *call) *answer { return collectData(c, l) }})
			add(b, m, l.uri+"/Entries/*/attachment", &route{answer: func(c *call) *answer { return attachment(c, l) }})
		}
	}
	for home, uris := range homes {
		add(b, m, home, &route{get: func(*call) obj {
			return collection("LogServiceCollection.LogServiceCollection", "Log Service Collection", uris)
		}})
	}
	if b.dia.name == dialectILO {
		ahsRoutes(b, m)
	}
}

// hasLogs tells whether a System or Manager has log services.
func (b *BMC) hasLogs(owner string) bool {
	for _, l := range b.logs {
		if l.uri == owner+"/LogServices/"+l.id {
			return true
		}
	}
	return false
}

func (b *BMC) logService(l *logbook) obj {
	o := obj{"@odata.type": b.dia.typ("LogService"), "Id": l.id, "Name": l.name, "ServiceEnabled": true, "Status": enabled(),
		"OverWritePolicy": "WrapsWhenFull", "Entries": ref(l.uri + "/Entries")}
	if l.dump {
		a := obj{"target": l.uri + "/Actions/LogService.CollectDiagnosticData"}
		if b.dia.name == dialectOpenBMC {
			a["DiagnosticDataType@Redfish.AllowableValues"] = []any{"Manager", "OEM"}
		}
		o["Actions"] = obj{"#LogService.CollectDiagnosticData": a}
	}
	return o
}

// hole tells whether an entry is listed and answers 404 (R118).
func (b *BMC) hole(l *logbook, i int) bool { return l.links && i%5 == 0 && b.faults.on("R118") }

func (b *BMC) logEntries(l *logbook) obj {
	members := []any{}
	for i := range l.entries {
		if l.links {
			members = append(members, ref(fmt.Sprintf("%s/Entries/%d", l.uri, i+1)))
			continue
		}
		members = append(members, b.logEntry(l, i+1))
	}
	o := collection("LogEntryCollection.LogEntryCollection", "Log Entry Collection", nil)
	o["Members"], o["Members@odata.count"] = members, len(members)
	return o
}

// logEntry renders the i-th entry, from 1.
func (b *BMC) logEntry(l *logbook, i int) obj {
	e := l.entries[i-1]
	uri := fmt.Sprintf("%s/Entries/%d", l.uri, i)
	o := obj{"@odata.id": uri, "@odata.type": logEntryType, "Id": strconv.Itoa(i), "Name": "Log Entry " + strconv.Itoa(i),
		"EntryType": l.kind, "Severity": e.severity, "Created": stamp(e.at), "Message": e.text}
	if l.kind == "SEL" {
		o["EntryCode"], o["SensorType"] = "Assert", "System Event"
	}
	if e.data != nil {
		o["AdditionalDataURI"], o["AdditionalDataSizeBytes"], o["DiagnosticDataType"] = uri+"/attachment", len(e.data), "Manager"
	}
	return o
}

// packing is how long a BMC collects its own data.
const packing = 90 * time.Second

// collectData begins a collection; what it brings is an entry with an attachment.
func collectData(c *call, l *logbook) *answer {
	b := c.b
	kind, _ := c.body["DiagnosticDataType"].(string)
	switch kind {
	case "":
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterMissing", "LogService.CollectDiagnosticData", "DiagnosticDataType"))
	case "Manager", "OEM":
	default:
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterNotSupported", "DiagnosticDataType", "LogService.CollectDiagnosticData"))
	}
	j := b.newJob("Diagnostic data", "Running")
	b.after(packing/2, "task", func() { j.percent = 50 })
	b.after(packing, "task", func() {
		text := fmt.Sprintf("diagnostic data of %s, seed %d\n", b.serial, b.rack.opt.Seed)
		l.entries = append(l.entries, logEntry{at: b.now, severity: "OK", text: "Diagnostic data was collected.", data: []byte(text)})
		b.complete(j)
	})
	return b.accepted(j)
}

func attachment(c *call, l *logbook) *answer {
	b := c.b
	i, err := strconv.Atoi(c.vars[0])
	if err != nil || i < 1 || i > len(l.entries) || l.entries[i-1].data == nil {
		return b.fail(http.StatusNotFound, b.msg("ResourceMissingAtURI", c.path))
	}
	return &answer{status: http.StatusOK, body: l.entries[i-1].data, header: map[string]string{"Content-Type": "application/octet-stream"}}
}

// ahsRoutes are HPE's Active Health System log: a file that is always there.
func ahsRoutes(b *BMC, m map[string]*route) {
	const file = "/ahsdata/HPE_SIM.ahs"
	uri := b.dia.manager() + "/ActiveHealthSystem"
	add(b, m, uri, &route{get: func(*call) obj {
		return obj{"@odata.type": "#HpeiLOActiveHealthSystem.v2_5_0.HpeiLOActiveHealthSystem", "Id": "ActiveHealthSystem",
			"Name": "Active Health System", "AHSEnabled": true, "Links": obj{"AHSLocation": obj{"extref": file}}}
	}})
	add(b, m, file, &route{answer: func(*call) *answer {
		return &answer{status: http.StatusOK, body: []byte("AHSH of " + b.serial + "\n"),
			header: map[string]string{"Content-Type": "application/octet-stream"}}
	}})
}
