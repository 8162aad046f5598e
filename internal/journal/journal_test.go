package journal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

func testPlan() plan.Plan {
	p := plan.Plan{Format: plan.Format, Design: rack.DigestOf("design"), Nodes: []plan.NodePlan{{
		Address: `node.gpu["n1"]`, Name: "n1", Steps: []step.Step{
			{ID: "n1/010", Node: "n1", Kind: step.BIOS, Activation: step.HostReset, Want: step.Facts{"A": int64(3)}},
			{ID: "n1/020", Node: "n1", Kind: step.Reset, Activation: step.HostReset, Activates: []step.ID{"n1/010"}},
		}}}}
	p.Digest = p.ComputeDigest()
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fill writes a run in which the first step is done and the second is under way.
func fill(t *testing.T, fsys journal.FS, dir string) *journal.Journal {
	t.Helper()
	j, err := journal.Create(fsys, dir, testPlan(), 7)
	must(t, err)
	for _, r := range []journal.Record{
		{Kind: journal.Lock, Text: "node/n1"},
		{Kind: journal.Intent, Node: "n1", Step: "n1/010", Attempt: 1},
		{Kind: journal.Dispatched, Node: "n1", Step: "n1/010", Op: &step.Op{Step: "n1/010", Baseline: step.Facts{"n": int64(1)}}},
		{Kind: journal.Dispatched, Node: "n1", Step: "n1/010", Op: &step.Op{Step: "n1/010", Handle: "/t/1", Sent: true}},
		{Kind: journal.Observed, Node: "n1", Step: "n1/010", Standing: "staged"},
		{Kind: journal.Outcome, Node: "n1", Step: "n1/010", Result: "done"},
		{Kind: journal.Intent, Node: "n1", Step: "n1/020", Attempt: 1},
		{Kind: journal.Dispatched, Node: "n1", Step: "n1/020", Op: &step.Op{Step: "n1/020"}},
	} {
		must(t, j.Append(r))
	}
	return j
}

func TestReplayAfterReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	j := fill(t, journal.Disk{}, dir)
	head := j.Head()
	if _, _, err := journal.Open(journal.Disk{}, j.Path()); err == nil {
		t.Error("a second writer was let in while the first had the journal open")
	}
	must(t, j.Close())
	if want := filepath.Join(dir, testPlan().Digest.Short()+"-1.jsonl"); j.Path() != want {
		t.Errorf("path %s, want %s", j.Path(), want)
	}
	latest, err := journal.Latest(journal.Disk{}, dir)
	must(t, err)
	if latest != j.Path() {
		t.Errorf("latest is %q, want %q", latest, j.Path())
	}
	j2, r, err := journal.Open(journal.Disk{}, latest)
	must(t, err)
	defer j2.Close()
	if r.Head != head || r.Token != 7 || !r.Resumable() || r.Plan.Digest != testPlan().Digest {
		t.Errorf("replay head %s token %d ended %q", r.Head, r.Token, r.Ended)
	}
	want := map[step.ID]journal.Progress{
		"n1/010": {Attempts: 1, Dispatched: 1, Sent: 1, Op: &step.Op{Step: "n1/010", Handle: "/t/1", Sent: true}, Standing: "staged", Current: true, Result: "done"},
		"n1/020": {Attempts: 1, Dispatched: 1, Op: &step.Op{Step: "n1/020"}, Open: true},
	}
	if d := cmp.Diff(want, r.Steps); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
	if err := j2.Append(journal.Record{Kind: journal.Note}); err == nil {
		t.Error("an append before Resume was taken")
	}
	if err := j2.Resume(7); err == nil {
		t.Error("a token that is not higher was taken")
	}
	must(t, j2.Resume(8))
	must(t, j2.Append(journal.Record{Kind: journal.Gate, Result: journal.Finished}))
	must(t, j2.Close())
	text, err := os.ReadFile(latest)
	must(t, err)
	must(t, journal.Verify(bytes.NewReader(text)))
	if r, err := journal.Load(journal.Disk{}, latest); err != nil || r.Resumable() || r.Ended != journal.Finished {
		t.Errorf("after the gate: ended %q, %v", r.Ended, err)
	}
}

