package bmclibx

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

const (
	user = "admin"
	pass = "s3cretword"
)

// board is a fake BMC that speaks the pages of one family, as far as bmclib uses them.
type board struct {
	srv   *httptest.Server
	mu    sync.Mutex
	log   []string
	image []byte
	hang  string        // path that never answers
	hung  chan struct{} // closed when it was asked
	fail  string        // path that answers 500
}

func newBoard(t *testing.T, pages http.HandlerFunc) *board {
	t.Helper()
	b := &board{}
	b.srv = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		b.mu.Lock()
		b.log = append(b.log, r.Method+" "+r.URL.Path)
		if i := bytes.Index(body, []byte("FIRMWARE")); i >= 0 {
			b.image = body
		}
		hang, fail := b.hang == r.URL.Path, b.fail == r.URL.Path
		b.mu.Unlock()
		if hang {
			close(b.hung)
			<-r.Context().Done()
			return
		}
		if fail {
			http.Error(w, "no", http.StatusInternalServerError)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		pages(w, r)
	}))
	b.srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	b.srv.StartTLS()
	t.Cleanup(b.srv.Close)
	return b
}

func (b *board) asked(what string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, l := range b.log {
		if l == what {
			n++
		}
	}
	return n
}

func (b *board) target() Target {
	return Target{URL: b.srv.URL, Trust: redfish.Trust{PinSHA256: redfish.InfoOf(b.srv.Certificate()).PinSHA256},
		Login: func(context.Context) (string, string, error) { return user, pass, nil }}
}

func file(t *testing.T, text string) (*os.File, rack.Digest) {
	t.Helper()
	p := filepath.Join(t.TempDir(), "fw.bin")
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	sum := sha256.Sum256([]byte(text))
	return f, rack.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

func job(t *testing.T, boardName string) Job {
	f, d := file(t, "FIRMWARE of "+boardName)
	return Job{Board: boardName, Component: "bmc", Version: "2.0", File: f, Digest: d, KeepSettings: true, Pace: time.Millisecond}
}

// asrock answers as an ASRock Rack board's own interface.
func asrock(looks *int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "POST /api/session":
			in, _ := io.ReadAll(r.Body)
			if string(in) != "username="+user+"&password="+pass+"&certlogin=0" {
				w.WriteHeader(401)
				return
			}
			fmt.Fprint(w, `{"CSRFToken":"x"}`)
		case "GET /api/fru":
			fmt.Fprint(w, `[{"board":{"product_name":"E3C246D4I-NL","manufacturer":"ASRockRack"}}]`)
		case "GET /api/maintenance/firmware/flash-progress":
			*looks++
			fmt.Fprintf(w, `{"id":1,"action":"Flashing","progress":"%d%%","state":%d}`, 40**looks, map[bool]int{true: 2}[*looks >= 3])
		case "PUT /api/maintenance/flash", "POST /api/maintenance/firmware", "GET /api/maintenance/firmware/verification",
			"PUT /api/maintenance/firmware/upgrade", "DELETE /api/session":
		default:
			w.WriteHeader(404)
		}
	}
}

