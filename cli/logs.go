package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
)

type logsFlags struct {
	verbFlags
	out, dump string
	most      int
}

func newLogs(a *app) *cobra.Command {
	f := &logsFlags{}
	c := &cobra.Command{
		Use: "logs [NODE]", GroupID: "hand", Short: "Collect the logs of a BMC to a file",
		Long: `Logs reads every log of a host and its BMC (system event log, lifecycle log, manager log), page by page, and writes one JSON document a
line. Entries that are listed and not there are counted and fail nothing; a log that cannot be read is said, with exit code 3.

With --dump the BMC is also asked to collect its own diagnostic data (CollectDiagnosticData of its log services, HPE's Active
Health System log), which is then fetched. A BMC that offers none says so, and nothing is started.` + verbCodes,
		Example: "  metalwright logs a01-n1 -o a01-n1.jsonl\n  metalwright logs a01-n1 -o a01-n1.jsonl --dump a01-n1.dump\n" +
			"  metalwright logs --bmc 10.20.8.11 --trust-new -o bmc.jsonl \\\n    --username admin --password-env BMC_PASSWORD",
		RunE: func(c *cobra.Command, args []string) error { return a.logs(c.Context(), f, args) },
	}
	f.add(c)
	c.Flags().StringVarP(&f.out, "out", "o", "", "file to write the entries to (default: standard output)")
	c.Flags().StringVar(&f.dump, "dump", "", "file to write the vendor's diagnostic data to")
	c.Flags().IntVar(&f.most, "max", 0, "entries of one log, at most (default 10000)")
	return c
}

func (a *app) logs(ctx context.Context, f *logsFlags, args []string) (err error) {
	w, nodes, err := f.open(a, args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if len(nodes) != 1 {
		return fmt.Errorf("logs are collected of one node, not of %d", len(nodes))
	}
	read, err := a.collectLogs(ctx, w, f, nodes[0])
	if err != nil {
		return err
	}
	if f.dump != "" {
		if err := a.collectDump(ctx, w, f, nodes[0]); err != nil {
			return err
		}
	}
	bad := 0
	for _, l := range read {
		if l.Problem != "" || l.Unread > 0 || l.Cut {
			bad++
		}
	}
	if bad > 0 {
		return withCode(exitStopped, fmt.Errorf("%s not read to the end", count(bad, "log")))
	}
	return nil
}

// logLine is one line of the file: an entry, or at its end how a log came out.
type logLine struct {
	Format int           `json:"format"`
	Event  string        `json:"event"` // entry, log
	Node   string        `json:"node"`
	Entry  *bmc.LogEntry `json:"entry,omitempty"`
	Log    *bmc.Log      `json:"log,omitempty"`
}

// collectLogs writes the logs of a node, and says what was read. The file appears whole or not at all.
func (a *app) collectLogs(ctx context.Context, w *engine.Workspace, f *logsFlags, node string) ([]bmc.Log, error) {
	out, done, err := a.output(f.out)
	if err != nil {
		return nil, err
	}
	buf := bufio.NewWriter(out)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	opt := bmc.LogOptions{Most: f.most}
	if f.out != "" {
		told := map[string]int{}
		opt.Progress = func(log string, n int) {
			if n-told[log] >= 1000 { // a long log is seen to be alive
				told[log] = n
				a.say("%s: %d entries of %s read", node, n, log)
			}
		}
	}
	list, err := w.Logs(ctx, node, opt, func(e bmc.LogEntry) error {
		if f.out == "" && !a.json {
			_, err := fmt.Fprintf(buf, "%s  %-8s  %s  %s\n", e.Created, e.Severity, e.Log, e.Message)
			return err
		}
		return enc.Encode(logLine{Format: 1, Event: "entry", Node: node, Entry: &e})
	})
	if err == nil && (f.out != "" || a.json) {
		for i := range list {
			err = errors.Join(err, enc.Encode(logLine{Format: 1, Event: "log", Node: node, Log: &list[i]}))
		}
	}
	err = errors.Join(err, buf.Flush())
	if err = done(err); err != nil {
		return list, err
	}
	if len(list) == 0 {
		a.say("%s shows no logs", node)
	}
	for _, l := range list {
		a.say("%s: %s", node, logWords(l))
	}
	return list, nil
}

// logWords says how a log came out.
func logWords(l bmc.Log) string {
	text := fmt.Sprintf("%s of %s", entries(l.Entries), l.ID)
	if l.Holes > 0 {
		text += fmt.Sprintf(", %d more are listed and not there", l.Holes)
	}
	if l.Unread > 0 {
		text += fmt.Sprintf(", %d could not be read", l.Unread)
	}
	if l.Cut {
		text += "; there are more: raise --max"
	}
	if l.Problem != "" {
		text += "; " + l.Problem
	}
	return text
}

func entries(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// output opens a file that appears when it is whole; "" is standard output. done closes it; after an error it removes it.
func (a *app) output(path string) (io.Writer, func(error) error, error) {
	if path == "" {
		return a.Out, func(err error) error { return err }, nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return nil, nil, err
	}
	return f, func(err error) error {
		err = errors.Join(err, f.Sync(), f.Close())
		if err == nil {
			err = os.Rename(f.Name(), path)
		}
		if err != nil {
			_ = os.Remove(f.Name()) // the first error is the one to tell
		}
		return err
	}, nil
}

// collectDump has the vendor's diagnostic data collected, and fetches it.
func (a *app) collectDump(ctx context.Context, w *engine.Workspace, f *logsFlags, node string) error {
	o := w.Glance(ctx, []string{node}, engine.LookDumps)
	if err := a.unread(o); err != nil {
		return err
	}
	ready := ""
	for _, d := range o.Devices {
		for _, x := range d.Dumps {
			if x.Target == "" {
				ready = x.Path
			}
		}
	}
	run := ""
	if ready == "" {
		v := plan.Verb{Do: plan.DoDump}
		r, err := a.sayVerb(ctx, w, &f.verbFlags, v, []string{node})
		if err != nil {
			return err
		}
		run = r.Journal
	}
	out, done, err := a.output(f.dump)
	if err != nil {
		return err
	}
	n, err := w.FetchDump(ctx, node, ready, run, out)
	if err = done(err); err != nil {
		return err
	}
	a.say("%s: %s of diagnostic data in %s", node, size(n), f.dump)
	return nil
}
