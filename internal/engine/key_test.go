package engine_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/sim"
)

// TestKeyIsNowhere: a controller gets its key from a reference, an encrypted volume is made with it, and the key stands in no plan,
// journal, record or log; nor does one that could not be sent.
func TestKeyIsNowhere(t *testing.T) {
	const key = "Correct-Horse-Battery-7"
	disks := `  disks {
    key "BOSS" {
      id  = "site-7"
      key = secret("file:raid.key")
    }
    volume "boot" {
      raid      = "RAID1"
      encrypted = true
      drives {
        count      = 2
        controller = "BOSS"
      }
    }
  }
`
	for name, faults := range map[string][]string{"quiet": nil, "some requests and answers are lost": {"http503,reset,lost-answer"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, siteText+nodeText("dell", "dell_r750", 1, disks), sim.Options{Faults: faults})
				if got, err := d.apply(t.Context(), engine.ApplyOptions{}); err == nil && got.Settled {
					t.Error("done without a key")
				}
				d.write("raid.key", key+"\n")
				got, err := d.apply(t.Context(), engine.ApplyOptions{})
				d.settled(got, err)
				tr := d.rack.BMC("dell").Truth()
				sum := sha256.Sum256([]byte(key))
				if len(tr.Volumes) != 1 || !tr.Volumes[0].Encrypted || tr.Keys["RAID.SL.3-1"] != (sim.KeyTruth{ID: "site-7", Sum: hex.EncodeToString(sum[:])}) {
					t.Errorf("volumes %+v, keys %+v", tr.Volumes, tr.Keys)
				}
				err = filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
					if err != nil || e.IsDir() || filepath.Base(path) == "raid.key" {
						return err
					}
					text, err := os.ReadFile(path)
					if bytes.Contains(text, []byte(key)) {
						t.Errorf("the key stands in %s", path)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
				if bytes.Contains(d.said.Bytes(), []byte(key)) {
					t.Error("the key was logged")
				}
			})
		})
	}
}
