package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/secret"
	"github.com/metalwright/metalwright/internal/step"
)

const hidden = "hunter2-and-more"

func TestValueNeverShows(t *testing.T) {
	v := secret.NewValue(hidden)
	type holder struct {
		Name string
		V    secret.Value
		P    *secret.Value
		M    map[string]secret.Value
		L    []secret.Value
	}
	h := holder{"n", v, &v, map[string]secret.Value{"k": v}, []secret.Value{v}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		fmt.Fprintf(&out, verb+"\n", v)
		fmt.Fprintf(&out, verb+"\n", h)
	}
	fmt.Fprintln(&out, v, &v, h, fmt.Errorf("wrapped: %v", v), errors.New(v.String()))
	j, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(j)
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
		slog.New(handler).Info("x", "v", v, "h", h, "p", &v)
	}
	if s := out.String(); strings.Contains(s, hidden) || strings.Contains(s, "68756e746572") {
		t.Errorf("the secret shows in:\n%s", s)
	}
	if v.Reveal() != hidden || v.IsZero() || !(secret.Value{}).IsZero() {
		t.Error("the value does not hold what it was made of")
	}
}

func env(pairs ...string) func(string) (string, bool) {
	return func(k string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == k {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func write(t *testing.T, path string, mode os.FileMode, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func encrypt(t *testing.T, to age.Recipient, text string, armored bool) []byte {
	t.Helper()
	var b bytes.Buffer
	var dst io.Writer = &b
	end := func() error { return nil }
	if armored {
		a := armor.NewWriter(&b)
		dst, end = a, a.Close
	}
	w, err := age.Encrypt(dst, to)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(w, text)
	if err := errors.Join(err, w.Close(), end()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "key.txt"), 0o600, []byte("# created\n"+id.String()+"\n"))
	write(t, filepath.Join(dir, "bad-key.txt"), 0o600, []byte("AGE-SECRET-KEY-"+hidden))
	write(t, filepath.Join(dir, "pass"), 0o600, []byte(hidden+"\n"))
	write(t, filepath.Join(dir, "open"), 0o644, []byte(hidden))
	write(t, filepath.Join(dir, "colon"), 0o600, []byte("user:"+hidden+"\r\n"))
	write(t, filepath.Join(dir, "empty"), 0o600, []byte("\n"))
	write(t, filepath.Join(dir, "big"), 0o600, bytes.Repeat([]byte("x"), 1<<20))
	write(t, filepath.Join(dir, "one.age"), 0o644, encrypt(t, id.Recipient(), hidden+"\n", false))
	write(t, filepath.Join(dir, "armor.age"), 0o644, encrypt(t, id.Recipient(), hidden, true))
	write(t, filepath.Join(dir, "other.age"), 0o644, encrypt(t, other.Recipient(), hidden, false))
	good := env("BMC", hidden, "NONE", "", secret.IdentityVariable, filepath.Join(dir, "key.txt"))

	for _, c := range []struct {
		ref   string
		env   func(string) (string, bool)
		want  string
		class step.Class
		warns int
	}{
		{ref: "env:BMC", want: hidden},
		{ref: "env:MISSING", class: step.Auth},
		{ref: "env:NONE", class: step.Auth},
		{ref: "file:pass", want: hidden},
		{ref: "file:" + filepath.Join(dir, "pass"), want: hidden},
		{ref: "file:open", want: hidden, warns: 1},
		{ref: "file:colon", want: "user:" + hidden}, // a colon is part of the secret
		{ref: "file:missing", class: step.Auth},
		{ref: "file:empty", class: step.Auth},
		{ref: "file:big", class: step.Auth},
		{ref: "file:.", class: step.Auth},
		{ref: "age:one.age", want: hidden},
		{ref: "age:armor.age", want: hidden},
		{ref: "age:other.age", class: step.Auth},
		{ref: "age:pass", class: step.Auth},
		{ref: "age:one.age", env: env(), class: step.Auth},
		{ref: "age:one.age", env: env(secret.IdentityVariable, filepath.Join(dir, "bad-key.txt")), class: step.Auth},
		{ref: "vault:kv/bmc#password", class: step.Auth}, // no vault is known,
		{ref: "ftp:x", class: step.Unsupported},
		{ref: hidden, class: step.Rejected},
		{ref: hidden + ":x", class: step.Unsupported},
		{ref: "", class: step.Rejected},
	} {
		t.Run(c.ref, func(t *testing.T) {
			warned := 0
			o := secret.Options{Dir: dir, LookupEnv: good, Warn: func(string) { warned++ }}
			if c.env != nil {
				o.LookupEnv = c.env
			}
			r := secret.NewResolver(o)
			v, err := r.Resolve(t.Context(), rack.SecretRef(c.ref))
			if got := step.ClassOf(err); got != c.class {
				t.Fatalf("class %q, want %q (%v)", got, c.class, err)
			}
			if err != nil {
				if step.AdviceOf(err) == "" {
					t.Error("no advice")
				}
				if strings.Contains(err.Error()+step.AdviceOf(err), hidden) {
					t.Errorf("the secret is in the error: %v", err)
				}
			}
			if v.Reveal() != c.want || warned != c.warns {
				t.Errorf("got a value of %d characters and %d warnings", len(v.Reveal()), warned)
			}
		})
	}
}

func TestRedact(t *testing.T) {
	r := secret.NewResolver(secret.Options{LookupEnv: env("A", hidden, "B", hidden+"-longer", "C", `qu"ote\d`, "D", "ab")})
	for _, n := range []string{"A", "B", "C", "D"} {
		if _, err := r.Resolve(t.Context(), rack.SecretRef("env:"+n)); err != nil {
			t.Fatal(err)
		}
	}
	j, err := json.Marshal(map[string]string{"p": `qu"ote\d`})
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"x " + hidden + " y":           "x (redacted) y",
		"x " + hidden + "-longer y":    "x (redacted) y",
		string(j):                      `{"p":"(redacted)"}`,
		"about a table, nothing in it": "about a table, nothing in it", // two letters are no secret to look for
	} {
		if got := r.Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
	}
	if !r.Leaks("…"+hidden) || r.Leaks("nothing") {
		t.Error("Leaks is wrong")
	}
}
