package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/catalog"
	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/rack"
)

func newInit(a *app) *cobra.Command {
	var from string
	c := &cobra.Command{
		Use: "init [--from BLUEPRINT] DIR", GroupID: "blueprint", Short: "Start a blueprint from the catalog",
		Long: `Init copies a blueprint of the catalog into a new folder. Without --from it lists what the catalog has.` +
			codes(exitDone, exitError),
		Example: "  metalwright init\n  metalwright init --from hgx-h100-4node lab",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			cat, err := catalog.Load()
			if err != nil {
				return err
			}
			if from == "" {
				return a.listBlueprints(cat)
			}
			if len(args) == 0 {
				return errors.New("name the folder to create")
			}
			return a.initFrom(cat, from, args[0])
		},
	}
	c.Flags().StringVar(&from, "from", "", "name of a blueprint of the catalog")
	return c
}

func (a *app) initFrom(cat catalog.Catalog, from, dir string) error {
	files, ok := cat.Blueprints[from]
	if !ok {
		return fmt.Errorf("no blueprint %q in the catalog; it has %s.%s", from, strings.Join(cat.BlueprintNames(), ", "), diag.DidYouMean(from, cat.BlueprintNames()))
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s exists and is not empty; nothing was written", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	n := 0
	for _, name := range sortedKeys(files) {
		if strings.HasSuffix(name, ".golden.json") { // a test of the catalog, not a part of the blueprint
			continue
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
		n++
	}
	if err := os.WriteFile(filepath.Join(dir, ".gitignore"), []byte(engine.StateDir+"/\n"+engine.BindingsFile+"\n"), 0o644); err != nil {
		return err
	}
	return a.result(map[string]any{"dir": dir, "from": from, "files": n + 1},
		"created %s from %s (%s); next: metalwright validate %s", dir, from, count(n+1, "file"), dir)
}

func (a *app) listBlueprints(cat catalog.Catalog) error {
	type entry struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		Summary string `json:"summary"`
	}
	list := []entry{}
	for _, name := range cat.BlueprintNames() {
		e := entry{Name: name}
		if bp, diags := blueprint.Parse(cat.Blueprints[name]); bp != nil && !diags.HasErrors() {
			d, _ := blueprint.Resolve(bp, blueprint.Options{Catalog: cat})
			e.Version, e.Summary = d.Blueprint.Version, d.Blueprint.Summary
		}
		list = append(list, e)
		if !a.json {
			a.hang(fmt.Sprintf("%-20s %-6s ", e.Name, e.Version), e.Summary)
		}
	}
	if a.json {
		return a.printJSON(map[string]any{"format": 1, "blueprints": list})
	}
	return nil
}

func newValidate(a *app) *cobra.Command {
	var f workspaceFlags
	c := &cobra.Command{
		Use: "validate [DIR]", GroupID: "blueprint", Short: "Check a blueprint without touching anything",
		Long: "Validate parses and resolves a blueprint and runs every check that needs no hardware. All mistakes are told at once." +
			codes(exitDone, exitError),
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			w, diags, err := a.read(&f, args)
			if err != nil {
				return err
			}
			if a.json {
				return a.showValidated(w.Design, diags)
			}
			if err := a.report(diags, w.Sources); err != nil {
				return err
			}
			d := w.Design
			a.printf("✓ %s: %s in %s, design %s\n", strings.TrimSpace(d.Blueprint.Name+" "+d.Blueprint.Version), count(len(d.Nodes), "node"), count(len(d.Racks), "rack"), d.Digest().Short())
			return nil
		},
	}
	f.add(c)
	return c
}

