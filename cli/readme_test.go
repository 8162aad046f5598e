package cli

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme does what the README shows: it writes its blueprint, runs its commands against the simulator, and compares what they
// print. In the README … stands for any text, and on a line of its own for any lines.
func TestReadme(t *testing.T) {
	if testing.Short() {
		t.Skip("brings four simulated nodes up")
	}
	t.Parallel()
	for _, b := range runPage(t, "../README.md", 4) {
		if lines := strings.Count(b.text, "\n"); lines > 12 {
			t.Errorf("the blueprint of the README has %d lines, want at most 12", lines)
		}
	}
}

// runPage writes the blueprint files that a page shows into a new folder and runs its commands there, at least so many. It gives
// the files.
func runPage(t *testing.T, page string, least int) (files []block) {
	t.Helper()
	return runPageIn(t, t.TempDir(), page, least)
}

// runPageIn is runPage in a folder that holds what the page takes for given.
func runPageIn(t *testing.T, dir, page string, least int) (files []block) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, b := range blocks(string(text)) {
		switch b.language {
		case "hcl":
			files = append(files, b)
			path := filepath.Join(dir, b.file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(b.text), 0o644); err != nil {
				t.Fatal(err)
			}
		case "console":
			for _, c := range transcript(b.text) {
				n++
				runTranscript(t, dir, c)
			}
		}
	}
	if n < least {
		t.Errorf("%s ran only %d commands", page, n)
	}
	return files
}

type block struct{ language, file, text string }

var (
	fenced = regexp.MustCompile("(?ms)^(?:`([^`\n]+)`:\n\n)?```(\\w+)\n(.*?)^```$")
	elided = regexp.MustCompile(`(?m)^…\n`)
)

func blocks(markdown string) []block {
	var out []block
	for _, m := range fenced.FindAllStringSubmatch(markdown, -1) {
		out = append(out, block{language: m[2], file: m[1], text: m[3]})
	}
	return out
}

type command struct {
	words      []string
	background bool
	want       string
}

// transcript splits a console block into commands and what each prints.
func transcript(text string) []command {
	var out []command
	for _, part := range strings.Split("\n"+text, "\n$ ")[1:] {
		line, want, _ := strings.Cut(part, "\n")
		c := command{words: strings.Fields(line), want: want}
		if want != "" && !strings.HasSuffix(want, "\n") {
			c.want += "\n"
		}
		if c.words[len(c.words)-1] == "&" {
			c.words, c.background = c.words[:len(c.words)-1], true
		}
		out = append(out, c)
	}
	return out
}

// pattern makes a regular expression of what a transcript shows.
func pattern(want string) *regexp.Regexp {
	const lines, text = "\x00", "\x01"
	s := elided.ReplaceAllString(want, lines)
	s = regexp.QuoteMeta(strings.ReplaceAll(s, "…", text))
	s = strings.ReplaceAll(strings.ReplaceAll(s, lines, `(?:[^\n]*\n)*?`), text, `[^\n]*`)
	return regexp.MustCompile(`^` + s + `$`)
}

func runTranscript(t *testing.T, dir string, c command) {
	t.Helper()
	if c.words[0] != "metalwright" {
		t.Fatalf("the README runs %s; only metalwright can be run here", c.words[0])
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, c.words[0], c.words[1:]...)
	cmd.Dir = dir
	if !c.background {
		defer cancel()
		got, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(c.words, " "), err, got)
		}
		if !pattern(c.want).Match(got) {
			t.Errorf("%s is shown as\n%s\nand prints\n%s", strings.Join(c.words, " "), c.want, got)
		}
		return
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	var got bytes.Buffer
	for buf := make([]byte, 1); !pattern(c.want).Match(got.Bytes()); {
		n, err := out.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			t.Fatalf("%s is shown as\n%s\nand prints\n%s", strings.Join(c.words, " "), c.want, got.String())
		}
	}
}

// TestReadmeCommands: the two commands of the README are targets of the makefile, and the second is what CI runs.
func TestReadmeCommands(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var commands []string
	for _, b := range blocks(read("README.md")) {
		if b.language == "sh" {
			commands = append(commands, strings.Split(strings.TrimSpace(b.text), "\n")...)
		}
	}
	if len(commands) != 2 || !strings.Contains(commands[0], "# the demo:") || !strings.Contains(commands[1], "# the test command:") {
		t.Fatalf("a newcomer is given %q, want the demo and the test command", commands)
	}
	makefile, ci := read("GNUmakefile"), read(".ci/run")
	for i, line := range commands {
		word, _, _ := strings.Cut(line, "#")
		word = strings.TrimSpace(word)
		target := strings.TrimPrefix(word, "make ")
		if !strings.Contains(makefile, "\n"+target+": ##") {
			t.Errorf("the makefile has no target for %q", word)
		}
		if i == 1 && !strings.Contains(ci, "\n"+word+"\n") {
			t.Errorf(".ci/run does not run %q", word)
		}
	}
}

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		want, got string
		matches   bool
	}{
		{"a\n…\nz\n", "a\nb\nc\nz\n", true},
		{"a\n…\nz\n", "a\nz\n", true},
		{"a\n…\nz\n", "a\nb\n", false},
		{"took … s\n", "took 4.1 s\n", true},
		{"took … s\n", "took 4.1 min\n", false},
		{"a\n", "a\nb\n", false},
		{"(a)\n", "(a)\n", true},
	} {
		if pattern(c.want).MatchString(c.got) != c.matches {
			t.Errorf("%q against %q: want %v", c.want, c.got, c.matches)
		}
	}
}
