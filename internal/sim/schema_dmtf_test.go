package sim_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// dmtf is what DMTF publishes: schemas by file name, and the message registries by prefix. Both stand beside the project.
type dmtf struct {
	files    map[string][]byte
	messages map[string]messageRegistry
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
	newest   map[string]string // file name without erratum → the newest erratum of that minor version
	known    map[string][]string
	seed     maphash.Seed
}

// messageRegistry is the part of DSP8011 that a message is held against.
type messageRegistry struct {
	RegistryPrefix, RegistryVersion string
	Messages                        map[string]struct {
		NumberOfArgs                            int
		Severity, MessageSeverity, VersionAdded string
	}
}

const schemaBase = "http://redfish.dmtf.org/schemas/v1/"

// published loads DMTF's schemas once for all tests. The error says what was looked for.
var published = sync.OnceValues(func() (*dmtf, error) {
	schemas, err := untar("data/dmtf/json-schema.tar.gz")
	if err != nil {
		return nil, err
	}
	registries, err := untar("data/dmtf/registries.tar.gz")
	if err != nil {
		return nil, err
	}
	d := &dmtf{files: schemas, messages: map[string]messageRegistry{}, compiled: map[string]*jsonschema.Schema{},
		newest: map[string]string{}, known: map[string][]string{}, seed: maphash.MakeSeed()}
	for _, text := range registries {
		var r messageRegistry
		if json.Unmarshal(text, &r) == nil && r.RegistryPrefix != "" && r.Messages != nil {
			d.messages[r.RegistryPrefix] = r
		}
	}
	best := map[string]int{}
	for name := range schemas {
		m := versioned.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		if n, _ := strconv.Atoi(m[2]); d.newest[m[1]] == "" || n > best[m[1]] {
			d.newest[m[1]], best[m[1]] = name, n
		}
	}
	d.compiler = jsonschema.NewCompiler()
	d.compiler.DefaultDraft(jsonschema.Draft7)
	d.compiler.AssertFormat()
	d.compiler.UseLoader(d)
	return d, nil
})

