// Package engine wires everything: Load a blueprint, Survey its rack, Plan, Apply, Verify, Collect evidence. The doors (command
// line, Terraform) call it and render what comes back.
package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/secret"
	"github.com/metalwright/metalwright/internal/survey"
	"github.com/metalwright/metalwright/internal/switches"
)

// The files of a blueprint's folder that the engine knows by name.
const (
	BindingsFile = blueprint.BindingsFile
	LockFile     = blueprint.LockFile
	StateDir     = ".metalwright" // journal, leases, keys, runs
)

// Options say what to load. Dir is required.
type Options struct {
	Dir        string
	Variables  map[string]any                 // by name; a string is read as on a command line
	VarFiles   []string                       // files of NAME = value
	Now        time.Time                      // the day that expiries are held against; zero = today
	Operator   string                         // who applies; empty = the user of this process
	Log        *slog.Logger                   // nil = silence
	Catalog    *catalog.Catalog               // nil = the embedded one
	StateDir   string                         // empty = Dir/.metalwright
	Bindings   []rack.Binding                 // nil = read from Dir/site.bind.hcl
	Dial       Dialer                         // nil = the network
	IPMI       func(node string) bmc.IPMILine // takes the place of ipmitool; nil = ipmitool
	Mirror     string                         // URL that BMCs fetch firmware files from; empty = this process serves them while a run lasts
	LLDP       []string                       // files and folders of neighbours, for fabrics
	LookupEnv  func(string) (string, bool)
	IgnoreLock bool        // the lock file is about to be written anew
	JournalFS  journal.FS  // disk under the journals; nil = the machine's
	Gate       survey.Gate // of the surveys of several workspaces; nil = none
}

// Dialer opens a connection, as net.Dialer.DialContext does.
type Dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// Workspace is a loaded blueprint with its bindings and state folder. Close it: sessions are logged out.
type Workspace struct {
	Dir      string
	Design   rack.Design
	Bindings map[string]rack.Binding // by node name
	Sources  map[string][]byte       // text by file name, for snippets
	Catalog  catalog.Catalog
	Tests    []blueprint.Test

	opt      Options
	parsed   *blueprint.Blueprint
	bpOpt    blueprint.Options
	pool     *bmc.Pool
	attempts *switches.Attempts // logins that switches have refused
	held     *holds
	newKey   bool // the signing key was made by a verb of this process
	resolver *secret.Resolver
	images   *imageServer
	refused  *refusals
	sim      *Simulated
	adHoc    *adHoc // nil: the nodes are those of a blueprint

	trustLock *sync.Mutex             // guards what follows, and the files of certificates
	moved     map[string]rack.Binding // bindings whose pin this process has moved
}

// Load reads the blueprint in opt.Dir. The workspace is usable when the diagnostics hold no error. It opens no connection.
func Load(opt Options) (*Workspace, diag.List) {
	w := newWorkspace(opt)
	w.useCatalog(opt.Catalog)
	opt = w.opt
	files, err := readDir(opt.Dir)
	if err != nil {
		return w, diag.List{{Severity: diag.Error, Summary: "Cannot read the blueprint", Detail: err.Error() + "."}}
	}
	for name, text := range files {
		w.Sources[name] = text
	}
	for name, text := range w.Catalog.Sources {
		w.Sources[name] = text
	}
	parsed, diags := blueprint.Parse(files)
	w.parsed = parsed
	bo, more := w.blueprintOptions(files)
	diags = append(diags, more...)
	w.bpOpt = bo
	if parsed != nil { // also with errors: every mistake is told at once
		var resolved diag.List
		w.Design, resolved = blueprint.Resolve(parsed, bo)
		diags = append(diags, resolved...)
	}
	diags = append(diags, w.loadTests(files)...)
	diags = append(diags, w.loadBindings(files)...)
	w.sim = readSimulated(filepath.Join(opt.StateDir, simFile), w.Bindings)
	return w, diags
}

// newWorkspace is one that holds no blueprint yet.
func newWorkspace(opt Options) *Workspace {
	if opt.Now.IsZero() {
		opt.Now = time.Now()
	}
	if opt.StateDir == "" {
		opt.StateDir = filepath.Join(opt.Dir, StateDir)
	}
	if opt.JournalFS == nil {
		opt.JournalFS = journal.Disk{}
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	w := &Workspace{Dir: opt.Dir, opt: opt, held: &holds{}, Sources: map[string][]byte{}, pool: bmc.NewPool(), trustLock: &sync.Mutex{}, moved: map[string]rack.Binding{},
		attempts: new(switches.Attempts),
		resolver: secret.NewResolver(secret.Options{Dir: opt.Dir, LookupEnv: opt.LookupEnv, Warn: func(s string) { opt.Log.Warn(s) }})}
	w.images, w.refused = newImageServer(w.firmwareFile), newRefusals(opt.StateDir)
	w.pool.Sessions = sessionFiles{dir: filepath.Join(opt.StateDir, "sessions"), who: w.who()}
	return w
}

// readDir reads what a blueprint's folder holds of HCL: no sub-folders, nothing that is not HCL.
func readDir(dir string) (map[string][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read folder %s: %w", dir, cause(err))
	}
	out := map[string][]byte{}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".hcl") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", e.Name(), cause(err))
		}
		out[e.Name()] = text
	}
	return out, nil
}

