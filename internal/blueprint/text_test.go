package blueprint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/metalwright/metalwright/internal/rack"
)

func TestBindings(t *testing.T) {
	const text = `# bound by hand, rack a01

bind "a01-n1" { # the one with the scratch
  url        = "https://10.20.8.11"
  pin_sha256 = "aa"
  credential = secret("env:OLD")
}

bind "gone" {
  url = "https://10.20.8.99"
}
`
	got, diags := ParseBindings(BindingsFile, []byte(text))
	if len(diags) > 0 {
		t.Fatal(say(diags))
	}
	want := []rack.Binding{{Node: "a01-n1", URL: "https://10.20.8.11", PinSHA256: "aa", Credential: "env:OLD"},
		{Node: "gone", URL: "https://10.20.8.99"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
	next := []rack.Binding{
		{Node: "a01-n1", URL: "https://10.20.8.11", Serial: "S1", MAC: "00:11:22:33:44:55", System: "1",
			Username: "admin",
			CAFile:   "ca.pem", Credential: "file:pw.txt"},
		{Node: "a01-n2", URL: "https://[2001:db8::2]:8443", PinSHA256: "bb"},
	}
	out, err := WriteBindings(next, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	again, diags := ParseBindings(BindingsFile, out)
	if diff := cmp.Diff(next, again); diff != "" || len(diags) > 0 {
		t.Errorf("(-want +got)\n%s%s", diff, say(diags))
	}
	for _, keep := range []string{"# bound by hand, rack a01", "# the one with the scratch"} {
		if !bytes.Contains(out, []byte(keep)) {
			t.Errorf("lost %q:\n%s", keep, out)
		}
	}
	for _, lost := range []string{"gone", "pin_sha256 = \"aa\"", "env:OLD"} {
		if bytes.Contains(out, []byte(lost)) {
			t.Errorf("kept %q:\n%s", lost, out)
		}
	}
	if twice, _ := WriteBindings(next, out); !bytes.Equal(out, twice) {
		t.Errorf("writing again differs:\n%s\n%s", out, twice)
	}
	if _, err := WriteBindings(next, []byte("bind {")); err == nil {
		t.Error("a broken file was overwritten")
	}
}

func TestBindingsWrong(t *testing.T) {
	_, diags := ParseBindings(BindingsFile, []byte(`x = 1
bind "a" {
  url = "http://10.0.0.1"
  credential = "hunter2"
}
bind "a" { url = "https://10.0.0.1" }
bind "b" { serail = "x" }
bound "c" {}
bind "d" { url = "https://admin:hunter2@10.0.0.1" }
`))
	got := say(diags)
	for _, want := range []string{":1:1-1:2: error: Unexpected attribute", ":3:9-3:26: error: Wrong URL",
		":4:16-4:25: error: Secret in the text",
		":6:1-6:9: error: Duplicate block", `Did you mean "serial"?`, `needs "url"`, "Known is bind",
		":9:18-9:50: error: Wrong URL"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "hunter2") {
		t.Errorf("a secret is shown:\n%s", got)
	}
}

func TestCheckBindings(t *testing.T) {
	d := rack.Design{Nodes: []rack.Node{{Name: "a01-n1", Address: "node.n1"}, {Name: "a01-n2", Address: "node.n2"}}}
	got := say(CheckBindings(d, []rack.Binding{{Node: "a01-n1"}, {Node: "a01-n22"}}))
	if !strings.Contains(got, `Did you mean "a01-n2"?`) || !strings.Contains(got,
		"warning: Node is not bound [node.n2]") {
		t.Error(got)
	}
}

func TestFormat(t *testing.T) {
	const src = "# head\nnode   \"a\" {\n hardware=hw.server.x   # why\n      at = {rack=rack.a,u=1}\r\n}\n"
	const want = "# head\nnode \"a\" {\n  hardware = hw.server.x # why\n  at       = { rack = rack.a, u = 1 }\n}\n"
	got, diags := Format("a.mw.hcl", []byte(src))
	if string(got) != want || len(diags) > 0 {
		t.Errorf("got %q, want %q\n%s", got, want, say(diags))
	}
	broken := []byte("node {")
	if got, diags := Format("a.mw.hcl", broken); !bytes.Equal(got, broken) || !diags.HasErrors() {
		t.Errorf("broken text: got %q, %s", got, say(diags))
	}
	archives, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range archives {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range ar.Files {
			once, _ := Format(f.Name, f.Data)
			twice, _ := Format(f.Name, once)
			if !bytes.Equal(once, twice) {
				t.Errorf("%s %s: formatting twice differs", file, f.Name)
			}
			if c := bytes.Count(f.Data, []byte("#")); c != bytes.Count(once, []byte("#")) {
				t.Errorf("%s %s: comments were lost", file, f.Name)
			}
		}
	}
}

func TestLockRoundTrip(t *testing.T) {
	src := goldenFile(t, "repeat.txtar")
	bp, _ := Parse(src)
	opt := Options{Catalog: goldenCatalog(), Now: today}
	d, diags := Resolve(bp, opt)
	if diags.HasErrors() {
		t.Fatal(say(diags))
	}
	for key, h := range opt.Catalog.Hardware { // digests as the shipped catalog has them
		h.Digest = rack.DigestOf(key)
		opt.Catalog.Hardware[key] = h
	}
	text := WriteLock(d)
	for _, want := range []string{"format = 1", `hardware "server.big"`, `baseline "big/2026.11"`,
		`policy "au.strategic"`, `recipe "rke2/1.34"`,
		`hardware "fabric.rail8"`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("no %s in the lock:\n%s", want, text)
		}
	}
	if again := WriteLock(d); !bytes.Equal(text, again) {
		t.Error("the same design gave another lock")
	}
	opt.Lock, _ = ParseLock(LockFile, text)
	_, diags = Resolve(bp, opt)
	if got := say(diags); strings.Contains(got, "lock") {
		t.Errorf("the lock just written does not hold:\n%s", got)
	}
	h := opt.Catalog.Hardware["server.big"]
	h.Digest = rack.DigestOf("another")
	opt.Catalog.Hardware["server.big"] = h
	_, diags = Resolve(bp, opt)
	if got := say(diags); !strings.Contains(got, "(lock.digest)") || !diags.HasErrors() {
		t.Errorf("a changed catalog entry passes the lock:\n%s", got)
	}
}

func goldenFile(t testing.TB, name string) map[string][]byte {
	t.Helper()
	ar, err := txtar.ParseFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range ar.Files {
		out[f.Name] = f.Data
	}
	return out
}

func TestExplain(t *testing.T) {
	bp, _ := Parse(goldenFile(t, "repeat.txtar"))
	d, diags := Resolve(bp, Options{Catalog: goldenCatalog(), Now: today})
	if diags.HasErrors() {
		t.Fatal(say(diags))
	}
	x, _, ok := Explain(d, "a01-n1")
	if !ok || x.Address != `node.gpu["a01-n1"]` || x.Kind != "nodes" || x.Origin.Short() != "main.mw.hcl:36" {
		t.Fatalf("a01-n1: %+v", x)
	}
	got := map[string]string{}
	for _, l := range x.Leaves {
		got[l.Path] = fmt.Sprintf("%s %s %s %s", l.Value, l.Source, l.Origin.Short(), l.Detail)
	}
	for path, want := range map[string]string{
		"bios.attributes.Delay":       "240 blueprint main.mw.hcl:48 ",
		"bios.attributes.SriovGlobal": `"Enabled" catalog main.mw.hcl:47 hw.server.big profile training`,
		"role":                        `"worker" variable main.mw.hcl:40 var.role`,
		"on_destroy":                  `"keep" default  `,
		"position_u":                  "3 blueprint main.mw.hcl:39 ",
		`volumes["boot"].size_bytes`:  "1649267441664 blueprint main.mw.hcl:57 ",
		"firmware.baseline":           `"big/2026.11" derived main.mw.hcl:76 `,
	} {
		if got[path] != want {
			t.Errorf("%s: got %q, want %q", path, got[path], want)
		}
	}
	part, _, ok := Explain(d, `node.gpu["a01-n1"].bios.attributes`)
	if !ok || len(part.Leaves) != 3 {
		t.Errorf("a path below: %+v", part)
	}
	if _, near, ok := Explain(d, "node.gpu"); ok || !slices.Contains(near, `node.gpu["a02-n2"]`) {
		t.Errorf("node.gpu: near %v", near)
	}
	if _, near, ok := Explain(d, "site.bne2"); ok || !slices.Contains(near, "site.bne1") {
		t.Errorf("site.bne2: near %v", near)
	}
	for _, in := range []string{"", ".", "node", "\x00"} {
		Explain(d, in)
	}
}

func TestRunTests(t *testing.T) {
	bp, _ := Parse(goldenFile(t, "repeat.txtar"))
	opt := Options{Catalog: goldenCatalog(), Now: today}
	tests, diags := ParseTests("a.mwtest.hcl", []byte(`
run "passes" {
  variables { role = "storage" }
  assert {
    condition = node.gpu["a01-n1"].role == "storage" && output.used["a01"] == 22 && rack.row["a02"].used_u == 20
    message   = "wrong"
  }
  assert {
    condition = length(design.nodes) == 6 && design.nodes[0].bmc.username == "admin"
  }
}
run "fails" {
  assert {
    condition     = length(node.gpu) == 5
    error_message = "There are ${length(node.gpu)}."
  }
}
run "bring up" {
  bringup = true
  assert { condition = true }
}
run "expects" {
  expect_failures = [check.few]
}
run "expects too much" {
  expect_failures = [check.fits, "power.feed"]
}
run "typo" {
  variables { roll = 1 }
  assert { condition = node.gpuu == 1 }
}
run "undecided" {
  assert { condition = rack.row["a01"].peak_kw < 10 }
}
`))
	if len(diags) > 0 {
		t.Fatal(say(diags))
	}
	got := map[string]string{}
	for _, r := range RunTests(bp, tests, opt) {
		got[r.Name] = fmt.Sprintf("passed=%v pending=%v %s", r.Passed, r.Pending, say(r.Diags))
	}
	want := map[string]string{
		"passes": "passed=true pending=false ",
		"fails": "passed=false pending=false a.mwtest.hcl:14:21-14:42: error: Test failed: run \"fails\": There " +
			"are 4.\n",
		"bring up": "passed=true pending=true ",
		"expects":  "passed=true pending=false ",
		"expects too much": "passed=false pending=false a.mwtest.hcl:25:1-25:23: error: Expected failure is " +
			"missing: run \"expects too much\" " +
			"expects check.fits to fail; it did not.\na.mwtest.hcl:25:1-25:23: error: Expected failure is missing: " +
			"run \"expects too much\" " +
			"expects power.feed to fail; it did not.\n",
		"typo": "passed=false pending=false a.mwtest.hcl:28:1-28:11: error: Unknown variable: The blueprint has no " +
			"variable \"roll\". " +
			"Did you mean \"role\"?\n",
		"undecided": "passed=false pending=false a.mwtest.hcl:33:24-33:52: error: Test not decided: run " +
			"\"undecided\": a number that the " +
			"condition needs is unknown.\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	_, diags = ParseTests("b.mwtest.hcl", []byte("run \"a\" {}\nrun \"b\" {\n  asert { condition = 1 }\n  "+
		"expect_failures = [1]\n}\nrunn \"c\" {}\n"))
	text := say(diags)
	for _, part := range []string{"asserts nothing", `Did you mean "assert"?`, "What is expected to fail",
		`Did you mean "run"?`} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
}

// TestNoSecretShown: neither a Design nor a diagnostic shows the value of a sensitive variable or of a misplaced
// secret.
func TestNoSecretShown(t *testing.T) {
	const secret = "hunter2-Zq9"
	d, diags := resolveText(t, `
variable "pw" {
  sensitive = true
  default   = "`+secret+`"
  validation {
    condition     = length(var.pw) > 100
    error_message = "The password ${var.pw} is short."
  }
}
output "plain" { value = { a = [var.pw] } }
output "kept" {
  value     = var.pw
  sensitive = true
}
node "n" {
  hardware = hw.server.dell_r750
  at       = { rack = "r", u = 1 }
  role     = var.pw
  bmc {
    credential = "`+secret+`"
    username   = "x${var.pw}"
  }
  bios {
    attributes = { SetupPassword = var.pw }
  }
}
node "m" {
  for_each = toset([var.pw])
  hardware = hw.server.dell_r750
  at       = { rack = "r", u = 1 }
  bmc { credential = secret("`+secret+`") }
}
acceptance "a" {
  targets = node.n
  note    = var.pw
}
stack "s" {
  recipe = recipes.rke2_training["1.34"]
  component "c" { password = var.pw }
}
check "c" {
  assert  = var.pw == ""
  message = var.pw
}
`, options(t))
	raw, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte(secret)) {
		t.Errorf("the design shows it: %s", raw)
	}
	if text := say(diags); strings.Contains(text, secret) || !diags.HasErrors() {
		t.Errorf("a diagnostic shows it:\n%s", text)
	}
	if !slices.Equal(d.SensitiveOut, []string{"kept"}) {
		t.Errorf("sensitive outputs: %v", d.SensitiveOut)
	}
}

