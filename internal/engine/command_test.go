package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim"
)

// TestMain removes what the tests built.
func TestMain(m *testing.M) {
	code := m.Run()
	if dir := built.dir; dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

var built struct {
	once sync.Once
	dir  string
	err  error
}

// command builds the program, once for all tests.
func command(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "metalwright-command-"); built.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-o", built.dir,
			"github.com/metalwright/metalwright/cli/metalwright").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("build the command: %w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "metalwright")
}

// floor is a blueprint in a folder and the simulated rack behind it on sockets of this machine, for the program as a
// process.
type floor struct {
	*desk
	exe   string
	stdin *os.File // of the next process; nil: none
	env   []string // more of the environment

	mu   sync.Mutex
	told bytes.Buffer // everything that every process wrote
}

// hurry makes the minutes of a rack milliseconds; what takes time are then the requests.
const hurry = 3000

// newFloor starts the rack. Its passwords may stand in the folder of secrets and nowhere else: that is checked at the
// end.
func newFloor(t *testing.T, text string, o sim.Options) *floor {
	t.Helper()
	if o.Speed == 0 {
		o.Speed = hurry
	}
	f := &floor{exe: command(t), desk: bareDesk(t, text)}
	r, err := sim.New(f.open().Design, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	f.rack = r
	if f.bindings, err = r.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.noSecrets() })
	secrets := filepath.Join(f.dir, engine.StateDir, "secrets")
	if err := os.MkdirAll(secrets, 0o700); err != nil {
		t.Fatal(err)
	}
	for i, b := range f.bindings {
		_, pass := r.Credentials(b.Node)
		f.setPassword(b.Node, pass)
		f.bindings[i].Credential = rack.SecretRef("file:" + engine.StateDir + "/secrets/" + b.Node)
	}
	f.bind()
	admin := httptest.NewServer(r.AdminHandler())
	t.Cleanup(admin.Close)
	if err := engine.WriteSimulated(filepath.Join(f.dir, engine.StateDir), engine.Simulated{Pins: engine.PinsOf(f.bindings), PID: os.Getpid(),
		Admin: admin.URL, Speed: o.Speed, Seed: o.Seed}); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *floor) setPassword(node, pass string) {
	f.write(filepath.Join(engine.StateDir, "secrets", node), pass+"\n")
}

// bind writes the bindings as they are now.
func (f *floor) bind() {
	f.t.Helper()
	text, err := blueprint.WriteBindings(f.bindings, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	f.write(engine.BindingsFile, string(text))
}

// lines waits for so many lines on standard output, or the end.
func (p *process) lines(n int) {
	p.out.saw(func(all string) bool { return strings.Count(all, "\n") >= n }, p.over)
}

// process is one life of the program.
type process struct {
	f        *floor
	cmd      *exec.Cmd
	out, err watched
	cancel   context.CancelFunc
	over     chan struct{} // closed when it has ended
}

// watched collects what a process writes, and tells when a text has come.
type watched struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	news chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.news != nil {
		close(w.news)
		w.news = nil
	}
	return w.buf.Write(p)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

// saw waits until what was written is enough; false: over came first.
func (w *watched) saw(enough func(text string) bool, over <-chan struct{}) bool {
	for {
		w.mu.Lock()
		found := enough(w.buf.String())
		if w.news == nil {
			w.news = make(chan struct{})
		}
		news := w.news
		w.mu.Unlock()
		if found {
			return true
		}
		select {
		case <-news:
		case <-over:
			return enough(w.String())
		}
	}
}

// patience is what one life of the program may take on a busy machine.
const patience = 60 * time.Second

// start begins a process.
func (f *floor) start(args ...string) *process {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	p := &process{f: f, cmd: exec.CommandContext(ctx, f.exe, args...), cancel: cancel, over: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = f.dir, &p.out, &p.err
	if f.stdin != nil {
		p.cmd.Stdin = f.stdin
	}
	p.cmd.Env = []string{"HOME=" + f.dir, "USER=anna", "PATH=" + os.Getenv("PATH")}
	p.cmd.Env = append(p.cmd.Env, f.env...)
	if err := p.cmd.Start(); err != nil {
		cancel()
		f.t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the exit code says it
		close(p.over)
	}()
	return p
}

// until waits for a text on standard output.
func (p *process) until(text string) {
	p.f.t.Helper()
	if !p.out.saw(func(all string) bool { return strings.Contains(all, text) }, p.over) {
		p.f.t.Fatalf("it ended with %d and never wrote %s\n%s%s", p.wait(), text, last(p.out.String()), p.err.String())
	}
}

// wait gives the exit code; -1: it was killed by a signal.
func (p *process) wait() int {
	defer p.cancel()
	<-p.over
	p.f.mu.Lock()
	p.f.told.WriteString(p.out.String() + p.err.String())
	p.f.mu.Unlock()
	return p.cmd.ProcessState.ExitCode()
}

// signal sends a signal.
func (p *process) signal(s os.Signal) {
	p.f.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.f.t.Fatal(err)
	}
}

// run is a whole life. It fails the test when the exit code is another.
func (f *floor) run(code int, args ...string) (stdout, stderr string) {
	f.t.Helper()
	p := f.start(args...)
	if got := p.wait(); got != code {
		f.t.Errorf("metalwright %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code,
			last(p.out.String()), p.err.String())
	}
	return p.out.String(), p.err.String()
}

// noSecrets fails the test when a password was told, or stands in a file outside the folder of secrets.
func (f *floor) noSecrets() {
	for _, l := range f.leaks() {
		f.t.Error("a password was told: ", l)
	}
}

// leaks are the places at which a password stands.
func (f *floor) leaks() []string {
	var out []string
	f.mu.Lock()
	told := map[string][]byte{"what was written": bytes.Clone(f.told.Bytes())}
	f.mu.Unlock()
	err := filepath.WalkDir(f.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Base(filepath.Dir(path)) == "secrets" {
			return err
		}
		told[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		f.t.Error(err)
	}
	for where, text := range told {
		for _, n := range f.rack.Nodes() {
			_, p := f.rack.Credentials(n)
			if i := bytes.Index(text, []byte(p)); i >= 0 {
				out = append(out, fmt.Sprintf("%s: %s", where, text[max(0, i-80):i]))
			}
		}
	}
	return out
}

// last gives the last lines of a text.
func last(text string) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "")
}