// needsDMTF gives the published schemas, or skips the test where they are not beside the project.
func needsDMTF(t *testing.T) *dmtf {
	t.Helper()
	d, err := published()
	switch {
	case errors.Is(err, os.ErrNotExist) && os.Getenv("METALWRIGHT_LAB") != "require":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
	return d
}

var versioned = regexp.MustCompile(`^(.*\.v\d+_\d+_)(\d+)\.json$`)

// file gives the text of a schema; a missing erratum is the newest of its minor version.
func (d *dmtf) file(name string) []byte {
	if b := d.files[name]; b != nil {
		return b
	}
	if m := versioned.FindStringSubmatch(name); m != nil {
		return d.files[d.newest[m[1]]]
	}
	return nil
}

// Load answers the compiler: the file of that name, with links to resources made plain references.
func (d *dmtf) Load(url string) (any, error) {
	b := d.file(path.Base(url))
	if b == nil {
		return nil, fmt.Errorf("no schema %s", url)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	doc := v.(map[string]any)
	delete(doc, "$id") // odata-v4.json calls itself by another name
	doc["$schema"] = "http://json-schema.org/draft-07/schema#"
	d.tie(doc)
	return doc, nil
}

// tie turns every reference to another resource into one to odata's idRef. In the published files it is "idRef or any version of
// the resource", and following it would draw in all of them; what a link leads to is validated where it stands.
func (d *dmtf) tie(v any) {
	switch x := v.(type) {
	case map[string]any:
		if r, isText := x["$ref"].(string); isText && strings.HasPrefix(r, "http") {
			url, def, _ := strings.Cut(r, "#/definitions/")
			if name := path.Base(url); d.isResource(name, def) {
				x["$ref"] = schemaBase + "odata-v4.json#/definitions/idRef"
			}
		}
		for _, e := range x {
			d.tie(e)
		}
	case []any:
		for _, e := range x {
			d.tie(e)
		}
	}
}

var linked = regexp.MustCompile(`"([A-Za-z0-9]+)": \{\s*"anyOf": \[\s*\{\s*"\$ref": "[^"]*odata-v4\.json#/definitions/idRef"`)

// isResource tells whether a definition of an unversioned file is a resource. A file that is not in the archive is the target
// of links only (storage services, composition): the simulator has nothing of the kind.
func (d *dmtf) isResource(name, def string) bool {
	if d.file(name) == nil {
		return true
	}
	if strings.Contains(name, ".v") || name == "Redundancy.json" { // a redundancy stands inside its resource
		return false
	}
	names, has := d.known["links "+name]
	if !has {
		for _, m := range linked.FindAllSubmatch(d.files[name], -1) {
			names = append(names, string(m[1]))
		}
		d.known["links "+name] = names
	}
	return slices.Contains(names, def)
}

var odataType = regexp.MustCompile(`^#([A-Za-z0-9]+)(\.v\d+_\d+_\d+)?\.([A-Za-z0-9]+)$`)

// vendors begin the names of types that no schema of DMTF knows.
var vendors = regexp.MustCompile(`^(Dell|Hpe|Smc|Nvidia|AMI|Lenovo)`)

// check holds a body, and every part of it that names its type, against the schema of its own @odata.type. What stands below Oem
// is its vendor's.
func (d *dmtf) check(body []byte) []string {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return []string{"no JSON: " + err.Error()}
	}
	key := strconv.FormatUint(maphash.Bytes(d.seed, body), 36)
	if bad, has := d.known[key]; has {
		return bad
	}
	o, isObj := v.(map[string]any)
	if !isObj {
		return []string{"the body is no object"}
	}
	var bad []string
	switch {
	case o["error"] != nil:
		bad = checkError(o)
		d.parts(o, "", &bad)
	case o["@odata.type"] == nil && o["CSRString"] != nil: // what GenerateCSR answers is no resource
		if err := d.validate("#CertificateService.v1_0_0.GenerateCSRResponse", o); err != nil {
			bad = []string{err.Error()}
		}
	case o["@odata.type"] == nil && o["v1"] == nil && o["value"] == nil: // the version object and OData's service document have none
		bad = []string{"no @odata.type"}
	default:
		d.parts(o, "", &bad)
	}
	d.known[key] = bad
	return bad
}

// shrink makes a link of a resource that $expand put in its place.
func shrink(v any) any {
	if o, isObj := v.(map[string]any); isObj && o["@odata.type"] != nil && o["@odata.id"] != nil {
		return map[string]any{"@odata.id": o["@odata.id"]}
	}
	return v
}

// parts validates an object and all typed objects in it. Resources that $expand put into another are validated by themselves.
func (d *dmtf) parts(v any, at string, bad *[]string) {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			if k != "Oem" {
				d.parts(e, at+"/"+k, bad)
				x[k] = shrink(e)
			}
		}
		if typ, has := x["@odata.type"].(string); has {
			if err := d.validate(typ, x); err != nil {
				*bad = append(*bad, fmt.Sprintf("%s %s: %v", at, typ, err))
			}
		}
	case []any:
		for i, e := range x {
			d.parts(e, at+"/"+strconv.Itoa(i), bad)
			x[i] = shrink(e)
		}
	}
}

func (d *dmtf) validate(typ string, o map[string]any) error {
	m := odataType.FindStringSubmatch(typ)
	if m == nil {
		return errors.New("that is no type")
	}
	if vendors.MatchString(m[1]) {
		for _, k := range []string{"@odata.id", "Id", "Name"} {
			if o[k] == nil && (k != "Id" || m[2] != "") {
				return fmt.Errorf("a vendor's resource without %s", k)
			}
		}
		return nil
	}
	name := m[1] + m[2] + ".json"
	if d.file(name) == nil {
		return errors.New("there is no such schema")
	}
	url := schemaBase + name + "#/definitions/" + m[3]
	s := d.compiled[url]
	if s == nil {
		var err error
		if s, err = d.compiler.Compile(url); err != nil {
			return err
		}
		d.compiled[url] = s
	}
	if err := s.Validate(o); err != nil {
		return errors.New(strings.Join(leaves(err, nil), "; "))
	}
	return nil
}

