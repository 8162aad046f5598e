package cli

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/engine"
)

// workspaceFlags are the flags of every command that loads a blueprint.
type workspaceFlags struct {
	dir      string
	vars     []string
	varFiles []string
	operator string
	debug    bool
	tell     bool // how many warnings there are: the command is about what the blueprint asks for
	mirror   string
	lldp     []string // files and folders of neighbours
	unlocked bool     // the lock file is about to be written anew: it is not held against the catalog
}

func (f *workspaceFlags) add(c *cobra.Command) {
	c.Flags().StringVarP(&f.dir, "dir", "C", ".", "folder of the blueprint")
	c.Flags().StringArrayVar(&f.vars, "var", nil, "set an input variable: NAME=VALUE (may be repeated)")
	c.Flags().StringArrayVar(&f.varFiles, "var-file", nil, "file of NAME = value lines (may be repeated)")
	c.Flags().StringVar(&f.operator, "operator", "", "who acts, for leases and the journal (default: your user name)")
	c.Flags().BoolVar(&f.debug, "debug", false, "log every request to standard error, without secrets")
}

// addLLDP adds the flag of commands that hold cables against the plan.
func (f *workspaceFlags) addLLDP(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.lldp, "lldp", nil, "file or folder of neighbours: lldpctl, SONiC, NetQ, ibnetdiscover … (may be repeated)")
}

// read loads the blueprint in the folder that args or --dir names, with what is wrong with it.
func (a *app) read(f *workspaceFlags, args []string) (*engine.Workspace, diag.List, error) {
	dir := f.dir
	if len(args) > 0 {
		dir = args[0]
	}
	opt := a.options(f, dir)
	for _, v := range f.vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return nil, nil, fmt.Errorf("--var %q: want NAME=VALUE", v)
		}
		opt.Variables[name] = value
	}
	w, diags := engine.Load(opt)
	return w, diags, nil
}

// options are those of the flags; variables are not among them.
func (a *app) options(f *workspaceFlags, dir string) engine.Options {
	opt := engine.Options{Dir: dir, VarFiles: f.varFiles, Variables: map[string]any{}, Operator: f.operator, Mirror: f.mirror, IgnoreLock: f.unlocked, LLDP: f.lldp}
	opt.Log = slog.New(warner{a, &sync.Mutex{}})
	if f.debug {
		opt.Log = slog.New(slog.NewTextHandler(a.Err, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return opt
}

// load reads the blueprint and reports what is wrong with it.
func (a *app) load(f *workspaceFlags, args []string) (*engine.Workspace, error) {
	w, diags, err := a.read(f, args)
	if err != nil {
		return nil, err
	}
	if !diags.HasErrors() {
		if n := len(diags); n > 0 && f.tell && !a.json {
			a.say("%s about the blueprint; metalwright validate%s shows them", count(n, "warning"), dirArg(w.Dir))
		}
		diags = nil
	}
	return w, a.report(diags, w.Sources)
}
