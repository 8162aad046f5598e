package diag_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"github.com/metalwright/metalwright/internal/diag"
)

func at(file string, line, col, endCol int) diag.Origin {
	return diag.At(hcl.Range{Filename: file, Start: hcl.Pos{Line: line, Column: col}, End: hcl.Pos{Line: line, Column: endCol}})
}

func TestOriginText(t *testing.T) {
	for _, o := range []diag.Origin{{}, at("main.mw.hcl", 41, 3, 20), at("c:/odd-name.mw.hcl", 1, 1, 2)} {
		b, err := o.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back diag.Origin
		if err := back.UnmarshalText(b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(o, back); diff != "" {
			t.Errorf("%s (-want +got):\n%s", b, diff)
		}
	}
	for _, s := range []string{"main.mw.hcl", "a:b-c:d", "a:1:2", "a:1:2-3"} {
		if err := new(diag.Origin).UnmarshalText([]byte(s)); err == nil {
			t.Errorf("%q was read as an origin", s)
		}
	}
}

func TestRender(t *testing.T) {
	l := diag.List{
		{Severity: diag.Error, Summary: "Unknown BIOS attribute", Detail: "Did you mean \"b\"?", Rule: "bios.exists",
			Address: `node.gpu["a"]`, Subject: at("m.mw.hcl", 2, 3, 4)},
		{Severity: diag.Warning, Summary: "Not checked", Detail: "Weight is unknown."},
	}
	var b bytes.Buffer
	err := diag.Render(&b, l, diag.RenderOptions{Sources: map[string][]byte{"m.mw.hcl": []byte("x {\n  a = 1\n}\n")}})
	if err != nil {
		t.Fatal(err)
	}
	want := `Error: Unknown BIOS attribute  (bios.exists)

  on m.mw.hcl line 2, column 3, in node.gpu["a"]:
  2:   a = 1
       ─

Did you mean "b"?

Warning: Not checked

Weight is unknown.

1 error, 1 warning
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRenderBeyondText(t *testing.T) {
	var b bytes.Buffer
	l := diag.List{{Severity: diag.Error, Summary: "s", Subject: at("m", 9, 40, 90)}, {Severity: diag.Error, Summary: "s", Subject: at("m", 1, 40, 90)}}
	if err := diag.Render(&b, l, diag.RenderOptions{Sources: map[string][]byte{"m": []byte("ab\n")}}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "on m line 9") {
		t.Errorf("got %q", b.String())
	}
}

func TestListErr(t *testing.T) {
	warn := diag.List{{Severity: diag.Warning, Summary: "w"}}
	if warn.Err() != nil || warn.HasErrors() {
		t.Error("a warning is an error")
	}
	l := append(warn, diag.Diagnostic{Severity: diag.Error, Summary: "e", Detail: "d", Subject: at("f", 3, 1, 2)})
	if err := l.Err(); err == nil || err.Error() != "f:3: e: d" {
		t.Errorf("Err() = %v", err)
	}
	if got := l.Sorted(); got[0].Summary != "w" {
		t.Errorf("sorted: %v", got)
	}
}

func TestRenderWraps(t *testing.T) {
	l := diag.List{{Severity: diag.Error, Summary: "Too long", Detail: "Words that go on and on.\n\n    metalwright this command stays on its line\n\nunbreakablewordwithoutaspace is kept."}}
	var b strings.Builder
	if err := diag.Render(&b, l, diag.RenderOptions{Width: 16}); err != nil {
		t.Fatal(err)
	}
	want := "Error: Too long\n\nWords that go on\nand on.\n\n    metalwright this command stays on its line\n\nunbreakablewordwithoutaspace\nis kept.\n\n"
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}