// TestEveryByteCounts flips every byte of a journal, one at a time, and removes and swaps lines.
func TestEveryByteCounts(t *testing.T) {
	fsys := &journal.Memory{}
	j := fill(t, fsys, "j")
	must(t, j.Close())
	good, err := fsys.ReadFile(j.Path())
	must(t, err)
	must(t, journal.Verify(bytes.NewReader(good)))
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x20
		err := journal.Verify(bytes.NewReader(bad))
		var d *journal.Damage
		if !errors.As(err, &d) {
			t.Fatalf("byte %d (%q) flipped: %v", i, good[i], err)
		}
		if line := 1 + bytes.Count(good[:i], []byte("\n")); d.Line != line {
			t.Fatalf("byte %d of line %d flipped, but line %d is named: %v", i, line, d.Line, err)
		}
	}
	lines := bytes.SplitAfter(good, []byte("\n"))
	lines = lines[:len(lines)-1]
	for i := range len(lines) - 1 {
		swapped := append([][]byte{}, lines...)
		swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
		removed := append(append([][]byte{}, lines[:i]...), lines[i+1:]...)
		for what, l := range map[string][][]byte{"swapped": swapped, "removed": removed} {
			var d *journal.Damage
			if err := journal.Verify(bytes.NewReader(bytes.Join(l, nil))); !errors.As(err, &d) || d.Line != i+1 {
				t.Errorf("line %d %s: %v", i+1, what, err)
			}
		}
	}
}

// TestPowerCut cuts the file at every byte: an incomplete last line is cut off and told, and the chain goes on.
func TestPowerCut(t *testing.T) {
	src := &journal.Memory{}
	j := fill(t, src, "j")
	must(t, j.Close())
	good, err := src.ReadFile(j.Path())
	must(t, err)
	first := bytes.IndexByte(good, '\n') + 1
	for n := range len(good) {
		fsys := &journal.Memory{}
		f, err := fsys.Append("j/x-1.jsonl", true)
		must(t, err)
		_, err = f.Write(good[:n])
		must(t, err)
		must(t, f.Close())
		if latest, err := journal.Latest(fsys, "j"); err != nil || (latest != "") != (n >= first) {
			t.Fatalf("cut at %d: latest %q, %v", n, latest, err)
		}
		j, r, err := journal.Open(fsys, "j/x-1.jsonl")
		if n < first {
			if err == nil {
				t.Fatalf("cut at %d: a journal without a plan was opened", n)
			}
			continue
		}
		must(t, err)
		whole := bytes.LastIndexByte(good[:n], '\n') + 1
		if r.CutBytes != n-whole {
			t.Fatalf("cut at %d: %d bytes to cut, want %d", n, r.CutBytes, n-whole)
		}
		must(t, j.Resume(9))
		must(t, j.Close())
		text, err := fsys.ReadFile("j/x-1.jsonl")
		must(t, err)
		must(t, journal.Verify(bytes.NewReader(text)))
		if said := strings.Contains(string(text), "cut off\""); n != whole && !said {
			t.Fatalf("cut at %d: no note about it", n)
		}
	}
}

func TestDamageInTheMiddleIsRefused(t *testing.T) {
	fsys := &journal.Memory{}
	j := fill(t, fsys, "j")
	must(t, j.Close())
	good, err := fsys.ReadFile(j.Path())
	must(t, err)
	bad := bytes.Clone(good)
	at := len(good) / 2
	bad[at] ^= 1
	other := &journal.Memory{}
	f, err := other.Append("j/x-1.jsonl", true)
	must(t, err)
	_, err = f.Write(bad)
	must(t, err)
	must(t, f.Close())
	_, _, err = journal.Open(other, "j/x-1.jsonl")
	var d *journal.Damage
	if !errors.As(err, &d) || d.Line != 1+bytes.Count(good[:at], []byte("\n")) || step.AdviceOf(err) == "" {
		t.Errorf("damaged journal: %v", err)
	}
}

