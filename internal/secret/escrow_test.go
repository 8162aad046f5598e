package secret_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/secret"
	"github.com/metalwright/metalwright/internal/step"
)

// kv is a small key-value engine, version 2, as the public API of Vault and OpenBao describes it.
type kv struct {
	mu     sync.Mutex
	data   map[string]map[string]any
	vers   map[string]int
	status int // answered instead, when not 0
}

func (k *kv) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	say := func(code int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(v)
	}
	if k.status != 0 {
		say(k.status, map[string]any{"errors": []string{"echo " + r.Header.Get("X-Vault-Token")}})
		return
	}
	if r.Header.Get("X-Vault-Token") != "token-of-the-vault" {
		say(http.StatusForbidden, map[string]any{"errors": []string{"permission denied"}})
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	switch r.Method {
	case http.MethodGet:
		d, ok := k.data[path]
		if !ok {
			say(http.StatusNotFound, map[string]any{"errors": []string{}})
			return
		}
		say(http.StatusOK, map[string]any{"data": map[string]any{"data": d, "metadata": map[string]any{"version": k.vers[path]}}})
	case http.MethodPost:
		var in struct {
			Options struct {
				CAS *int `json:"cas"`
			} `json:"options"`
			Data map[string]any `json:"data"`
		}
		if json.NewDecoder(r.Body).Decode(&in) != nil || in.Options.CAS == nil || *in.Options.CAS != k.vers[path] {
			say(http.StatusBadRequest, map[string]any{"errors": []string{"check-and-set parameter did not match the current version"}})
			return
		}
		k.data[path], k.vers[path] = in.Data, k.vers[path]+1
		say(http.StatusOK, map[string]any{"data": map[string]any{"version": k.vers[path]}})
	default:
		say(http.StatusMethodNotAllowed, nil)
	}
}

func newKV(t *testing.T) (*kv, string) {
	t.Helper()
	k := &kv{data: map[string]map[string]any{"kv/data/bmc/a01-n1": {"password": hidden, "n": 3}}, vers: map[string]int{"kv/data/bmc/a01-n1": 4}}
	s := httptest.NewServer(k)
	t.Cleanup(s.Close)
	return k, s.URL
}

func TestVaultReference(t *testing.T) {
	k, url := newKV(t)
	for _, c := range []struct {
		name, ref, token, addr string
		status                 int
		want                   string
		class                  step.Class
	}{
		{name: "read", ref: "vault:kv/bmc/a01-n1#password", want: hidden},
		{name: "no such path", ref: "vault:kv/bmc/a01-n2#password", class: step.Auth},
		{name: "no such field", ref: "vault:kv/bmc/a01-n1#user", class: step.Auth},
		{name: "field is a number", ref: "vault:kv/bmc/a01-n1#n", class: step.Auth},
		{name: "no field", ref: "vault:kv/bmc/a01-n1", class: step.Rejected},
		{name: "up the tree", ref: "vault:kv/../sys#x", class: step.Rejected},
		{name: "wrong token", ref: "vault:kv/bmc/a01-n1#password", token: "other", class: step.Auth},
		{name: "sealed", ref: "vault:kv/bmc/a01-n1#password", status: 503, class: step.Transient},
		{name: "in the clear over the network", ref: "vault:kv/bmc/a01-n1#password", addr: "http://vault.example.org", class: step.Auth},
	} {
		t.Run(c.name, func(t *testing.T) {
			token, addr := "token-of-the-vault", url
			if c.token != "" {
				token = c.token
			}
			if c.addr != "" {
				addr = c.addr
			}
			k.status = c.status
			r := secret.NewResolver(secret.Options{LookupEnv: env(secret.VaultAddressVariable, addr, secret.VaultTokenVariable, token)})
			v, err := r.Resolve(t.Context(), rack.SecretRef(c.ref))
			if step.ClassOf(err) != c.class || v.Reveal() != c.want {
				t.Fatalf("class %q of %v", step.ClassOf(err), err)
			}
			if err != nil && (strings.Contains(err.Error(), token) || strings.Contains(err.Error(), hidden) || step.AdviceOf(err) == "") {
				t.Errorf("a secret in the error, or no advice: %v", err)
			}
		})
	}
}