// cause drops the path that an *fs.PathError repeats.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (w *Workspace) blueprintOptions(files map[string][]byte) (blueprint.Options, diag.List) {
	var diags diag.List
	bo := blueprint.Options{Variables: w.opt.Variables, Catalog: w.Catalog, Now: w.opt.Now, Uses: w.uses,
		OnSource: func(name string, text []byte) { w.Sources[name] = text }}
	if text, ok := files[LockFile]; ok && !w.opt.IgnoreLock {
		lock, more := blueprint.ParseLock(LockFile, text)
		bo.Lock = lock
		diags = append(diags, more...)
	}
	for _, name := range w.opt.VarFiles {
		text, err := os.ReadFile(name)
		if err != nil {
			diags = append(diags, diag.Diagnostic{Severity: diag.Error, Summary: "Cannot read variable file", Detail: fmt.Sprintf("%s: %v.", name, cause(err))})
			continue
		}
		if bo.VariableFiles == nil {
			bo.VariableFiles = map[string][]byte{}
		}
		bo.VariableFiles[name] = text
		w.Sources[name] = text
	}
	return bo, diags
}

// uses reads the blueprint that a use block names by its path from the root blueprint's folder.
func (w *Workspace) uses(ref blueprint.UseRef) (map[string][]byte, error) {
	return readDir(filepath.Join(w.Dir, filepath.FromSlash(ref.Path)))
}

func (w *Workspace) loadTests(files map[string][]byte) diag.List {
	var diags diag.List
	for name, text := range files {
		if strings.HasSuffix(name, blueprint.TestSuffix) {
			tests, more := blueprint.ParseTests(name, text)
			w.Tests = append(w.Tests, tests...)
			diags = append(diags, more...)
		}
	}
	return diags
}

func (w *Workspace) loadBindings(files map[string][]byte) diag.List {
	var diags diag.List
	list := w.opt.Bindings
	if list == nil {
		if text, ok := files[BindingsFile]; ok {
			list, diags = blueprint.ParseBindings(BindingsFile, text)
		}
	}
	w.Bindings = map[string]rack.Binding{}
	for _, b := range list {
		w.Bindings[b.Node] = b
	}
	if len(w.Design.Nodes) > 0 && len(list) > 0 {
		diags = append(diags, blueprint.CheckBindings(w.Design, list)...)
	}
	return diags
}

// RunTests runs the *.mwtest.hcl files of the blueprint against its Design.
func (w *Workspace) RunTests() []blueprint.TestResult {
	return blueprint.RunTests(w.parsed, w.Tests, w.bpOpt)
}

// Close logs out what a verb has left open, stops serving firmware files, and keeps which logins were refused. Other sessions were
// logged out at the end of each call. It may be called twice.
func (w *Workspace) Close() error {
	w.release()
	refused := func(node string) bool {
		return w.pool.Refused(w.Bindings[node].URL) || w.attempts.Refused(w.Bindings[node].URL)
	}
	return errors.Join(w.refused.settle(refused), w.images.close(), w.adHoc.save())
}

// Redact removes every secret that was resolved from text.
func (w *Workspace) Redact(text string) string { return w.resolver.Redact(text) }

// firmwareFile opens a firmware image by the bare name that a baseline gives it: from firmware/ of the blueprint's folder, else
// from the blueprint of the catalog that ships it.
func (w *Workspace) firmwareFile(file string) (io.ReaderAt, int64, error) {
	if file != filepath.Base(file) || file == "." || file == ".." {
		return nil, 0, fmt.Errorf("firmware file %q: want a bare file name", file)
	}
	path := filepath.Join(w.Dir, "firmware", file)
	f, err := os.Open(path)
	if err == nil {
		st, err := f.Stat()
		if err != nil {
			return nil, 0, errors.Join(fmt.Errorf("firmware file %s: %w", file, cause(err)), f.Close())
		}
		return f, st.Size(), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("firmware file %s: %w", file, cause(err))
	}
	for _, files := range w.Catalog.Blueprints {
		if text, ok := files["firmware/"+file]; ok {
			return strings.NewReader(string(text)), int64(len(text)), nil
		}
	}
	return nil, 0, fmt.Errorf("firmware file %s is not in %s", file, filepath.Join(w.Dir, "firmware"))
}

// writeFile writes data to path by way of a new file beside it, synced, so that a cut leaves the old or the new one.
func writeFile(path string, data []byte, mode fs.FileMode) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make folder of %s: %w", path, cause(err))
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, cause(err))
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error is the one to tell
		}
	}()
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, cause(err))
	}
	return nil
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(path), err)
	}
	return writeFile(path, append(b, '\n'), 0o600)
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, cause(err))
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// keyFile opens a certificate for Secure Boot by the bare name that the blueprint gives it: from keys/ of its folder.
func (w *Workspace) keyFile(file string) (io.ReadCloser, error) {
	if file != filepath.Base(file) || file == "." || file == ".." {
		return nil, fmt.Errorf("certificate %q: want a bare file name", file)
	}
	f, err := os.Open(filepath.Join(w.Dir, "keys", file))
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", file, cause(err))
	}
	return f, nil
}