// showValidated prints one document, whatever was found: what validate has to say is its product.
func (a *app) showValidated(d rack.Design, diags diag.List) error {
	doc := struct {
		Format      int         `json:"format"`
		Valid       bool        `json:"valid"`
		Design      rack.Digest `json:"design,omitempty"`
		Nodes       int         `json:"nodes"`
		Racks       int         `json:"racks"`
		Diagnostics diag.List   `json:"diagnostics"`
	}{Format: 1, Valid: !diags.HasErrors(), Diagnostics: append(diag.List{}, diags.Sorted()...)}
	if doc.Valid {
		doc.Design, doc.Nodes, doc.Racks = d.Digest(), len(d.Nodes), len(d.Racks)
	}
	if err := a.printJSON(doc); err != nil || doc.Valid {
		return err
	}
	return withCode(exitError, nil)
}

func newFmt(a *app) *cobra.Command {
	var check bool
	c := &cobra.Command{
		Use: "fmt [DIR | FILE ...]", GroupID: "blueprint", Short: "Format blueprint files in place",
		Long: "Fmt writes files in the standard form and keeps comments. With --check it writes nothing and ends with 1 when a file would change." +
			codes(exitDone, exitError),
		RunE: func(_ *cobra.Command, args []string) error {
			files, err := hclFiles(args)
			if err != nil {
				return err
			}
			changed := []string{}
			var all diag.List
			sources := map[string][]byte{}
			for _, path := range files {
				text, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				sources[path] = text
				out, diags := blueprint.Format(path, text)
				all = append(all, diags...)
				if diags.HasErrors() || bytes.Equal(out, text) {
					continue
				}
				changed = append(changed, path)
				if !a.json {
					a.printf("%s\n", path)
				}
				if !check {
					if err := os.WriteFile(path, out, 0o644); err != nil {
						return err
					}
				}
			}
			if err := a.report(all, sources); err != nil {
				return err
			}
			if a.json {
				if err := a.printJSON(map[string]any{"format": 1, "changed": changed}); err != nil {
					return err
				}
			}
			if check && len(changed) > 0 {
				return fmt.Errorf("%s not in standard form: run metalwright fmt", count(len(changed), "file"))
			}
			return nil
		},
	}
	c.Flags().BoolVar(&check, "check", false, "only say which files would change")
	return c
}

// hclFiles lists the HCL files that args name; folders stand for the ones directly in them.
func hclFiles(args []string) ([]string, error) {
	if len(args) == 0 {
		args = []string{"."}
	}
	var out []string
	for _, arg := range args {
		st, err := os.Stat(arg)
		if err != nil {
			return nil, err
		}
		if !st.IsDir() {
			out = append(out, arg)
			continue
		}
		found, err := filepath.Glob(filepath.Join(arg, "*.hcl"))
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

func newExpand(a *app) *cobra.Command {
	var f workspaceFlags
	c := &cobra.Command{
		Use: "expand [DIR]", GroupID: "blueprint", Short: "Print the Design: everything that is wanted, resolved",
		Long: "Expand lists every element of the Design. With --json it prints the whole Design with the origin of each value; the same blueprint gives the same bytes." +
			codes(exitDone, exitError),
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			w, err := a.load(&f, args)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(w.Design)
			}
			d := w.Design
			for _, s := range d.Sites {
				a.printf("%-40s %s\n", s.Address, s.Country)
			}
			for _, r := range d.Racks {
				a.printf("%-40s %s\n", r.Address, r.Model)
			}
			for _, n := range d.Nodes {
				a.printf("%-40s %s at %s U%d\n", n.Address, strings.TrimPrefix(n.Hardware, "server."), n.Rack, n.PositionU)
			}
			for _, s := range d.Firmware {
				a.printf("%-40s baseline %s for %s\n", s.Address, s.Baseline, count(len(s.Targets), "node"))
			}
			for _, o := range d.OS {
				a.printf("%-40s %s for %s\n", o.Address, o.Image, count(len(o.Targets), "node"))
			}
			for _, e := range d.Switches {
				a.printf("%-40s %s at %s U%d\n", e.Address, strings.TrimPrefix(e.Hardware, "switch."), e.Rack, e.PositionU)
			}
			for _, e := range d.PowerShelves {
				a.printf("%-40s %s at %s U%d, feeds %s\n", e.Address, strings.TrimPrefix(e.Hardware, "shelf."), e.Rack, e.PositionU,
					count(len(d.NodesOn(e)), "node"))
			}
			for _, e := range d.Fabrics {
				a.printf("%-40s %s, %s to %s\n", e.Address, strings.TrimPrefix(e.Design, "fabric."), count(len(e.Links), "cable"), count(len(e.Attach), "node"))
			}
			for _, e := range d.Unplanned {
				a.printf("%-40s %s, not planned by this version\n", e.Address, e.Kind)
			}
			return nil
		},
	}
	f.add(c)
	return c
}

