package bmc

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// LogEntry is one line of a BMC's log, as the BMC words it.
type LogEntry struct {
	Log       string `json:"log"` // id of its log service
	ID        string `json:"id"`
	Created   string `json:"created,omitempty"` // as it says it (R42)
	Severity  string `json:"severity,omitempty"`
	Message   string `json:"message"`
	MessageID string `json:"message_id,omitempty"`
	Sensor    string `json:"sensor,omitempty"`
}

// Log is how the reading of one log came out.
type Log struct {
	ID      string `json:"log"`
	Name    string `json:"name"`
	Path    string `json:"path"`
	Entries int    `json:"entries"`           // that were read
	Holes   int    `json:"holes,omitempty"`   // entries that are listed and answer 404 (R118)
	Unread  int    `json:"unread,omitempty"`  // entries that could not be read for another reason
	Cut     bool   `json:"cut,omitempty"`     // there are more: the bound was reached
	Problem string `json:"problem,omitempty"` // why the log, or the rest of it, could not be read
}

// LogOptions bound the reading of logs.
type LogOptions struct {
	Most     int                        // entries of one log, at most; 0 = 10,000
	Progress func(log string, read int) // nil = none
}

const mostEntries = 10_000 // a lifecycle log holds some thousands; a BMC's journal has no end

// Logs reads every log of the host and of its managers, newest or oldest first as the BMC gives them, and hands each
// entry to take. What cannot be read of a log is said in its Log and stops no other one; the error is for a BMC that
// answers no more, and for take's own.
func (d *Driver) Logs(ctx context.Context, opt LogOptions, take func(LogEntry) error) ([]Log, error) {
	if opt.Most <= 0 {
		opt.Most = mostEntries
	}
	services, err := d.logServices(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the logs: %w", classed(err))
	}
	var out []Log
	for _, s := range services {
		if s.Obj.Link("Entries") == "" {
			continue
		}
		r := logReader{d: d, opt: opt, take: take, seen: map[string]bool{},
			log: Log{ID: nameOr(s.Obj.Str("Id"), lastPart(s.URI)), Name: s.Obj.Str("Name"), Path: s.URI}}
		err := r.read(ctx, s.Obj.Link("Entries"))
		out = append(out, r.log)
		if err != nil {
			return out, fmt.Errorf("read log %s: %w", r.log.ID, classed(err))
		}
	}
	return out, nil
}

// logServices are those of the host and of every manager, each once.
func (d *Driver) logServices(ctx context.Context) ([]*redfish.Resource, error) {
	v, err := d.vitals(ctx, step.Step{}, false)
	if err != nil {
		return nil, err
	}
	l, err := d.layout(ctx)
	if err != nil {
		return nil, err
	}
	collections := []string{v.system.Link("LogServices")}
	for _, m := range l.managers {
		collections = append(collections, m.Obj.Link("LogServices"))
	}
	var out []*redfish.Resource
	for _, c := range collections {
		if c == "" {
			continue
		}
		members, _, err := d.c.rf.Members(ctx, c)
		if err != nil && !redfish.IsNotFound(err) {
			return nil, err
		}
		for _, m := range members {
			if !slices.ContainsFunc(out, func(o *redfish.Resource) bool { return samePath(o.URI, m.URI) }) {
				out = append(out, m)
			}
		}
	}
	return out, nil
}

// logReader reads the entries of one log.
type logReader struct {
	d    *Driver
	opt  LogOptions
	take func(LogEntry) error
	seen map[string]bool // URIs: pages may repeat entries (R108)
	log  Log
}

// read follows the pages. An error is one that ends the reading of this BMC; everything else is noted in the log.
func (r *logReader) read(ctx context.Context, page string) error {
	pages := map[string]bool{}
	for page != "" && !r.log.Cut {
		key := strings.ToLower(page)
		if pages[key] {
			r.log.Problem = "its pages go round in a circle"
			return nil
		}
		pages[key] = true
		p, err := r.d.c.rf.Get(ctx, page)
		if err != nil {
			return r.failed(ctx, err)
		}
		for _, m := range p.Obj.Objs("Members") {
			if err := r.entry(ctx, m); err != nil {
				return err
			}
			if r.log.Cut {
				break
			}
		}
		if r.opt.Progress != nil {
			r.opt.Progress(r.log.ID, r.log.Entries)
		}
		page = p.Obj.Str("Members@odata.nextLink")
	}
	return nil
}

// entry takes one member: whole, or a link to it.
func (r *logReader) entry(ctx context.Context, o redfish.Object) error {
	uri := o.ODataID()
	if uri != "" {
		if r.seen[uri] {
			return nil
		}
		r.seen[uri] = true
	}
	if r.log.Entries+r.log.Holes+r.log.Unread >= r.opt.Most {
		r.log.Cut = true
		return nil
	}
	if len(o) == 1 && uri != "" {
		res, err := r.d.c.rf.Get(ctx, uri)
		switch {
		case redfish.IsNotFound(err):
			r.log.Holes++
			return nil
		case err != nil && (ctx.Err() != nil || redfish.IsAuth(err) || redfish.IsUnreachable(err) || redfish.IsUntrusted(err)):
			return err
		case err != nil:
			r.log.Unread++
			return nil
		}
		o = res.Obj
	}
	r.log.Entries++
	return r.take(LogEntry{Log: r.log.ID, ID: nameOr(o.Str("Id"), lastPart(uri)), Created: o.Str("Created"),
		Severity: nameOr(o.Str("Severity"), o.Str("MessageSeverity")), Message: r.d.redact(o.Str("Message")), MessageID: o.Str("MessageId"),
		Sensor: o.Str("SensorType")})
}

// failed notes why a log, or the rest of it, could not be read; what ends all is given back.
func (r *logReader) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil || redfish.IsAuth(err) || redfish.IsUnreachable(err) || redfish.IsUntrusted(err) {
		return err
	}
	r.log.Problem = r.d.redact(err.Error())
	return nil
}

func nameOr(s, other string) string {
	if s != "" {
		return s
	}
	return other
}
