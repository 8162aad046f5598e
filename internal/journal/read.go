package journal

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// maxLineBytes bounds one line. The longest is the plan: 1,000 nodes with 100 BIOS attributes each are about 30 MB.
const maxLineBytes = 256 << 20

// Damage is the first line that is not as it was written.
type Damage struct {
	Line   int // counted from 1
	Reason string
}

// Error names the line.
func (d *Damage) Error() string { return fmt.Sprintf("line %d: %s", d.Line, d.Reason) }

// Verify reads a journal to its end and names the first bad line as a *Damage. An incomplete last line is bad here too.
func Verify(r io.Reader) error {
	_, _, err := Read(r)
	return err
}

// Read verifies a journal and returns its records and its head. An incomplete last line is damage.
func Read(r io.Reader) ([]Record, string, error) {
	s, err := scan(r)
	if err != nil {
		return s.records, "", err
	}
	if s.cut > 0 {
		return s.records, "", &Damage{len(s.records) + 1, fmt.Sprintf("incomplete: %d bytes without an end", s.cut)}
	}
	if len(s.records) == 0 {
		return nil, "", &Damage{1, "there is none"}
	}
	return s.records, hex.EncodeToString(s.head[:]), nil
}

type scanned struct {
	records []Record
	head    [sha256.Size]byte
	good    int64 // bytes up to the end of the last complete line
	cut     int   // bytes of an incomplete last line
}

// scan reads whole lines, checking the chain, up to an incomplete last one.
func scan(r io.Reader) (scanned, error) {
	var s scanned
	in := bufio.NewReader(r)
	for {
		text, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			s.cut = len(text)
			return s, nil
		}
		n := len(s.records) + 1
		if err != nil {
			return s, fmt.Errorf("read line %d: %w", n, err)
		}
		if len(text) > maxLineBytes {
			return s, &Damage{n, "longer than any line may be"}
		}
		rec, hash, reason := check(s.head, text, s.records)
		if reason != "" {
			return s, &Damage{n, reason}
		}
		s.records, s.head, s.good = append(s.records, rec), hash, s.good+int64(len(text))
	}
}

// check decodes one line and says what is wrong with it, or "".
func check(prev [sha256.Size]byte, text []byte, before []Record) (Record, [sha256.Size]byte, string) {
	var rec Record
	told, record, err := split(text)
	if err != nil {
		return rec, prev, "not a journal line: " + err.Error()
	}
	hash := chain(prev, record)
	if told != hex.EncodeToString(hash[:]) {
		return rec, prev, "the hash does not follow from the line before and this record: one of them was changed"
	}
	if !bytes.Equal(text, render(hash, record)) {
		return rec, prev, "not spelt as this program writes it"
	}
	if err := json.Unmarshal(record, &rec); err != nil {
		return rec, prev, "not a journal record: " + err.Error()
	}
	if rec.Seq != len(before) {
		return rec, prev, fmt.Sprintf("sequence number %d, want %d", rec.Seq, len(before))
	}
	if len(before) == 0 && rec.Kind != Plan {
		return rec, prev, "the first record is not a plan"
	}
	if len(before) > 0 && rec.Token < before[len(before)-1].Token {
		return rec, prev, "written under a token that had been taken over: by a process that no longer held the lease"
	}
	return rec, hash, ""
}

// split takes a line apart: the hash that it tells, and its record. What is spelt as render does needs no decoding for that.
func split(text []byte) (string, []byte, error) {
	const before, between, after = `{"hash":"`, `","record":{`, "}}\n"
	const at = len(before) + 2*sha256.Size
	if len(text) >= at+len(between)+len(after) && string(text[:len(before)]) == before && string(text[at:at+len(between)]) == between &&
		bytes.HasSuffix(text, []byte(after)) {
		return string(text[len(before):at]), text[at+len(between)-1 : len(text)-2], nil
	}
	var l line
	err := json.Unmarshal(text, &l)
	return l.Hash, l.Record, err
}

// Replay is what a journal says about its run.
type Replay struct {
	Path     string
	Plan     plan.Plan
	Token    uint64 // the highest
	Head     string
	CutBytes int // of an incomplete last line
	Records  int
	Steps    map[step.ID]Progress
	Nodes    map[string]NodeEnd // of each node that ended
	Ended    string             // Finished, Failed, Left; empty: the process was cut off
	Begun    time.Time
	Accepted bool     // the gate before the first change was passed
	Passed   []string // gates of waves that were passed, by their Text
}

