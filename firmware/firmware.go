// Package firmware knows versions, baselines and firmware packages: what is installed, what is wanted, and what a file holds.
//
// It is pure: bytes and observations in, values out. It never talks to a device and never opens a file of its own accord; the
// shipped baselines are embedded.
package firmware

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

//go:embed baselines
var shipped embed.FS

// Baselines decodes the shipped baselines, by key: "dell_r750/2026.11". An error is a bug in a shipped file.
func Baselines() (map[string]rack.Baseline, error) {
	out := map[string]rack.Baseline{}
	var all diag.List
	err := fs.WalkDir(shipped, "baselines", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || path.Ext(p) != ".hcl" {
			return err
		}
		src, err := fs.ReadFile(shipped, p)
		if err != nil {
			return err
		}
		b, diags := DecodeBaseline("firmware/"+p, src)
		all = append(all, diags...)
		if want := strings.TrimSuffix(strings.TrimPrefix(p, "baselines/"), ".hcl"); b.Key != want && !diags.HasErrors() {
			return fmt.Errorf("baseline %q stands in %s", b.Key, p)
		}
		out[b.Key] = b
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read shipped baselines: %w", err)
	}
	if err := all.Err(); err != nil {
		return nil, fmt.Errorf("read shipped baselines: %w", err)
	}
	return out, nil
}

// BaselineSources gives the text of the shipped baselines by the name that their diagnostics use.
func BaselineSources() map[string][]byte {
	out := map[string][]byte{}
	_ = fs.WalkDir(shipped, "baselines", func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			if src, err := fs.ReadFile(shipped, p); err == nil {
				out["firmware/"+p] = src
			}
		}
		return nil
	})
	return out
}

// simulated marks packages that only a simulated BMC accepts.
const simulated = "mwsim"

// SimulatedName is the package version string of an image for the simulator. No part may hold a colon.
func SimulatedName(hardware, component, version string) string {
	return strings.Join([]string{simulated, hardware, component, version}, ":")
}

// ParseSimulatedName reads what SimulatedName wrote.
func ParseSimulatedName(s string) (hardware, component, version string, ok bool) {
	parts := strings.Split(s, ":")
	if len(parts) != 4 || parts[0] != simulated || parts[1] == "" || parts[2] == "" || parts[3] == "" {
		return "", "", "", false
	}
	return parts[1], parts[2], parts[3], true
}
