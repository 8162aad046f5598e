package bench_test

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// mock is a running bmcmock: n BMCs that serve one recorded tree, 50 ms a request, four at a time.
type mock struct {
	urls  []string
	admin string
	pid   int
}

// counters is what bmcmock answers at /stats.
type counters struct {
	N, Req, Bytes, MaxInflight, Conns, S401, S404, S503, Rst, Made, Del, Leaked, Touched, MaxSess int64
	Paths                                                                                         []string
}

func (m *mock) stats(b *testing.B) counters {
	b.Helper()
	var c counters
	res, err := http.Get("http://" + m.admin + "/stats")
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&c); err != nil {
		b.Fatal(err)
	}
	return c
}

func (m *mock) reset(b *testing.B) {
	b.Helper()
	res, err := http.Get("http://" + m.admin + "/reset")
	if err != nil {
		b.Fatal(err)
	}
	_ = res.Body.Close()
}

// start builds bmcmock once a run, unpacks the tree and starts n BMCs. The benchmark is skipped where either is absent.
func start(b *testing.B, tree string, n int, flags ...string) *mock {
	b.Helper()
	shared := sharedDir(b)
	dir := b.TempDir()
	if err := unpack(filepath.Join(shared, "redfish", tree+".tar.gz"), dir); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			absent(b, "recorded tree "+tree+" is absent: looked for ../shared/redfish/"+tree+".tar.gz")
		}
		b.Fatal(err)
	}
	port, admin := freePort(b), "127.0.0.1:"+strconv.Itoa(freePort(b))
	args := append([]string{"-tree", dir, "-n", strconv.Itoa(n), "-port", strconv.Itoa(port), "-admin", admin}, flags...)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary(b, shared), args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed: that is no error here
	})
	if !bufio.NewScanner(out).Scan() { // it says when all BMCs listen
		b.Fatal("bmcmock did not start")
	}
	m := &mock{admin: admin, pid: cmd.Process.Pid}
	for i := range n {
		m.urls = append(m.urls, fmt.Sprintf("https://127.1.%d.%d:%d", i/254, i%254+1, port))
	}
	waitFor(b, admin)
	return m
}

// waitFor dials until the last listener of bmcmock is there.
func waitFor(b *testing.B, addr string) {
	b.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(10 * time.Millisecond) // a child process: there is nothing to wait on but its socket
	}
	b.Fatal("bmcmock does not answer")
}

func freePort(b *testing.B) int {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// TestMain removes what was built for the run.
func TestMain(m *testing.M) {
	code := m.Run()
	if build.path != "" {
		_ = os.RemoveAll(filepath.Dir(build.path))
	}
	os.Exit(code)
}

var build struct {
	once sync.Once
	path string
	err  error
}

// binary builds bmcmock outside the module: it is a file beside the project.
func binary(b *testing.B, shared string) string {
	b.Helper()
	build.once.Do(func() {
		dir, err := os.MkdirTemp("", "bmcmock")
		if err != nil {
			build.err = err
			return
		}
		text, err := os.ReadFile(filepath.Join(shared, "bench", "bmcmock.go"))
		if err != nil {
			build.err = err
			return
		}
		for name, body := range map[string][]byte{"main.go": text, "go.mod": []byte("module bmcmock\n\ngo 1.24\n")} {
			if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
				build.err = err
				return
			}
		}
		build.path = filepath.Join(dir, "bmcmock")
		cmd := exec.Command("go", "build", "-o", build.path, ".")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			build.err = fmt.Errorf("build bmcmock: %w: %s", err, out)
		}
	})
	if build.err != nil {
		if errors.Is(build.err, os.ErrNotExist) {
			absent(b, "bmcmock is absent: looked for ../shared/bench/bmcmock.go")
		}
		b.Fatal(build.err)
	}
	return build.path
}

func absent(b *testing.B, what string) {
	b.Helper()
	if os.Getenv("METALWRIGHT_LAB") == "require" {
		b.Fatal(what)
	}
	b.Skip(what)
}

func sharedDir(b *testing.B) string {
	b.Helper()
	dir, err := os.Getwd()
	if err != nil {
		b.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "..", "shared")
		}
		if dir == filepath.Dir(dir) {
			b.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

func unpack(archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	tr := tar.NewReader(z)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || strings.Contains(h.Name, "..") {
			continue
		}
		p := filepath.Join(dir, filepath.FromSlash(h.Name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		body, err := io.ReadAll(tr)
		if err != nil {
			return err
		}
		if err := os.WriteFile(p, body, 0o600); err != nil {
			return err
		}
	}
}
