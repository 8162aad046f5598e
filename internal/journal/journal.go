// Package journal is the record of what was done: append-only JSON lines per run, fsynced and hash-chained, and their replay.
//
// # Terminology and format
//
// A journal is one file per run of one plan. A line is {"hash":H,"record":R}: R is one Record, H is the hexadecimal SHA-256
// of the previous line's hash (32 bytes; zeros before the first line) followed by the bytes of R as they stand in the file.
// The head is the hash of the last line; who knows it knows the whole journal. The first record is the plan, whole, so that
// a run can be resumed from its journal alone. Sequence numbers rise by one, fencing tokens never fall.
//
// A line that does not end in a newline is what a power cut leaves: nothing was done on its strength, because a side effect
// waits for the fsync of its intent. Resume cuts it off and says so. Any other damage is refused and named by line.
package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// Kind says what a record is.
type Kind string

// The kinds of record.
const (
	Plan       Kind = "plan"       // the whole plan and its digest; the first line
	Lock       Kind = "lock"       // leases were taken; Text names them
	Intent     Kind = "intent"     // this step is about to be acted on
	Dispatched Kind = "dispatched" // Op: before the side effect with Sent false, after the answer with Sent true
	Observed   Kind = "observed"   // a standing that decides something
	Outcome    Kind = "outcome"    // of a step, or of a node when Step is empty
	Secret     Kind = "secret"     // Text is an escrow id, never a value
	Gate       Kind = "gate"       // the plan was accepted, a wave passed, or the run ended: Result says which. It may be signed
	Operator   Kind = "operator"   // what a person decided
	Note       Kind = "note"       // for people, and why an intent has no outcome
	Resumed    Kind = "resume"     // a new process took over
)

// synced tells whether a side effect, or the truth about one, rests on the record.
func (k Kind) synced() bool { return k != Observed && k != Note }

// What a Gate says: of a run under way, or how it ended.
const (
	Accepted = "accepted" // the plan was accepted and the leases are held: changes begin
	Passed   = "passed"   // a wave ended and the next may begin; Text names it
	Finished = "finished" // every node is done
	Failed   = "failed"   // a node failed or is blocked: a new plan is wanted
	Left     = "left"     // stopped on purpose part-way: resume it
)

// Record is one line. Which fields are used depends on the Kind.
type Record struct {
	Seq      int             `json:"seq"`
	Token    uint64          `json:"token"` // fencing token of the lease it was written under
	Time     time.Time       `json:"time"`
	Kind     Kind            `json:"kind"`
	Node     string          `json:"node,omitempty"`
	Step     step.ID         `json:"step,omitempty"`
	At       step.ID         `json:"at,omitempty"` // of a node's outcome: the step at which it ended
	Attempt  int             `json:"attempt,omitempty"`
	Op       *step.Op        `json:"op,omitempty"`
	Standing string          `json:"standing,omitempty"`
	Result   string          `json:"result,omitempty"` // done, skipped, degraded, blocked, failed; of a gate: finished, failed, left
	Class    step.Class      `json:"class,omitempty"`
	Text     string          `json:"text,omitempty"`     // for people; never a secret
	Messages []string        `json:"messages,omitempty"` // ids that the BMC gave with a failure
	Digest   rack.Digest     `json:"digest,omitempty"`
	Plan     json.RawMessage `json:"plan,omitempty"`
	// Signature is of a gate, by a key of the site: see Gates. It is the last field.
	Signature *Signature `json:"signature,omitempty"`
}

type line struct {
	Hash   string          `json:"hash"`
	Record json.RawMessage `json:"record"`
}

// Journal is one open journal. It is safe for use by several goroutines. The first failed write or sync breaks it for good:
// every later Append returns that error, so that nothing is done that could not be recorded.
type Journal struct {
	fs   FS
	path string

	mu     sync.Mutex
	file   File
	seq    int
	token  uint64
	head   [sha256.Size]byte
	length int64
	cut    int
	begun  bool
	broken error
	sign   Signer
}