// leaves is what a validation error comes down to.
func leaves(err error, out []string) []string {
	e, is := errors.AsType[*jsonschema.ValidationError](err)
	if !is {
		return append(out, err.Error())
	}
	if len(e.Causes) == 0 {
		if said := e.DetailedOutput().Error; said != nil {
			return append(out, "/"+strings.Join(e.InstanceLocation, "/")+": "+said.String())
		}
		return append(out, e.Error())
	}
	for _, c := range e.Causes {
		out = leaves(c, out)
	}
	return out
}

// checkError holds an error body against DSP0266 §8.6: code, message and extended information, nothing else.
func checkError(o map[string]any) []string {
	e, isObj := o["error"].(map[string]any)
	if !isObj || len(o) != 1 {
		return []string{"an error stands beside other things"}
	}
	var bad []string
	for k, v := range e {
		switch _, isText := v.(string); {
		case k == "@Message.ExtendedInfo":
			if list, isList := v.([]any); !isList || len(list) == 0 {
				bad = append(bad, "extended information is no list, or is empty")
			}
		case k != "code" && k != "message":
			bad = append(bad, "an error has no property "+k)
		case !isText:
			bad = append(bad, k+" of an error is no text")
		}
	}
	if len(e) != 3 {
		bad = append(bad, "an error needs code, message and extended information")
	}
	return bad
}

// checkMessages holds every message in a body against the registries: DMTF's, and those that the service itself publishes.
func (d *dmtf) checkMessages(v any, own map[string]messageRegistry) []string {
	var bad []string
	each(v, func(o map[string]any) {
		id, has := o["MessageId"].(string)
		if !has {
			return
		}
		f := strings.Split(id, ".")
		if len(f) < 3 || len(f) > 5 {
			bad = append(bad, id+" is no message id")
			return
		}
		key, version := f[len(f)-1], strings.Join(f[1:len(f)-1], ".")
		r, real := d.messages[f[0]]
		if !real {
			r = own[f[0]+"."+version]
		}
		m, known := r.Messages[key]
		if !known {
			bad = append(bad, fmt.Sprintf("%s is neither in DMTF's registries nor in one that is published here", id))
			return
		}
		if real && later(m.VersionAdded, version) {
			bad = append(bad, fmt.Sprintf("%s was added in %s only", id, m.VersionAdded))
		}
		args, _ := o["MessageArgs"].([]any)
		if len(args) != m.NumberOfArgs {
			bad = append(bad, fmt.Sprintf("%s has %d arguments, want %d", id, len(args), m.NumberOfArgs))
		}
		for _, k := range []string{"Severity", "MessageSeverity"} {
			if s, given := o[k]; given && s != m.MessageSeverity {
				bad = append(bad, fmt.Sprintf("%s is %v, want %s", id, s, m.MessageSeverity))
			}
		}
		if text, _ := o["Message"].(string); strings.Contains(text, "%") {
			bad = append(bad, fmt.Sprintf("%s has an argument left over: %q", id, text))
		}
	})
	return bad
}

// later compares versions: a message that was added in a later one cannot be part of an earlier registry.
func later(added, used string) bool {
	a, u := strings.Split(added, "."), strings.Split(used, ".")
	for i := 0; i < min(len(a), len(u)); i++ {
		x, _ := strconv.Atoi(a[i])
		y, _ := strconv.Atoi(u[i])
		if x != y {
			return x > y
		}
	}
	return false
}

// each visits all objects of a body.
func each(v any, visit func(map[string]any)) {
	switch x := v.(type) {
	case map[string]any:
		visit(x)
		for _, e := range x {
			each(e, visit)
		}
	case []any:
		for _, e := range x {
			each(e, visit)
		}
	}
}

// untar reads the JSON files of an archive beside the project, by base name.
func untar(name string) (map[string][]byte, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			return nil, errors.New("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	f, err := os.Open(filepath.Join(dir, "..", "shared", filepath.FromSlash(name)))
	if err != nil {
		return nil, fmt.Errorf("%s is absent: looked for ../shared/%s: %w", path.Base(name), name, os.ErrNotExist)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(h.Name, ".json") {
			if out[path.Base(h.Name)], err = io.ReadAll(r); err != nil {
				return nil, err
			}
		}
	}
}