// TestFullDisk fails each write and each sync in turn: the call returns the error, with advice, and so does every later one.
func TestFullDisk(t *testing.T) {
	probe := &journal.Memory{}
	must(t, fill(t, probe, "j").Close())
	for n := 3; n <= probe.Calls(); n++ {
		fsys := &journal.Memory{Before: func(i int, _ string) error {
			if i == n {
				return syscall.ENOSPC
			}
			return nil
		}}
		j, err := journal.Create(fsys, "j", testPlan(), 7)
		must(t, err)
		var first error
		for range probe.Calls() {
			if first = j.Append(journal.Record{Kind: journal.Intent, Step: "n1/010"}); first != nil {
				break
			}
		}
		if !errors.Is(first, syscall.ENOSPC) || step.ClassOf(first) != step.Internal || !strings.Contains(step.AdviceOf(first), "full") {
			t.Fatalf("call %d: %v", n, first)
		}
		if err := j.Append(journal.Record{Kind: journal.Note}); !errors.Is(err, syscall.ENOSPC) || j.Err() == nil {
			t.Fatalf("call %d: a broken journal took a record: %v", n, err)
		}
	}
}

// TestSyncedBeforeReturn: what a side effect may rest on survives the power cut right after Append.
func TestSyncedBeforeReturn(t *testing.T) {
	for _, k := range []journal.Kind{journal.Intent, journal.Dispatched, journal.Outcome, journal.Gate, journal.Lock, journal.Operator} {
		fsys := &journal.Memory{}
		j, err := journal.Create(fsys, "j", testPlan(), 1)
		must(t, err)
		must(t, j.Append(journal.Record{Kind: k, Step: "n1/010", Op: &step.Op{}}))
		fsys.Crash(0)
		_, r, err := journal.Open(fsys, j.Path())
		must(t, err)
		if r.Records != 2 {
			t.Errorf("%s: %d records survived, want 2", k, r.Records)
		}
	}
}

func TestAudit(t *testing.T) {
	p := testPlan()
	head := journal.Record{Kind: journal.Plan, Digest: p.Digest, Plan: mustJSON(t, p)}
	rec := func(k journal.Kind, id step.ID, result string) journal.Record {
		return journal.Record{Kind: k, Step: id, Result: result, Op: &step.Op{}}
	}
	for name, c := range map[string]struct {
		records []journal.Record
		line    int // 0: good
	}{
		"good":            {[]journal.Record{head, rec(journal.Intent, "a", ""), rec(journal.Dispatched, "a", ""), rec(journal.Outcome, "a", "done")}, 0},
		"skipped":         {[]journal.Record{head, rec(journal.Outcome, "a", "skipped")}, 0},
		"noted":           {[]journal.Record{head, rec(journal.Intent, "a", ""), rec(journal.Note, "a", "")}, 0},
		"no intent":       {[]journal.Record{head, rec(journal.Outcome, "a", "done")}, 2},
		"dispatched only": {[]journal.Record{head, rec(journal.Dispatched, "a", "")}, 2},
		"open":            {[]journal.Record{head, rec(journal.Intent, "b", ""), rec(journal.Outcome, "b", "done"), rec(journal.Intent, "a", "")}, 4},
		"no plan":         {[]journal.Record{rec(journal.Intent, "a", "")}, 1},
		"other plan":      {[]journal.Record{{Kind: journal.Plan, Digest: rack.DigestOf("x"), Plan: mustJSON(t, p)}}, 1},
	} {
		err := journal.Audit(c.records, p.Digest)
		var d *journal.Damage
		if errors.As(err, &d); (c.line == 0) != (err == nil) || c.line > 0 && d.Line != c.line {
			t.Errorf("%s: %v, want line %d", name, err, c.line)
		}
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	return b
}
