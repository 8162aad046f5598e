package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// setupFormat is the version of a setup file.
const setupFormat = 1

// setupFile is the BIOS setup of one node after its last clean apply. Passwords are not in it: a BMC tells none.
type setupFile struct {
	Format     int             `json:"format"`
	Node       string          `json:"node"`
	BIOS       string          `json:"bios"` // its version
	Attributes rack.Attributes `json:"attributes"`
}

func (w *Workspace) setupPath(node string) string {
	return filepath.Join(w.opt.StateDir, "setups", node+".json")
}

// setups reads the setups of the nodes whose drift goes beyond what is declared. A missing file is no error: there was no clean
// apply yet, and the plan says so.
func (w *Workspace) setups() (map[string]rack.Attributes, error) {
	out := map[string]rack.Attributes{}
	for _, n := range w.Design.Nodes {
		if n.BIOS == nil || n.BIOS.Drift == nil || n.BIOS.Drift.Scope == rack.DriftDeclared {
			continue
		}
		var f setupFile
		b, err := os.ReadFile(w.setupPath(n.Name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(b, &f)
		}
		if err == nil && f.Format != setupFormat {
			err = fmt.Errorf("format %d, this version reads %d", f.Format, setupFormat)
		}
		if err != nil {
			return nil, step.Fail(step.Internal, fmt.Errorf("read the setup of %s after its last clean apply: %w", n.Name, cause(err)),
				"Remove "+w.setupPath(n.Name)+" to begin anew with the next clean apply.")
		}
		out[n.Name] = f.Attributes
	}
	return out, nil
}

// KeepSetups records the BIOS setup of every node of o whose drift goes beyond what is declared. It is for the end of a clean
// apply: a plan over o must have been empty and its report clean.
func (w *Workspace) KeepSetups(o rack.Observation) error {
	var all error
	for _, n := range w.Design.Nodes {
		if n.BIOS == nil || n.BIOS.Drift == nil || n.BIOS.Drift.Scope == rack.DriftDeclared {
			continue
		}
		dev, ok := o.Device(n.Name)
		if !ok {
			continue
		}
		host, ok := dev.Host()
		if !ok || host.BIOS == nil {
			continue
		}
		f := setupFile{Format: setupFormat, Node: n.Name, BIOS: host.BIOSVersion, Attributes: host.BIOS.Attributes}
		all = errors.Join(all, writeJSON(w.setupPath(n.Name), f))
	}
	if all != nil {
		return step.Fail(step.Internal, fmt.Errorf("keep the setups: %w", all), "Make room in "+w.opt.StateDir+".")
	}
	return nil
}
