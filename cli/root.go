// Package cli is the command line: it parses flags, calls the engine and renders what comes back. No rule of the domain lives
// here. Standard output is the product, standard error the conversation.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/step"
)

// The exit codes of every command.
const (
	exitDone        = 0   // done
	exitError       = 1   // error or bad usage
	exitChanges     = 2   // changes pending, only where asked for
	exitStopped     = 3   // stopped part-way, resumable
	exitMoved       = 4   // a device moved: plan again
	exitInternal    = 70  // a bug in Metalwright
	exitInterrupted = 130 // interrupted
)

// Streams are the ends of the conversation.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// exit is an error that carries its exit code. A nil err says nothing more.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// withCode gives err an exit code.
func withCode(code int, err error) error { return &exit{code: code, err: err} }

// app is what every command shares.
type app struct {
	Streams
	color bool // on standard output
	tty   bool
	// errColor is that of standard error, which may go elsewhere.
	errColor bool

	width  int // of the terminal, in columns; 80 elsewhere
	height int // in lines
	json   bool

	gentle atomic.Bool   // the command finishes what is under way after the first interrupt
	stop   chan struct{} // closed by the first interrupt
}

// listen turns interrupts into a.stop and, at the second one or when the command is not gentle, into cancel.
func (a *app) listen(cancel context.CancelFunc) (undo func()) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for first := true; ; first = false {
			select {
			case <-done:
				return
			case <-signals:
			}
			if first {
				close(a.stop)
			}
			if !first || !a.gentle.Load() {
				cancel()
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}

// Main runs one command and returns its exit code. It may be called several times in one process.
func Main(args []string, s Streams) (code int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(s.Err, "metalwright: internal error: %v. This is a bug in Metalwright.\n%s", r, debug.Stack())
			code = exitInternal
		}
	}()
	a := &app{Streams: s, width: 80, height: 24, stop: make(chan struct{})}
	defer a.listen(cancel)()
	if f, ok := s.Out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		a.tty = true
		a.color = os.Getenv("NO_COLOR") == ""
		if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 0 {
			a.width, a.height = w, h
		}
	}
	if f, ok := s.Err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		a.errColor = os.Getenv("NO_COLOR") == ""
	}
	root := newRoot(a)
	root.SetArgs(twoDashes(root, args))
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := root.ExecuteContext(ctx)
	return a.finish(ctx, err)
}

// twoDashes lets long flags be written with one dash, as Terraform's are: -out FILE.
func twoDashes(root *cobra.Command, args []string) []string {
	out := slices.Clone(args)
	for i, arg := range out {
		if arg == "--" {
			break
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		if strings.HasPrefix(arg, "-") && len(name) > 1 && hasFlag(root, name) {
			out[i] = "-" + arg
		}
	}
	return out
}

func hasFlag(c *cobra.Command, name string) bool {
	return c.Flags().Lookup(name) != nil || c.PersistentFlags().Lookup(name) != nil ||
		slices.ContainsFunc(c.Commands(), func(s *cobra.Command) bool { return hasFlag(s, name) })
}

// finish prints err once and gives its exit code.
func (a *app) finish(ctx context.Context, err error) int {
	if err == nil {
		return exitDone
	}
	code := exitError
	var e *exit
	switch {
	case errors.As(err, &e):
		code = e.code
		if e.err == nil {
			return code
		}
	case step.ClassOf(err) == step.HasMoved:
		code = exitMoved
	case ctx.Err() != nil:
		code = exitInterrupted
	}
	fmt.Fprintf(a.Err, "metalwright: %v\n", err)
	if advice := step.AdviceOf(err); advice != "" {
		fmt.Fprintf(a.Err, "metalwright: %s\n", strings.TrimSuffix(advice, "."))
	}
	return code
}

// newRoot builds the command tree.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "metalwright",
		Short: "Infrastructure as code for AI factories",
		Long: `Metalwright turns HCL blueprints into bare-metal GPU racks that work, inside the jurisdiction they must stay in.
It plans before it touches hardware, brings a rack up with the fewest resets, and signs the evidence.` +
			codes(exitDone, exitError, exitChanges, exitStopped, exitMoved, exitInternal, exitInterrupted) +
			"\n\nEach command's help says which of them it can end with.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON: one document, or one event a line")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddGroup(
		&cobra.Group{ID: "blueprint", Title: "Blueprints:"},
		&cobra.Group{ID: "rack", Title: "Racks:"},
		&cobra.Group{ID: "find", Title: "Finding and reading:"},
		&cobra.Group{ID: "hand", Title: "By hand:"},
		&cobra.Group{ID: "record", Title: "Records:"},
		&cobra.Group{ID: "lab", Title: "Simulation:"},
	)
	for _, c := range commands(a) {
		root.AddCommand(c)
	}
	root.SetUsageTemplate(strings.NewReplacer(".FlagUsages", ".FlagUsagesWrapped 80", " for more information about a command", " for more").
		Replace(root.UsageTemplate()))
	finishHelp(root)
	return root
}

