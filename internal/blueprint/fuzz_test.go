package blueprint

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/metalwright/metalwright/internal/diag"
)

// seeds are the texts of the golden tests.
func seeds(f *testing.F) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		f.Fatalf("no archives: %v", err)
	}
	for _, file := range archives {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, x := range ar.Files {
			if strings.HasSuffix(x.Name, ".hcl") && !strings.HasPrefix(filepath.Base(file), "limits") {
				f.Add(x.Data)
			}
		}
	}
}

// FuzzParse: every reader of text takes any bytes without a panic, and formatting twice is formatting once.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Add([]byte("run \"r\" {\n  variables { a = 1 }\n  assert { condition = true }\n  expect_failures = [check.a, " +
		"\"power.feed\"]\n}\n"))
	f.Add([]byte("bind \"n\" {\n  url = \"https://10.0.0.1\"\n  credential = secret(\"env:X\")\n}\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		_, diags := Parse(map[string][]byte{"main.mw.hcl": src})
		honest(t, diags, src)
		_, diags = ParseLock(LockFile, src)
		honest(t, diags, src)
		_, diags = ParseTests("a.mwtest.hcl", src)
		honest(t, diags, src)
		b, diags := ParseBindings(BindingsFile, src)
		honest(t, diags, src)
		if out, err := WriteBindings(b, src); err == nil && !diags.HasErrors() {
			again, diags := ParseBindings(BindingsFile, out)
			if diags.HasErrors() || len(again) != len(b) {
				t.Fatalf("bindings written cannot be read:\n%s\n%s", out, say(diags))
			}
		}
		once, diags := Format("main.mw.hcl", src)
		honest(t, diags, src)
		if twice, _ := Format("main.mw.hcl", once); !bytes.Equal(once, twice) {
			t.Fatalf("formatting twice differs:\n%q\n%q", once, twice)
		}
	})
}

// FuzzExpand: any blueprint resolves without a panic, twice to the same bytes, and what is said points into the text.
func FuzzExpand(f *testing.F) {
	seeds(f)
	cat := goldenCatalog()
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 32<<10 {
			t.Skip("long texts only slow the search down")
		}
		bp, diags := Parse(map[string][]byte{"main.mw.hcl": src})
		opt := Options{Catalog: cat, Now: today}
		d, more := Resolve(bp, opt)
		honest(t, append(diags, more...), src)
		one, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		d2, more2 := Resolve(bp, opt)
		two, err := json.Marshal(d2)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one, two) || say(more) != say(more2) {
			t.Fatalf("not deterministic:\n%s\n%s\n%s\n%s", one, two, say(more), say(more2))
		}
		for _, n := range d.Nodes {
			Explain(d, string(n.Address))
		}
		WriteLock(d)
	})
}

// honest fails on a report of an internal error, and on a place outside of the text.
func honest(t *testing.T, l diag.List, src []byte) {
	t.Helper()
	lines := bytes.Count(src, []byte("\n")) + 2
	for _, d := range l {
		if d.Summary == bugSummary {
			t.Fatalf("internal error: %s", say(diag.List{d}))
		}
		if d.Summary == "" || d.Severity == diag.Invalid {
			t.Fatalf("empty diagnostic: %+v", d)
		}
		if d.Subject.Start.Line > lines {
			t.Fatalf("outside of the text: %s", say(diag.List{d}))
		}
	}
}
