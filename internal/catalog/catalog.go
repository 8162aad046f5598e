// Package catalog decodes the embedded catalog into the values that blueprints refer to: hw, fw, policies, profiles, images, recipes.
//
// Everything here is data with a source. What nobody knows stays absent, and a number that was not read in a vendor's own
// document or reported by a device says so (Number.Verified).
package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclparse"

	"github.com/metalwright/metalwright/blueprints"
	"github.com/metalwright/metalwright/firmware"
	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/residency"
)

// Catalog is everything that ships. It is read only: callers share it.
type Catalog struct {
	Hardware  map[string]rack.Hardware     // by key: server.dell_r750
	Baselines map[string]rack.Baseline     // by key: dell_r750/2026.11
	Policies  map[string]residency.Profile // by key: au.strategic; parents merged in

	BIOSIntents  map[string]rack.BIOSIntentDef // by name: sr_iov
	BIOSProfiles map[string]rack.BIOSProfile   // by name: training; they fit every platform

	Images     map[string]Image             // by key: ubuntu_24_04_gpu/2026.11
	Recipes    map[string]Recipe            // by key: rke2_training/1.34
	Blueprints map[string]map[string][]byte // by name, then by path within the blueprint
	Sources    map[string][]byte            // text of the catalog's own files by name, for snippets
}

// Image is a host OS image. Its URL is the artifacts endpoint of a site, a slash and Path.
type Image struct {
	Key     string      `json:"key"`
	Name    string      `json:"name"`
	Version string      `json:"version"`
	Path    string      `json:"path"`
	Summary string      `json:"summary,omitempty"`
	Digest  rack.Digest `json:"digest"` // of the catalog file
}

// Recipe is a stack that can be handed over on top. This version only names it.
type Recipe struct {
	Key     string      `json:"key"`
	Name    string      `json:"name"`
	Version string      `json:"version"`
	Summary string      `json:"summary,omitempty"`
	Digest  rack.Digest `json:"digest"`
}

// Load decodes the embedded catalog. An error is a bug in the catalog: a test of this package loads it.
func Load() (Catalog, error) {
	c := Catalog{
		Hardware: map[string]rack.Hardware{}, Policies: map[string]residency.Profile{}, Images: map[string]Image{},
		BIOSIntents: map[string]rack.BIOSIntentDef{}, BIOSProfiles: map[string]rack.BIOSProfile{},
		Recipes: map[string]Recipe{}, Blueprints: map[string]map[string][]byte{}, Sources: map[string][]byte{},
	}
	base, err := firmware.Baselines()
	if err != nil {
		return Catalog{}, fmt.Errorf("load catalog: %w", err)
	}
	c.Baselines = base
	maps.Copy(c.Sources, firmware.BaselineSources())
	var all diag.List
	err = fs.WalkDir(blueprints.FS, ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		src, err := fs.ReadFile(blueprints.FS, p)
		if err != nil {
			return err
		}
		all = append(all, c.add(p, src)...)
		return nil
	})
	if err != nil {
		return Catalog{}, fmt.Errorf("load catalog: %w", err)
	}
	all = append(all, c.checkProfiles()...)
	merged, diags := residency.Merge(c.Policies)
	c.Policies = merged
	all = append(all, diags...)
	if err := all.Err(); err != nil {
		return Catalog{}, fmt.Errorf("load catalog: %w", err)
	}
	return c, nil
}

// BlueprintNames lists the blueprints a person can start from, sorted.
func (c Catalog) BlueprintNames() []string { return slices.Sorted(maps.Keys(c.Blueprints)) }

// add files one file of the catalog under what it is.
func (c Catalog) add(p string, src []byte) diag.List {
	top, rest, _ := strings.Cut(p, "/")
	if !slices.Contains(blueprints.Reserved, top) {
		if strings.HasSuffix(rest, ".golden.json") {
			return nil // for tests of the catalog, not for the person who starts from it
		}
		if c.Blueprints[top] == nil {
			c.Blueprints[top] = map[string][]byte{}
		}
		c.Blueprints[top][rest] = src
		return nil
	}
	if path.Ext(p) != ".hcl" {
		return nil
	}
	name := "catalog/" + p
	c.Sources[name] = src
	switch top {
	case "bios":
		return c.addBIOS(name, src)
	case "hardware":
		entries, diags := DecodeHardware(name, src)
		for _, h := range entries {
			if _, twice := c.Hardware[h.Key]; twice {
				diags = append(diags, clash(name, h.Key))
			}
			c.Hardware[h.Key] = h
		}
		return diags
	case "policies":
		policies, diags := residency.DecodeProfiles(name, src)
		for _, pol := range policies {
			if _, twice := c.Policies[pol.Key]; twice {
				diags = append(diags, clash(name, pol.Key))
			}
			c.Policies[pol.Key] = pol
		}
		return diags
	default:
		return c.addParts(name, src)
	}
}

// addParts reads images and recipes.
func (c Catalog) addParts(name string, src []byte) diag.List {
	f, hd := hclparse.NewParser().ParseHCL(src, name)
	d := &decoder{digest: digestOf(src), diags: diag.FromHCL(hd)}
	if f == nil {
		return d.diags
	}
	for _, b := range d.blocks(f.Body, map[string][]string{"image": {"name", "version"}, "recipe": {"name", "version"}}) {
		spec := blockSpec{"path": text, "summary": text}
		if b.Type == "recipe" {
			spec = blockSpec{"summary": text}
		}
		v := d.block(b, spec)
		key := b.Labels[0] + "/" + b.Labels[1]
		if b.Type == "image" {
			c.Images[key] = Image{Key: key, Name: b.Labels[0], Version: b.Labels[1], Path: v.text("path"),
				Summary: v.text("summary"), Digest: d.digest}
			continue
		}
		c.Recipes[key] = Recipe{Key: key, Name: b.Labels[0], Version: b.Labels[1], Summary: v.text("summary"),
			Digest: d.digest}
	}
	return d.diags
}

func clash(file, key string) diag.Diagnostic {
	return diag.Diagnostic{Severity: diag.Error, Summary: "Catalog key twice", Detail: file + ": " + key +
		" stands in another file as well."}
}

func digestOf(src []byte) rack.Digest {
	sum := sha256.Sum256(src)
	return rack.Digest("sha256:" + hex.EncodeToString(sum[:]))
}