// x11 answers as a Supermicro X11 board's own interface, with the Redfish service that bmclib also logs in to.
func x11(looks *int, model string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		in, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/cgi/login.cgi":
			if !strings.Contains(string(in), "pwd=czNjcmV0d29yZA==") { // base64 of the password
				fmt.Fprint(w, "<html>wrong</html>")
				return
			}
			http.SetCookie(w, &http.Cookie{Name: "SID", Value: "1"})
			fmt.Fprint(w, "url_redirect.cgi?url_name=mainmenu")
		case "/cgi/url_redirect.cgi":
			fmt.Fprint(w, `SmcCsrfInsert ("CSRF_TOKEN", "tok");`)
		case "/cgi/ipmi.cgi":
			switch {
			case strings.Contains(string(in), "FRU_INFO"):
				fmt.Fprintf(w, `<?xml version="1.0"?><IPMI><FRU_INFO RES="1"><BOARD PART_NUM=%q/></FRU_INFO></IPMI>`, model)
			case strings.Contains(string(in), "LOCK_UPLOAD_FW"):
				fmt.Fprint(w, `<IPMI><LOCK_FW_UPLOAD RES="1"/></IPMI>`)
			default:
				fmt.Fprint(w, `<IPMI><FW_VERSION NEW="2.0" OLD="1.0"/></IPMI>`)
			}
		case "/cgi/upgrade_process.cgi":
			*looks++
			fmt.Fprintf(w, "<IPMI><percent>%d</percent></IPMI>", []int{1, 50, 100}[min(*looks, 3)-1])
		case "/cgi/oem_firmware_upload.cgi", "/cgi/op.cgi", "/cgi/logout.cgi":
		case "/redfish/v1/", "/redfish/v1":
			fmt.Fprint(w, `{"@odata.id":"/redfish/v1","Id":"R","RedfishVersion":"1.8.0","Links":{"Sessions":{"@odata.id":"/redfish/v1/SessionService/Sessions"}}}`)
		case "/redfish/v1/SessionService/Sessions":
			w.Header().Set("X-Auth-Token", "t")
			w.Header().Set("Location", "https://"+r.Host+"/redfish/v1/SessionService/Sessions/1")
			w.WriteHeader(201)
			fmt.Fprint(w, `{}`)
		default:
			fmt.Fprint(w, `{}`)
		}
	}
}

// A whole install on each family: pinned, one upload, the flash started once, followed to its end, logged out.
func TestInstall(t *testing.T) {
	for _, c := range []struct {
		name, board, upload, start, logout string
		pages                              func(*int) http.HandlerFunc
		reset                              bool
	}{
		{"ASRock Rack", "E3C246D4I-NL", "POST /api/maintenance/firmware", "PUT /api/maintenance/firmware/upgrade", "DELETE /api/session", asrock, true},
		{"Supermicro X11", "x11dph-t", "POST /cgi/oem_firmware_upload.cgi", "POST /cgi/op.cgi", "GET /cgi/logout.cgi",
			func(n *int) http.HandlerFunc { return x11(n, "X11DPH-T") }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			looks, sent := 0, 0
			var seen []Phase
			b := newBoard(t, c.pages(&looks))
			out, err := Install(t.Context(), b.target(), job(t, c.board), func(string) error {
				if sent++; b.asked(c.start) != 1 {
					t.Error("told before the flash was started")
				}
				return nil
			}, func(p Phase, _ string) { seen = append(seen, p) })
			if err != nil || out.Phase != Complete || out.BMCReset != c.reset || sent != 1 {
				t.Fatalf("%+v, told %d times: %v\n%s", out, sent, err, strings.Join(b.log, "\n"))
			}
			if b.asked(c.upload) != 1 || b.asked(c.start) != 1 || b.asked(c.logout) != 1 || len(seen) != 3 || !bytes.Contains(b.image, []byte("FIRMWARE of "+c.board)) {
				t.Errorf("looks %v\n%s", seen, strings.Join(b.log, "\n"))
			}
		})
	}
}

// A certificate that is not the pinned one ends it before a password leaves, though bmclib itself would take any (H1).
func TestInstallTrust(t *testing.T) {
	for _, name := range []string{"E3C246D4I-NL", "X11DPH-T"} {
		looks := 0
		b := newBoard(t, asrock(&looks))
		for _, trust := range []redfish.Trust{{}, {PinSHA256: strings.Repeat("ab", 32)}} {
			to := b.target()
			to.Trust = trust
			_, err := Install(t.Context(), to, job(t, name), nil, nil)
			if step.ClassOf(err) != step.Trust || len(b.log) != 0 || !strings.Contains(err.Error(), redfish.InfoOf(b.srv.Certificate()).PinSHA256) {
				t.Errorf("%v, %v", b.log, err)
			}
		}
	}
}

