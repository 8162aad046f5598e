package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/fabric"
	"github.com/metalwright/metalwright/internal/rack"
)

// maxTable bounds a file of neighbours: ibnetdiscover of 10,000 ports is about 2 MB.
const maxTable = 64 << 20

// ReadCables reads what files and folders tell of neighbours. What cannot be read is in Unread, never left out.
func ReadCables(paths []string) rack.Cables {
	var out rack.Cables
	for _, p := range paths {
		files, err := filesOf(p)
		if err != nil {
			out.Unread = append(out.Unread, rack.Gap{Address: p, Reason: cause(err).Error()})
		}
		if err == nil && len(files) == 0 {
			out.Unread = append(out.Unread, rack.Gap{Address: p, Reason: "the folder is empty"})
		}
		for _, f := range files {
			c, err := readTable(f)
			if err != nil {
				out.Unread = append(out.Unread, rack.Gap{Address: f, Reason: strings.TrimPrefix(err.Error(), f+": ")})
				continue
			}
			out.Seen, out.Read, out.Unread = append(out.Seen, c.Seen...), append(out.Read, c.Read...), append(out.Unread, c.Unread...)
		}
	}
	slices.Sort(out.Read)
	out.Read = slices.Compact(out.Read)
	return out
}

// filesOf lists a file, or the files of a folder and below, sorted; those whose name begins with a dot are not meant.
func filesOf(path string) ([]string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return []string{path}, nil
	}
	var out []string
	err = filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, p)
		}
		return err
	})
	return out, err
}

func readTable(file string) (rack.Cables, error) {
	b, err := readWhole(file)
	if err != nil {
		return rack.Cables{}, err
	}
	return fabric.Read(filepath.ToSlash(file), b)
}

// readWhole reads a file that is not too large to be what it should be.
func readWhole(file string) ([]byte, error) {
	st, err := os.Stat(file)
	if err != nil {
		return nil, cause(err)
	}
	if st.Size() > maxTable {
		return nil, fmt.Errorf("it has %d bytes; more than %d are not read", st.Size(), maxTable)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, cause(err)
	}
	return b, nil
}

// errNoFabric says that there is nothing to hold cables against.
var errNoFabric = errors.New("the blueprint has no fabric block, so no cable is planned")

// CableSources says whom to ask for neighbours, besides the files that the workspace was given.
type CableSources struct {
	BMCs     bool
	Switches bool // those that are bound
}

// errNoSwitch says that there is no switch to ask.
var errNoSwitch = errors.New("no switch is bound, so none can be asked: bind them in " + BindingsFile)

// VerifyCables holds what files and, when asked, BMCs and switches tell of neighbours against the fabrics. It changes nothing.
func (w *Workspace) VerifyCables(ctx context.Context, from CableSources, progress func(done, total int)) (fabric.Findings, rack.Cables, error) {
	if len(w.Design.Fabrics) == 0 {
		return fabric.Findings{}, rack.Cables{}, errNoFabric
	}
	if from.Switches && len(w.boundSwitches(nil)) == 0 {
		return fabric.Findings{}, rack.Cables{}, errNoSwitch
	}
	o := rack.Observation{}
	if from.BMCs {
		o = w.Survey(ctx, SurveyOptions{Progress: progress, Cables: true})
	} else {
		o.Cables = w.cables()
	}
	if from.Switches {
		c := w.SwitchCables(ctx)
		if o.Cables != nil {
			c.Seen, c.Read, c.Unread = append(o.Cables.Seen, c.Seen...), append(o.Cables.Read, c.Read...), append(o.Cables.Unread, c.Unread...)
		}
		o.Cables = &c
	}
	seen := fabric.Observed(w.Design, o)
	if from.BMCs {
		for _, g := range o.Gaps {
			if _, ok := o.Device(g.Address); !ok {
				seen.Unread = append(seen.Unread, rack.Gap{Address: g.Address, Path: g.Path, Reason: g.Reason})
			}
		}
	}
	return fabric.Verify(w.Design, seen), seen, ctx.Err()
}

// cables reads the files that the workspace was given, each time anew; nil without any.
func (w *Workspace) cables() *rack.Cables {
	if len(w.opt.LLDP) == 0 {
		return nil
	}
	c := ReadCables(w.opt.LLDP)
	return &c
}
