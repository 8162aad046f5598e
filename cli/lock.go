package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/engine"
)

func newLock(a *app) *cobra.Command {
	var f workspaceFlags
	var check bool
	c := &cobra.Command{
		Use: "lock [DIR]", GroupID: "blueprint", Short: "Pin what a blueprint takes from the catalog: metalwright.lock.hcl",
		Long: `Lock writes the digest of every hardware entry, baseline, policy and image that the blueprint uses. From then on every command refuses a
catalog that holds something else under the same name. With --check it writes nothing and ends with 1 when the file would change.` +
			codes(exitDone, exitError),
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := f.dir
			if len(args) > 0 {
				dir = args[0]
			}
			path := filepath.Join(dir, engine.LockFile)
			old, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			f.unlocked = !check
			w, err := a.load(&f, args)
			if err != nil {
				return err
			}
			text := blueprint.WriteLock(w.Design)
			if bytes.Equal(text, old) {
				return a.result(map[string]any{"file": path, "changed": false}, "= %s pins what the blueprint uses", path)
			}
			if check {
				return fmt.Errorf("%s does not pin what the blueprint uses: run metalwright lock%s", path, dirArg(dir))
			}
			if err := os.WriteFile(path, text, 0o644); err != nil {
				return err
			}
			return a.result(map[string]any{"file": path, "changed": true}, "✓ wrote %s", path)
		},
	}
	f.add(c)
	c.Flags().BoolVar(&check, "check", false, "only say whether the file would change")
	return c
}
