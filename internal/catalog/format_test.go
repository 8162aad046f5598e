package catalog_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclwrite"
)

// TestFormatGolden holds every HCL file of the catalog in its one form; with -update it brings it there.
func TestFormatGolden(t *testing.T) {
	for _, dir := range []string{"blueprints", "firmware/baselines"} {
		err := filepath.WalkDir(filepath.Join(repo, dir), func(p string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(p, ".hcl") {
				return err
			}
			src, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			want := hclwrite.Format(src)
			if bytes.Equal(src, want) {
				return nil
			}
			if *update {
				return os.WriteFile(p, want, 0o644)
			}
			t.Errorf("%s is not formatted (run the test with -update)", p)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