func TestVariablesFromOutside(t *testing.T) {
	const text = `
variable "s" { type = string }
variable "n" { type = number }
variable "l" { type = list(string) }
variable "m" { type = map(number) }
variable "o" { type = object({ a = number, b = optional(bool, true) }) }
variable "any" {}
variable "bare" {}
variable "expr" { type = any }
variable "word" { type = any }
output "all" { value = [var.s, var.n, var.l, var.m, var.o, var.any, var.bare, var.expr, var.word] }
`
	opt := options(t)
	opt.VariableFiles = map[string][]byte{"a.mwvars.hcl": []byte("s = \"from file\"\nn = 1\nl = [\"x\"]\nm = {}\no " +
		"= { a = 1 }\nany = 5\nz = 1\n"),
		"b.mwvars.hcl": []byte("n = 2\n")}
	opt.Variables = map[string]any{"s": "[plain]", "l": `["a", "b"]`, "m": map[string]any{"k": 3}, "any": []any{"t", true, json.Number("1.5")},
		"bare": "[1]", "expr": "[1]", "word": "a b"}
	d, diags := resolveText(t, text, opt)
	if diags.HasErrors() {
		t.Fatal(say(diags))
	}
	const want = `["[plain]",2,["a","b"],{"k":3},{"a":1,"b":true},["t",true,1.5],"[1]",[1],"a b"]`
	if got := string(d.Outputs["all"]); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := say(diags); !strings.Contains(got, `a.mwvars.hcl:7:1-7:2: warning: Unknown variable`) {
		t.Errorf("no warning for z:\n%s", got)
	}
}