// finishHelp brings help to 80 columns, and makes a group of commands refuse a word that is none of them.
func finishHelp(c *cobra.Command) {
	if c.Long == "" {
		c.Long = c.Short + "."
	}
	if !strings.Contains(c.Long, "Exit codes:") {
		c.Long += codes(exitDone, exitError)
	}
	c.Long = reflow(c.Long, 80)
	if c.HasParent() && c.HasSubCommands() {
		c.Args = cobra.ArbitraryArgs
		c.RunE = func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			var names []string
			for _, s := range c.Commands() {
				names = append(names, s.Name())
			}
			return fmt.Errorf("unknown command %q for %q; it has %s.%s", args[0], c.CommandPath(), strings.Join(names, ", "), diag.DidYouMean(args[0], names))
		}
	}
	for _, s := range c.Commands() {
		finishHelp(s)
	}
}

// reflow wraps the paragraphs of a text; lines that begin with a space stay as they are.
func reflow(text string, width int) string {
	var out []string
	for _, par := range strings.Split(text, "\n\n") {
		if strings.Contains(par, "\n ") {
			out = append(out, par)
			continue
		}
		out = append(out, strings.Join(wrapped(par, width), "\n"))
	}
	return strings.Join(out, "\n\n")
}

// say writes one line of conversation: lower case, no final period.
func (a *app) say(format string, args ...any) {
	fmt.Fprintf(a.Err, "metalwright: "+format+"\n", args...)
}

// printf writes to the product.
func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.Out, format, args...) }

// printJSON writes v as indented JSON to the product.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.Out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// result is the last word of a command that has only one: a line for a person, or a document of the same facts.
func (a *app) result(facts map[string]any, format string, args ...any) error {
	if !a.json {
		a.printf(format+"\n", args...)
		return nil
	}
	facts["format"] = 1
	return a.printJSON(facts)
}

// event writes v as one line of JSON to the product.
func (a *app) event(v any) error {
	enc := json.NewEncoder(a.Out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// report renders diagnostics to standard error and returns an error when one of them is an error.
func (a *app) report(l diag.List, sources map[string][]byte) error {
	if len(l) == 0 {
		return nil
	}
	if a.json {
		type doc struct {
			Format      int       `json:"format"`
			Diagnostics diag.List `json:"diagnostics"`
		}
		enc := json.NewEncoder(a.Err)
		if err := enc.Encode(doc{1, l}); err != nil {
			return err
		}
	} else if err := diag.Render(a.Err, l.Sorted(), diag.RenderOptions{Sources: sources, Color: a.errColor, Width: a.columns()}); err != nil {
		return err
	}
	if l.HasErrors() {
		return withCode(exitError, nil)
	}
	return nil
}

// codes ends a command's long help with the exit codes it can return.
func codes(which ...int) string {
	text := map[int]string{
		exitDone: "done", exitError: "error or bad usage", exitChanges: "changes pending", exitStopped: "stopped part-way, resumable",
		exitMoved: "a device moved: plan again", exitInternal: "internal error", exitInterrupted: "interrupted",
	}
	var b strings.Builder
	b.WriteString("\n\nExit codes:")
	for _, c := range which {
		fmt.Fprintf(&b, "\n  %d  %s", c, text[c])
	}
	return b.String()
}