// Create starts the journal of a run of p in dir, under the given fencing token, and writes its plan. The file is new:
// DIR/<plan digest, short>-<n>.jsonl with the lowest free n above all that are there.
func Create(fsys FS, dir string, p plan.Plan, token uint64) (*Journal, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode plan for journal: %w", err)
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fail("create journal folder", dir, err)
	}
	name, err := nextName(fsys, dir, p.Digest)
	if err != nil {
		return nil, err
	}
	full := path.Join(dir, name)
	f, err := fsys.Append(full, true)
	if err != nil {
		return nil, fail("create journal", full, err)
	}
	j := &Journal{fs: fsys, path: full, file: f, token: token, begun: true}
	err = j.Append(Record{Kind: Plan, Digest: p.Digest, Plan: text})
	if err == nil {
		if err = fsys.SyncDir(dir); err != nil {
			err = fail("sync journal folder", dir, err)
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

// Open opens the journal at path to go on with it, after verifying every line. Nothing can be appended before Resume.
// A second process that opens the same journal is refused while the first has it open.
func Open(fsys FS, file string) (*Journal, Replay, error) {
	f, err := fsys.Append(file, false)
	if err != nil {
		return nil, Replay{}, fail("open journal", file, err)
	}
	data, err := fsys.ReadFile(file)
	if err != nil {
		return nil, Replay{}, errors.Join(fail("read journal", file, err), f.Close())
	}
	s, err := scan(bytes.NewReader(data))
	if err != nil {
		err = step.Fail(step.Internal, fmt.Errorf("verify journal %s: %w", file, err),
			"The journal is damaged. Keep the file, run metalwright verify to see how the rack stands, and plan again.")
		return nil, Replay{}, errors.Join(err, f.Close())
	}
	r, err := replay(s.records)
	if err != nil {
		return nil, Replay{}, errors.Join(fmt.Errorf("replay journal %s: %w", file, err), f.Close())
	}
	r.Path, r.Head, r.CutBytes = file, hex.EncodeToString(s.head[:]), s.cut
	j := &Journal{fs: fsys, path: file, file: f, seq: len(s.records), token: r.Token, head: s.head, length: s.good, cut: s.cut}
	return j, r, nil
}

// Resume begins a new process's part of an opened journal: it cuts off an incomplete last line and records the take-over
// under a token that must be higher than every one before.
func (j *Journal) Resume(token uint64) error {
	j.mu.Lock()
	if j.begun || token <= j.token {
		j.mu.Unlock()
		return step.Fail(step.Internal, fmt.Errorf("resume journal %s: token %d is not above %d", j.path, token, j.token), "")
	}
	text := "nothing was cut off"
	if j.cut > 0 {
		if err := j.file.Truncate(j.length); err != nil {
			j.broken = fail("cut off the incomplete last line of journal", j.path, err)
			defer j.mu.Unlock()
			return j.broken
		}
		text = fmt.Sprintf("the last line was incomplete (power cut or full disk): %d bytes cut off", j.cut)
	}
	j.token, j.begun = token, true
	j.mu.Unlock()
	return j.Append(Record{Kind: Resumed, Text: text})
}

// Append writes one record; Seq, Token and Time are set here. When it returns nil, a record on which a side effect may rest
// (all but Observed and Note) is on the disk.
func (j *Journal) Append(r Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	if !j.begun || j.file == nil {
		return step.Fail(step.Internal, fmt.Errorf("append to journal %s: it is not open for writing", j.path), "")
	}
	r.Seq, r.Token, r.Time, r.Signature = j.seq, j.token, time.Now().UTC(), nil
	if r.Kind == Gate && j.sign != nil {
		if err := r.signAfter(j.head, j.sign); err != nil {
			return step.Fail(step.Internal, fmt.Errorf("sign the gate in journal %s: %w", j.path, err), "Look after the signing key, then run the same command again.")
		}
	}
	text, hash, err := encode(j.head, r)
	if err != nil {
		return fmt.Errorf("encode journal record: %w", err)
	}
	if _, err := j.file.Write(text); err != nil {
		j.broken = fail("write journal", j.path, err)
		return j.broken
	}
	if r.Kind.synced() {
		if err := j.file.Sync(); err != nil {
			j.broken = fail("sync journal", j.path, err)
			return j.broken
		}
	}
	j.head, j.seq, j.length = hash, j.seq+1, j.length+int64(len(text))
	return nil
}

// Head is the hash of the last line, in hexadecimal.
func (j *Journal) Head() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return hex.EncodeToString(j.head[:])
}

// Path is where the journal stands.
func (j *Journal) Path() string { return j.path }

// Err is the error that broke the journal, or nil.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.broken
}

// Close syncs and closes the file. It may be called twice.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	var err error
	if j.broken == nil && j.begun {
		if err = j.file.Sync(); err != nil {
			err = fail("sync journal", j.path, err)
		}
	}
	err = errors.Join(err, j.file.Close())
	j.file = nil
	return err
}

// encode gives the line of r after the line whose hash is prev, and its hash.
func encode(prev [sha256.Size]byte, r Record) ([]byte, [sha256.Size]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, prev, err
	}
	hash := chain(prev, text)
	return render(hash, text), hash, nil
}

func chain(prev [sha256.Size]byte, record []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write(prev[:])
	h.Write(record)
	return [sha256.Size]byte(h.Sum(nil))
}

// render is the only spelling of a line: what differs from it by one byte is damage.
func render(hash [sha256.Size]byte, record []byte) []byte {
	out := make([]byte, 0, len(record)+96)
	out = append(out, `{"hash":"`...)
	out = hex.AppendEncode(out, hash[:])
	out = append(out, `","record":`...)
	out = append(out, record...)
	return append(out, "}\n"...)
}

// fail classes an error of the disk under the journal, and says what a person can do.
func fail(verb, name string, err error) error {
	advice := "Nothing more is changed on hardware while this cannot be recorded. Repair the disk, then run metalwright apply again."
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		advice = "The disk is full. Nothing more is changed on hardware while this cannot be recorded. " +
			"Free some space, then run metalwright apply again."
	}
	return step.Fail(step.Internal, fmt.Errorf("%s %s: %w", verb, name, err), advice)
}

// nextName finds the name of a new journal for a plan.
func nextName(fsys FS, dir string, d rack.Digest) (string, error) {
	names, err := fsys.List(dir)
	if err != nil {
		return "", fail("list journal folder", dir, err)
	}
	n := 0
	for _, name := range names {
		var i int
		rest, ok := strings.CutPrefix(name, d.Short()+"-")
		if _, err := fmt.Sscanf(rest, "%d.jsonl", &i); ok && err == nil {
			n = max(n, i)
		}
	}
	return fmt.Sprintf("%s-%d.jsonl", d.Short(), n+1), nil
}