// TestFunctions compares our own functions, and those whose Terraform form differs from cty's, with values worked out
// by hand.
func TestFunctions(t *testing.T) {
	for expr, want := range map[string]string{
		`cidrhost("10.20.8.0/22", 1023)`: `"10.20.11.255"`, `cidrhost("10.0.0.0/8", -1)`: `"10.255.255.255"`,
		`cidrhost("2001:db8::/64", 257)`: `"2001:db8::101"`, `cidrsubnet("172.16.0.0/12", 4, 2)`: `"172.18.0.0/16"`,
		`cidrsubnet("10.1.2.0/24", 4, 15)`:                `"10.1.2.240/28"`,
		`cidrsubnet("fd00:fd12:3456:7890::/56", 16, 162)`: `"fd00:fd12:3456:7800:a200::/72"`,
		`cidrnetmask("172.16.0.0/12")`:                    `"255.240.0.0"`, `jurisdiction("jp")`: `"JP"`,
		`alltrue([])`: `true`, `anytrue([])`: `false`, `alltrue([true, false])`: `false`, `anytrue(["true"])`: `true`,
		`sum([1, 2.5])`: `3.5`, `one([])`: `null`, `one(["x"])`: `"x"`, `index(["a", "b"], "b")`: `1`,
		`length("añb")`: `3`, `length({ a = 1 })`: `1`, `length([1, 2])`: `2`, `replace("a-b", "/[ab]/", "x")`: `"x-x"`,
		`replace("a.b", ".", "x")`: `"axb"`, `startswith("abc", "ab")`: `true`, `endswith("abc", "ab")`: `false`,
		`strcontains("abc", "b")`:          `true`,
		`sha256("")`:                       `"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`,
		`base64decode(base64encode("hé"))`: `"hé"`, `try(local.none.x, "z")`: `"z"`, `can(local.none["x"])`: `false`,
		`can(1 + "x")`:                      `false`,
		`format("%05.1f|%s", 3.14159, "x")`: `"003.1|x"`, `toset(["b", "a", "b"])`: `["a","b"]`,
		`join(",", sort(["b", "a"]))`: `"a,b"`,
	} {
		d, diags := resolveText(t, "locals {\n  none = {}\n}\noutput \"o\" { value = "+expr+" }\n", Options{})
		if got := string(d.Outputs["o"]); got != want || diags.HasErrors() {
			t.Errorf("%s: got %s, want %s\n%s", expr, got, want, say(diags))
		}
	}
	for _, expr := range []string{`cidrhost("10.0.0.0/30", 4)`, `cidrhost("x", 1)`, `cidrsubnet("10.0.0.0/30", 4, 0)`,
		`cidrsubnet("10.0.0.0/8", 2, 4)`,
		`jurisdiction("XX")`, `one([1, 2])`, `index(["a"], "b")`, `length(1)`, `sum(["x"])`, `secret("x")`,
		`nofunc(1)`, `"x${secret("env:A")}"`,
		`jsondecode("[1e99999]")`} {
		if _, diags := resolveText(t, "output \"o\" { value = "+expr+" }\n", Options{}); !diags.HasErrors() {
			t.Errorf("%s: no error", expr)
		}
	}
}

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		d    dimension
		text string
		want float64
	}{{sizeBytes, "200TiB", 200 << 40}, {sizeBytes, "1.5 kB", 1500}, {powerKW, "14.3kW", 14.3}, {powerKW, "500W", 0.5},
		{rateBps, "400Gb/s", 400e9}, {durationS, "30m", 1800}, {durationS, "250ms", 0.25}, {massKg, "1.36t", 1360}} {
		if got, err := c.d.parse(c.text); err != nil || got != c.want {
			t.Errorf("%s: got %v, %v; want %v", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{"", "TiB", "5", "-5TiB", "5tib", "0x5TiB", "1e3TiB", "5 kW", "5m", "NaNTiB",
		"InfTiB", "5TiB!"} {
		if got, err := sizeBytes.parse(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		have, want string
		fits       bool
	}{{"0.1.3", "~> 0.1", true}, {"0.2.0", "~> 0.1", true}, {"1.0.0", "~> 0.1", false}, {"0.1.3", "~> 0.1.2", true},
		{"0.2.0", "~> 0.1.2", false},
		{"2026.11.4", "2026.11.x", true}, {"2026.12.0", "2026.11.x", false}, {"1.2", ">= 1.2, < 1.3", true}, {"1.3",
			">= 1.2, < 1.3", false},
		{"1.2.0", "= 1.2", true}, {"1.2.1", "!= 1.2.1", false}, {"", "~> 9", true}, {"dev", "~> 9", true},
		{"v1.0.0-rc1", "1.0", true}} {
		if got, err := satisfies(c.have, c.want); got != c.fits || err != nil {
			t.Errorf("%s of %s: got %v, %v; want %v", c.have, c.want, got, err, c.fits)
		}
	}
	for _, bad := range []string{"", "x", "1.x.2", "~> 1.x", "=> 1", "1..2"} {
		if _, err := satisfies("1.0", bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

// TestGuard: text that would exhaust the stack or the memory is refused before it is parsed.
func TestGuard(t *testing.T) {
	deep := strings.Repeat
	for name, text := range map[string]string{
		"brackets": "locals {\n a = " + deep("[", 100_000) + "\n}\n", "parens": "locals {\n a = " + deep("(", 100_000),
		"braces": deep("a {\n", 50_000),
		"nots":   "locals {\n a = " + deep("!", 200_000) + "true\n}\n", "minus": "locals {\n a = " + deep("-",
			200_000) + "1\n}\n",
		"plus": "locals {\n a = 1" + deep("+1", 200_000) + "\n}\n", "lines": "locals {\n a = (1" + deep("\n+1",
			200_000) + ")\n}\n",
		"comments": "locals {\n a = 1" + deep("/**/+1", 100_000) + "\n}\n", "index": "locals {\n a = b" + deep("[0]",
			100_000) + "\n}\n",
		"dots": "locals {\n a = b" + deep(".c", 100_000) + "\n}\n", "splat": "locals {\n a = b" + deep(".*",
			100_000) + "\n}\n",
		"if": "locals {\n a = " + deep("true ? ", 100_000) + "\n}\n", "templates": "locals {\n a = " + deep("\"${",
			50_000) + "\n}\n",
		"for":    "locals {\n a = {for x in y:\n x => 1" + deep("\n+1", 200_000) + "}\n}\n",
		"number": "locals {\n a = 1e9999999\n}\n",
		"text":   "locals {\n a = \"1e9999999\" + 1\n}\n", "long": deep("#", maxFileBytes+1), "bom": "\xef\xbb\xbf",
		"nul":        "\x00\x00",
		"for in for": "locals {\n a = " + deep("[for x in range(1000) : ", 30) + "1" + deep("]", 30) + "\n}\n",
	} {
		_, diags := resolveText(t, text, Options{})
		if !diags.HasErrors() || strings.Contains(say(diags), bugSummary) {
			t.Errorf("%s: got\n%.300s", name, say(diags))
		}
	}
	many := map[string][]byte{}
	for i := range maxFiles + 1 {
		many[fmt.Sprintf("f%03d.mw.hcl", i)] = nil
	}
	if _, diags := Parse(many); !diags.HasErrors() {
		t.Error("too many files pass")
	}
	if _, diags := Parse(nil); !diags.HasErrors() {
		t.Error("no file passes")
	}
}

func TestChainTooDeep(t *testing.T) {
	var b strings.Builder
	b.WriteString("locals {\n  l0 = 1\n")
	for i := 1; i < 5000; i++ {
		fmt.Fprintf(&b, "  l%d = local.l%d\n", i, i-1)
	}
	b.WriteString("}\noutput \"o\" { value = local.l4999 }\n")
	_, diags := resolveText(t, b.String(), Options{})
	if got := say(diags); !strings.Contains(got, "References too deep") {
		t.Errorf("got\n%.300s", got)
	}
}

func TestMain(m *testing.M) { os.Exit(m.Run()) }