func newExplain(a *app) *cobra.Command {
	var f workspaceFlags
	c := &cobra.Command{
		Use: "explain ADDRESS", GroupID: "blueprint", Short: "Say who set each value of an element",
		Long:    "Explain prints every value below an address with the file and line, or the catalog entry, that it comes from." + codes(exitDone, exitError),
		Example: "  metalwright explain 'node.gpu[\"a01-n1\"]'\n  metalwright explain a01-n1 -C lab",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			w, err := a.load(&f, nil)
			if err != nil {
				return err
			}
			e, near, ok := blueprint.Explain(w.Design, args[0])
			if !ok {
				hint := ""
				if len(near) > 0 {
					hint = "; near are " + strings.Join(near, ", ")
				}
				return fmt.Errorf("nothing has the address %s%s", args[0], hint)
			}
			if a.json {
				return a.printJSON(e)
			}
			a.printf("%s\n", e.Address)
			for _, l := range e.Leaves {
				from := strings.TrimSpace(strings.Join([]string{l.Source, l.Detail, l.Origin.Short()}, " "))
				line := fmt.Sprintf("  %-44s = %-24s", l.Path, l.Value)
				if a.tty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(from) > a.columns() {
					a.printf("  %s = %s\n", l.Path, l.Value)
					a.wrap("      ", from)
					continue
				}
				a.printf("%s %s\n", line, from)
			}
			return nil
		},
	}
	f.add(c)
	return c
}

func newTest(a *app) *cobra.Command {
	var f workspaceFlags
	var noBringUp bool
	c := &cobra.Command{
		Use: "test [DIR]", GroupID: "blueprint", Short: "Run the tests of a blueprint (*.mwtest.hcl)",
		Long: `Test runs each run block against the Design; with bringup = true also against a simulated rack of that very blueprint: plan, apply, and a
second plan that must be empty.` + codes(exitDone, exitError),
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			w, err := a.load(&f, args)
			if err != nil {
				return err
			}
			if len(w.Tests) == 0 {
				return fmt.Errorf("no run block in %s: tests are files that end in .mwtest.hcl", w.Dir)
			}
			failed := 0
			results := w.RunTests()
			for i, r := range results {
				if r.Pending && !noBringUp {
					results[i] = w.BringUp(c.Context(), r)
				}
				r = results[i]
				if !r.Passed && !r.Pending {
					failed++
				}
				if !a.json {
					a.showTest(r, w.Sources)
				}
			}
			if a.json {
				if err := a.printJSON(map[string]any{"format": 1, "results": results}); err != nil {
					return err
				}
			} else {
				a.printf("%d passed, %d failed\n", len(results)-failed, failed)
			}
			if failed > 0 {
				return withCode(exitError, nil)
			}
			return nil
		},
	}
	f.add(c)
	c.Flags().BoolVar(&noBringUp, "no-bringup", false, "skip what needs a simulated rack, and say so")
	return c
}

func (a *app) showTest(r blueprint.TestResult, sources map[string][]byte) {
	word := "✓"
	switch {
	case r.Pending:
		word = "- not brought up:"
	case !r.Passed:
		word = "✗"
	}
	a.printf("%s %s\n", word, r.Name)
	if len(r.Diags) > 0 {
		_ = diag.Render(a.Err, r.Diags, diag.RenderOptions{Sources: sources, Color: a.errColor, Width: a.columns()})
	}
}