// What is refused before anything is sent.
func TestInstallRefuses(t *testing.T) {
	looks := 0
	b := newBoard(t, asrock(&looks))
	for name, change := range map[string]func(*Job, *Target){
		"unknown board":     func(j *Job, _ *Target) { j.Board = "X13DEG-OAD" },
		"no board":          func(j *Job, _ *Target) { j.Board = "" },
		"another component": func(j *Job, _ *Target) { j.Component = "nic" },
		"BIOS of ASRock":    func(j *Job, _ *Target) { j.Component = "bios" },
		"settings are lost": func(j *Job, _ *Target) { j.Board, j.Component = "X12SPO-NTF", "bios" },
		"another file":      func(j *Job, _ *Target) { j.Digest = "sha256:00" },
		"no file":           func(j *Job, _ *Target) { j.File = nil },
		"odd password": func(_ *Job, t *Target) {
			t.Login = func(context.Context) (string, string, error) { return user, "a&b=c", nil }
		},
		"no http": func(_ *Job, t *Target) { t.URL = strings.Replace(t.URL, "https", "http", 1) },
	} {
		j, to := job(t, "E3C246D4I-NL"), b.target()
		change(&j, &to)
		if _, err := Install(t.Context(), to, j, nil, nil); err == nil || len(b.log) != 0 || redfish.IsSentUnknown(err) || strings.Contains(err.Error(), "a&b=c") {
			t.Errorf("%s: %v, %v", name, err, b.log)
		}
	}
	t.Setenv("DEBUG_BMCLIB", "true") // it would print passwords
	if _, err := Install(t.Context(), b.target(), job(t, "E3C246D4I-NL"), nil, nil); err == nil || len(b.log) != 0 {
		t.Errorf("with debugging: %v", err)
	}
}

func TestInstallWrongPassword(t *testing.T) {
	looks := 0
	for name, pages := range map[string]http.HandlerFunc{"E3C246D4I-NL": asrock(&looks), "X11DPH-T": x11(&looks, "X11DPH-T")} {
		b := newBoard(t, pages)
		to := b.target()
		to.Login = func(context.Context) (string, string, error) { return user, "wrongword", nil }
		_, err := Install(t.Context(), to, job(t, name), nil, nil)
		if step.ClassOf(err) != step.Auth || redfish.IsSentUnknown(err) || strings.Contains(err.Error(), "wrongword") {
			t.Errorf("%s: %v", name, err)
		}
		if n := b.asked("POST /cgi/login.cgi") + b.asked("POST /api/session"); n > 2 {
			t.Errorf("%s: %d logins", name, n)
		}
	}
}

// After bytes left, every failure is "may have acted"; before, it is not.
func TestInstallUnknown(t *testing.T) {
	for path, unknown := range map[string]bool{
		"/api/fru": false, "/api/maintenance/flash": true, "/api/maintenance/firmware": true, "/api/maintenance/firmware/upgrade": true,
	} {
		looks := 0
		b := newBoard(t, asrock(&looks))
		b.fail = path
		_, err := Install(t.Context(), b.target(), job(t, "E3C246D4I-NL"), nil, nil)
		if err == nil || redfish.IsSentUnknown(err) != unknown {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// The caller can give up at any moment, though bmclib does not look (H5): the call returns and leaves nothing behind.
func TestInstallCancel(t *testing.T) {
	looks := 0
	b := newBoard(t, asrock(&looks))
	b.hang, b.hung = "/api/maintenance/firmware/upgrade", make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-b.hung
		cancel()
	}()
	_, err := Install(ctx, b.target(), job(t, "E3C246D4I-NL"), nil, nil)
	if !redfish.IsSentUnknown(err) {
		t.Errorf("got %v", err)
	}
}

func TestRoute(t *testing.T) {
	for in, want := range map[[2]string]Family{
		{"X11DPH-T", "bmc"}: X11, {"x12sth-sys", "bios"}: X12, {" X12SPO-NTF ", "BMC"}: X12, {"E3C256D4ID-NL", "bmc"}: ASRockRack,
	} {
		if f, ok := Route(in[0], in[1]); !ok || f != want {
			t.Errorf("%v: %s, %v", in, f, ok)
		}
	}
	for _, in := range [][2]string{{"SYS-821GE-TNHR", "bmc"}, {"X13", "bios"}, {"", "bmc"}, {"X11DPH-T", "nic"}, {"E3C246D4I-NL", "bios"}} {
		if f, ok := Route(in[0], in[1]); ok {
			t.Errorf("%v is routed to %s", in, f)
		}
	}
}
