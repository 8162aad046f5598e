// Package recorded serves one recorded Redfish tree as a BMC: reads as they were recorded, writes as a small state machine.
//
// Reads are the recording: exact path, then any letter case, then both without the trailing slash; pages named by $skip are
// resources of that very name; what was not recorded answers 404. No recording holds an answer to a write, so sessions,
// tasks, pending settings and power states are this package's own and say so.
package recorded

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
)

const (
	rootPath = "/redfish/v1"
	// maxTreeBytes bounds what Load keeps in memory: the largest known recording holds 14 MB of JSON.
	maxTreeBytes = 512 << 20
)

// Tree is a recorded tree in memory. It is never changed: every Server keeps its own changes.
type Tree struct {
	res    map[string]*resource // by URI without a trailing slash; a page keeps its query
	folded map[string]string    // lower case URI to URI
	index  index
}

// resource is one recorded answer. Obj is nil when the text was no JSON object.
type resource struct {
	raw []byte
	obj map[string]any
	xml bool
}

// Load reads a recording from a .tar.gz, .tgz or .tar file or from a folder. Member a/b/index.json is resource /a/b. The
// service root may stand anywhere: what stands before it is cut off. Nothing is unpacked on disk, because names hold ?, $
// and :.
func Load(name string) (*Tree, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("load recorded tree: %w", err)
	}
	files := map[string][]byte{}
	if info.IsDir() {
		err = readDir(name, files)
	} else {
		err = readArchive(name, files)
	}
	if err != nil {
		return nil, fmt.Errorf("load recorded tree %s: %w", name, err)
	}
	t, err := fromFiles(files)
	if err != nil {
		return nil, fmt.Errorf("load recorded tree %s: %w", name, err)
	}
	return t, nil
}

// FromResources makes a tree from resources by URI, for small hand-made services.
func FromResources(res map[string]json.RawMessage) (*Tree, error) {
	files := map[string][]byte{}
	for uri, raw := range res {
		files[strings.Trim(uri, "/")+"/index.json"] = raw
	}
	return fromFiles(files)
}

// Paths lists the URIs of the tree, sorted.
func (t *Tree) Paths() []string {
	out := make([]string, 0, len(t.res))
	for p := range t.res {
		out = append(out, p)
	}
	sort.Strings(out)
	return out
}

// Len gives the number of resources.
func (t *Tree) Len() int { return len(t.res) }

// Raw gives the recorded bytes of one URI as Paths lists it.
func (t *Tree) Raw(uri string) ([]byte, bool) {
	r, ok := t.res[uri]
	if !ok {
		return nil, false
	}
	return r.raw, true
}

func readDir(root string, files map[string][]byte) error {
	total := 0
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() || !wanted(d.Name()) {
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if total += len(b); total > maxTreeBytes {
			return fmt.Errorf("more than %d bytes of resources", maxTreeBytes)
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(rel)] = b
		return nil
	})
}

func readArchive(name string, files map[string][]byte) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") || strings.HasSuffix(name, ".tgz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			return err
		}
		defer z.Close()
		r = z
	}
	tr := tar.NewReader(r)
	total := 0
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || !wanted(path.Base(h.Name)) {
			continue
		}
		b, err := io.ReadAll(io.LimitReader(tr, int64(maxTreeBytes-total)+1))
		if err != nil {
			return err
		}
		if total += len(b); total > maxTreeBytes {
			return fmt.Errorf("more than %d bytes of resources", maxTreeBytes)
		}
		files[path.Clean("/" + h.Name)[1:]] = b
	}
}

func wanted(base string) bool { return base == "index.json" || base == "index.xml" }

func fromFiles(files map[string][]byte) (*Tree, error) {
	cut, ok := findRoot(files)
	if !ok {
		return nil, errors.New("it holds no service root (redfish/v1/index.json)")
	}
	t := &Tree{res: map[string]*resource{}, folded: map[string]string{}}
	for name, raw := range files {
		dir := path.Dir(name)
		var key string
		switch {
		case cut.root == "." || cut.root == dir || strings.HasPrefix(dir, cut.root+"/"):
			key = rootPath + strings.TrimPrefix("/"+dir, "/"+cut.root)
		case cut.before == "." || strings.HasPrefix(dir, cut.before+"/"):
			key = "/" + strings.TrimPrefix(dir, cut.before+"/")
		default:
			continue
		}
		t.res[key] = newResource(raw, path.Base(name) == "index.xml")
	}
	for _, key := range t.Paths() { // sorted: of two names that differ in case, the same one wins every time
		if low := strings.ToLower(key); t.folded[low] == "" {
			t.folded[low] = key
		}
	}
	t.index = indexOf(t)
	return t, nil
}

// place tells where the service root stands in the recording, and what stands before "redfish".
type place struct{ root, before string }

// findRoot picks the shallowest folder that looks like a service root.
func findRoot(files map[string][]byte) (place, bool) {
	names := make([]string, 0, len(files))
	for n := range files {
		if path.Base(n) == "index.json" {
			names = append(names, n)
		}
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := strings.Count(names[i], "/"), strings.Count(names[j], "/")
		return a < b || a == b && names[i] < names[j]
	})
	for _, n := range names {
		dir := path.Dir(n)
		if dir == "redfish/v1" || strings.HasSuffix(dir, "/redfish/v1") {
			return place{root: dir, before: path.Dir(path.Dir(dir))}, true
		}
	}
	for _, n := range names { // a folder that is the root itself: its @odata.id tells
		var head struct {
			ID string `json:"@odata.id"`
		}
		if json.Unmarshal(files[n], &head) == nil && strings.TrimSuffix(head.ID, "/") == rootPath {
			return place{root: path.Dir(n), before: "\x00"}, true
		}
	}
	return place{}, false
}

func newResource(raw []byte, xml bool) *resource {
	if xml {
		return &resource{raw: raw, xml: true}
	}
	r := &resource{raw: raw}
	var b bytes.Buffer
	if json.Compact(&b, raw) == nil {
		r.raw = bytes.Clone(b.Bytes())
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if dec.Decode(&r.obj) != nil {
		r.obj = nil
	}
	return r
}