func TestEscrow(t *testing.T) {
	dir := t.TempDir()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "key.txt"), 0o600, []byte(id.String()+"\n"))
	k, url := newKV(t)
	lookup := env(secret.IdentityVariable, filepath.Join(dir, "key.txt"), secret.VaultAddressVariable, url, secret.VaultTokenVariable, "token-of-the-vault")
	for _, where := range []string{"escrow", "vault:kv/metalwright"} {
		t.Run(where, func(t *testing.T) {
			r := secret.NewResolver(secret.Options{Dir: dir, LookupEnv: lookup})
			e, err := r.Escrow(where)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := e.Read(t.Context(), "a01-n1"); err != nil || got.Current != nil || got.Next != nil {
				t.Fatalf("an entry before the first: %v, %v", got, err)
			}
			next := secret.Credential{Username: "mw", Password: secret.NewValue(hidden)}
			if err := e.Write(t.Context(), "a01-n1", secret.Entry{Next: &next}); err != nil {
				t.Fatal(err)
			}
			at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
			if err := e.Write(t.Context(), "a01-n1", secret.Entry{Current: &next, Generation: 1, Since: at}); err != nil {
				t.Fatal(err)
			}
			again := secret.NewResolver(secret.Options{Dir: dir, LookupEnv: lookup})
			other, err := again.Escrow(where)
			if err != nil {
				t.Fatal(err)
			}
			got, err := other.Read(t.Context(), "a01-n1")
			if err != nil || got.Next != nil || got.Current == nil || !got.Current.Same(next) || got.Generation != 1 || !got.Since.Equal(at) {
				t.Fatalf("read back %+v, %v", got, err)
			}
			if !again.Leaks("x" + hidden) {
				t.Error("what came out of the escrow is not redacted")
			}
		})
	}
	files, err := os.ReadDir(filepath.Join(dir, "escrow"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files in the escrow (%v), want 1", len(files), err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "escrow", files[0].Name()))
	if err != nil || bytes.Contains(text, []byte(hidden)) {
		t.Errorf("the password stands in the file in the clear (%v)", err)
	}
	k.status = http.StatusForbidden
	r := secret.NewResolver(secret.Options{Dir: dir, LookupEnv: lookup})
	v, err := r.Escrow("vault:kv/metalwright")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Read(t.Context(), "a01-n1"); err == nil {
		t.Error("a vault that refuses was read as an empty entry")
	}
	if _, err := r.Escrow("vault:kv"); err == nil {
		t.Error("an escrow without a path was taken")
	}
}

func TestEscrowDamaged(t *testing.T) {
	dir := t.TempDir()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "key.txt"), 0o600, []byte(id.String()+"\n"))
	write(t, filepath.Join(dir, "n.age"), 0o600, encrypt(t, id.Recipient(), `{"format":9,"x":"`+hidden+`"}`, false))
	write(t, filepath.Join(dir, "m.age"), 0o600, nil)
	r := secret.NewResolver(secret.Options{Dir: dir, LookupEnv: env(secret.IdentityVariable, filepath.Join(dir, "key.txt"))})
	e, err := r.Escrow(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range []string{"n", "m"} {
		if _, err := e.Read(t.Context(), node); err == nil || strings.Contains(err.Error(), hidden) {
			t.Errorf("%s: %v", node, err)
		}
	}
}

// An entry that is not there yet and that nobody could write is told when it is read, before a BMC is asked for anything.
func TestEscrowWithoutIdentity(t *testing.T) {
	dir := t.TempDir()
	r := secret.NewResolver(secret.Options{Dir: dir, LookupEnv: env()})
	e, err := r.Escrow(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Read(t.Context(), "n"); err == nil || !strings.Contains(err.Error(), "no age identity") {
		t.Errorf("an entry that could not be written: %v", err)
	}
}