// Resumable tells whether going on with this journal is what is wanted: the run was cut off or left on purpose. A run that
// ended with failures wants a new plan instead.
func (r Replay) Resumable() bool { return r.Ended == "" || r.Ended == Left }

// PartWay tells whether a node was left with an intent that has no outcome.
func (r Replay) PartWay(node string) bool {
	if _, ended := r.Nodes[node]; ended {
		return false
	}
	return len(r.OpenSteps(node)) > 0
}

// OpenSteps are the steps of a node that have an intent and no outcome, sorted; also those that no plan holds, such as rungs of
// the recovery ladder.
func (r Replay) OpenSteps(node string) []step.ID {
	var out []step.ID
	for id, p := range r.Steps {
		if of, _, _ := strings.Cut(string(id), "/"); p.Open && of == node {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// Stuck tells whether a node had failed. Going on with the run then means no more than to end what was left part-way; the node
// that failed, and those that were not begun because of it, need a new plan.
func (r Replay) Stuck() bool {
	for _, n := range r.Nodes {
		if n.Result == "failed" || n.Result == "blocked" {
			return true
		}
	}
	return false
}

// Done counts the steps that need nothing more, of all steps of the plan.
func (r Replay) Done() (done, total int) {
	for _, n := range r.Plan.Nodes {
		for _, s := range n.Steps {
			total++
			if res := r.Steps[s.ID].Result; res == "done" || res == "skipped" {
				done++
			}
		}
	}
	return done, total
}

// NodeEnd is what a journal says about a node that ended.
type NodeEnd struct {
	Result string
	Class  step.Class
	Step   step.ID // where it ended, unless done
	Text   string
	// Messages are the ids that the BMC gave with a failure.
	Messages []string
}

// Progress is what a journal says about one step.
type Progress struct {
	Attempts   int      // intents
	Dispatched int      // attempts that came as far as their first Op: only these can have changed the device
	Sent       int      // of these, answered by the device
	Op         *step.Op // of the last attempt; nil when it was not dispatched
	Standing   string   // last one recorded
	Current    bool     // Standing was recorded after the last intent
	Result     string   // of the last outcome; empty while an intent is open
	Open       bool     // an intent without an outcome: look at the device first, never repeat blindly
}

// Load reads and replays the journal at path without opening it for writing. An incomplete last line is left out.
func Load(fsys FS, file string) (Replay, error) {
	data, err := fsys.ReadFile(file)
	if err != nil {
		return Replay{}, fail("read journal", file, err)
	}
	s, err := scan(bytes.NewReader(data))
	if err != nil {
		return Replay{}, fmt.Errorf("verify journal %s: %w", file, err)
	}
	r, err := replay(s.records)
	if err != nil {
		return Replay{}, fmt.Errorf("replay journal %s: %w", file, err)
	}
	r.Path, r.Head, r.CutBytes = file, hex.EncodeToString(s.head[:]), s.cut
	return r, nil
}

func replay(records []Record) (Replay, error) {
	r := Replay{Steps: map[step.ID]Progress{}, Nodes: map[string]NodeEnd{}, Records: len(records)}
	if len(records) == 0 {
		return r, &Damage{1, "the journal holds no plan: nothing was started"}
	}
	if err := json.Unmarshal(records[0].Plan, &r.Plan); err != nil {
		return r, &Damage{1, "the plan cannot be read: " + err.Error()}
	}
	if r.Plan.Digest != records[0].Digest {
		return r, &Damage{1, "the plan's digest is not the one recorded"}
	}
	r.Begun = records[0].Time
	for _, rec := range records {
		r.Token = max(r.Token, rec.Token)
		r.apply(rec)
	}
	return r, nil
}

func (r *Replay) apply(rec Record) {
	switch rec.Kind {
	case Gate:
		switch rec.Result {
		case Accepted:
			r.Accepted = true
		case Passed:
			r.Passed = append(r.Passed, rec.Text)
		default:
			r.Ended = rec.Result
		}
		return
	case Resumed:
		r.Ended = ""
		return
	}
	if rec.Step == "" {
		if rec.Kind == Outcome {
			r.Nodes[rec.Node] = NodeEnd{rec.Result, rec.Class, rec.At, rec.Text, rec.Messages}
		}
		return
	}
	p := r.Steps[rec.Step]
	switch rec.Kind {
	case Intent:
		p.Attempts, p.Op, p.Result, p.Open, p.Current = p.Attempts+1, nil, "", true, false
	case Dispatched:
		if p.Op == nil {
			p.Dispatched++
		}
		if rec.Op != nil && rec.Op.Sent && (p.Op == nil || !p.Op.Sent) {
			p.Sent++
		}
		p.Op = rec.Op
	case Observed:
		p.Standing, p.Current = rec.Standing, true
	case Outcome:
		p.Result, p.Open = rec.Result, false
	}
	r.Steps[rec.Step] = p
}

// Audit checks what a chain cannot show: the plan is the one whose digest is given (when it is), every outcome other than
// skipped has its intent, every dispatch too, and every intent has an outcome or a note. It names the line of the first
// record that breaks this.
func Audit(records []Record, want rack.Digest) error {
	if len(records) == 0 || records[0].Kind != Plan {
		return &Damage{1, "the first record is not a plan"}
	}
	if want != "" && records[0].Digest != want {
		return &Damage{1, fmt.Sprintf("the plan in the journal is %s, not %s", records[0].Digest.Short(), want.Short())}
	}
	var p plan.Plan
	if err := json.Unmarshal(records[0].Plan, &p); err != nil {
		return &Damage{1, "the plan cannot be read: " + err.Error()}
	}
	if p.Digest != records[0].Digest || p.ComputeDigest() != p.Digest {
		return &Damage{1, "the plan is not the one that its digest names"}
	}
	begun, unanswered := map[step.ID]bool{}, map[step.ID]int{}
	for i, rec := range records {
		if rec.Step == "" {
			continue
		}
		switch {
		case rec.Kind == Intent:
			begun[rec.Step], unanswered[rec.Step] = true, i+1
		case rec.Kind == Dispatched && !begun[rec.Step]:
			return &Damage{i + 1, fmt.Sprintf("step %s was dispatched without an intent", rec.Step)}
		case rec.Kind == Outcome && !begun[rec.Step] && rec.Result != "skipped":
			return &Damage{i + 1, fmt.Sprintf("step %s has an outcome without an intent", rec.Step)}
		case rec.Kind == Note: // why it has no outcome; a later process may still bring it to one
			delete(unanswered, rec.Step)
		case rec.Kind == Outcome:
			delete(unanswered, rec.Step)
			delete(begun, rec.Step)
		}
	}
	first := 0
	for _, n := range unanswered {
		if first == 0 || n < first {
			first = n
		}
	}
	if first > 0 {
		return &Damage{first, fmt.Sprintf("the intent of step %s has neither an outcome nor a note", records[first-1].Step)}
	}
	return nil
}

// Latest finds the youngest journal in dir by the time of its first line; "" when there is none.
func Latest(fsys FS, dir string) (string, error) {
	runs, err := Runs(fsys, dir)
	if err != nil || len(runs) == 0 {
		return "", err
	}
	return runs[len(runs)-1], nil
}

// Runs lists the journals in dir, oldest first by the time of their first line. A journal that was cut off within its first line
// is passed over: nothing was done under it. Only first lines are verified.
func Runs(fsys FS, dir string) ([]string, error) {
	names, err := fsys.List(dir)
	if err != nil {
		return nil, fail("list journal folder", dir, err)
	}
	first := map[string]Record{}
	var out []string
	for _, name := range names {
		if !strings.HasSuffix(name, ".jsonl") {
			continue
		}
		file := path.Join(dir, name)
		data, err := fsys.ReadFile(file)
		if err != nil {
			return nil, fail("read journal", file, err)
		}
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			continue
		}
		rec, _, reason := check([sha256.Size]byte{}, data[:end+1], nil)
		if reason != "" {
			return nil, fmt.Errorf("verify journal %s: %w", file, &Damage{1, reason})
		}
		first[file] = rec
		out = append(out, file)
	}
	slices.SortFunc(out, func(a, b string) int {
		return cmp.Or(first[a].Time.Compare(first[b].Time), cmp.Compare(first[a].Token, first[b].Token), cmp.Compare(b, a))
	})
	return out, nil
}
