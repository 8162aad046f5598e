package firmware

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// maxBaselineBytes bounds a baseline file; real ones are a few kilobytes.
const maxBaselineBytes = 256 << 10

// defaultTimeout is how long a flash may go without progress when a baseline says nothing: the longest update of a single
// component in the durations table (30 min).
const defaultTimeout = 30 * time.Minute

// DecodeBaseline reads one baseline file. name is the file name for positions. What can be read is returned together with
// everything that is wrong; blocks that this version does not act on are kept in NotActedOn and warned of.
func DecodeBaseline(name string, src []byte) (rack.Baseline, diag.List) {
	if len(src) > maxBaselineBytes {
		return rack.Baseline{}, diag.List{{Severity: diag.Error, Summary: "File too large",
			Detail: fmt.Sprintf("%s has %d bytes; a baseline may have %d.", name, len(src), maxBaselineBytes)}}
	}
	f, hd := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	d := &baselineDecoder{diags: diag.FromHCL(hd)}
	var file struct {
		Baselines []baselineBlock `hcl:"baseline,block"`
	}
	if f == nil {
		return rack.Baseline{}, d.diags
	}
	d.diags = append(d.diags, diag.FromHCL(gohcl.DecodeBody(f.Body, nil, &file))...)
	if len(file.Baselines) != 1 {
		if !d.diags.HasErrors() {
			d.errorf(f.Body.MissingItemRange(), "Not one baseline", "A baseline file holds one baseline block; this one holds %d.",
				len(file.Baselines))
		}
		return rack.Baseline{}, d.diags
	}
	b := d.baseline(file.Baselines[0])
	sum := sha256.Sum256(src)
	b.Digest = rack.Digest("sha256:" + hex.EncodeToString(sum[:]))
	return b, d.diags
}

type baselineBlock struct {
	Platform   string           `hcl:"platform,label"`
	Version    string           `hcl:"version,label"`
	Serial     int              `hcl:"serial"`
	Expires    *string          `hcl:"expires,optional"`
	Summary    *string          `hcl:"summary,optional"`
	Match      *matchBlock      `hcl:"match,block"`
	Trust      *trustBlock      `hcl:"trust,block"`
	Components []componentBlock `hcl:"component,block"`
	NoMerge    hcl.Expression   `hcl:"no_merge,optional"`
	Rollback   *rollbackBlock   `hcl:"rollback,block"`
	Body       hcl.Body         `hcl:",body"`
}

type matchBlock struct {
	Manufacturer *string  `hcl:"manufacturer,optional"`
	Models       []string `hcl:"model,optional"`
	Hardware     []string `hcl:"hardware,optional"`
}

type trustBlock struct {
	Signers   []string `hcl:"signers"`
	Threshold int      `hcl:"threshold,optional"`
	Body      hcl.Body `hcl:",body"`
}

type rollbackBlock struct {
	Allow hcl.Expression `hcl:"allow,optional"`
	Never []string       `hcl:"never,optional"`
	Body  hcl.Body       `hcl:",body"`
}

type componentBlock struct {
	Name    string            `hcl:"name,label"`
	Needs   map[string]string `hcl:"needs,optional"`
	After   hcl.Expression    `hcl:"after,optional"`
	Select  *selectBlock      `hcl:"select,block"`
	Version *versionBlock     `hcl:"version,block"`
	Image   *imageBlock       `hcl:"image,block"`
	Update  *updateBlock      `hcl:"update,block"`
	Hops    []hopBlock        `hcl:"hop,block"`
	Body    hcl.Body          `hcl:",body"`
}

type selectBlock struct {
	ID         *string  `hcl:"id,optional"`
	Name       *string  `hcl:"name,optional"`
	SoftwareID *string  `hcl:"software_id,optional"`
	All        *bool    `hcl:"all,optional"`
	ReadFrom   *string  `hcl:"read_from,optional"`
	Body       hcl.Body `hcl:",body"`
}

type versionBlock struct {
	Want        *string  `hcl:"want,optional"`
	Compare     *string  `hcl:"compare,optional"`
	Floor       *string  `hcl:"floor,optional"`
	FromPackage *bool    `hcl:"from_package,optional"`
	Body        hcl.Body `hcl:",body"`
}

type imageBlock struct {
	File      string   `hcl:"file"`
	SizeBytes int64    `hcl:"size_bytes"`
	Digest    string   `hcl:"digest"`
	Manifest  *string  `hcl:"reference_manifest,optional"`
	Body      hcl.Body `hcl:",body"`
}

type updateBlock struct {
	Method     *string        `hcl:"method,optional"`
	Targets    []string       `hcl:"targets,optional"`
	Apply      *string        `hcl:"apply,optional"`
	Activation string         `hcl:"activation"`
	Timeout    *string        `hcl:"timeout,optional"`
	Takes      *string        `hcl:"takes,optional"`
	KeepsNVRAM *bool          `hcl:"keeps_nvram,optional"`
	Commit     *bool          `hcl:"commit,optional"`
	Force      *bool          `hcl:"force,optional"`
	Requires   *requiresBlock `hcl:"requires,block"`
	Body       hcl.Body       `hcl:",body"`
}

type requiresBlock struct {
	HostPower      *string `hcl:"host_power,optional"`
	BackgroundCopy *string `hcl:"background_copy,optional"`
}

type hopBlock struct {
	Version   string      `hcl:"version,label"`
	WhenBelow string      `hcl:"when_below"`
	Image     *imageBlock `hcl:"image,block"`
}

type baselineDecoder struct {
	diags diag.List
	names []string // of the components
	idle  []string // what is not acted on
}

func (d *baselineDecoder) errorf(at hcl.Range, summary, format string, args ...any) {
	d.diags = append(d.diags, diag.Diagnostic{Severity: diag.Error, Summary: summary,
		Detail: fmt.Sprintf(format, args...), Subject: diag.At(at)})
}

// ignored records a part that is understood and has no effect yet.
func (d *baselineDecoder) ignored(at hcl.Range, what, why string) {
	d.idle = append(d.idle, what)
	d.diags = append(d.diags, diag.Diagnostic{Severity: diag.Warning, Summary: "Not acted on by this version",
		Detail: what + " is decoded and has no effect yet: " + why + ".", Subject: diag.At(at)})
}

func (d *baselineDecoder) baseline(in baselineBlock) rack.Baseline {
	at := in.Body.MissingItemRange()
	b := rack.Baseline{Key: in.Platform + "/" + in.Version, Platform: in.Platform, Version: in.Version,
		Serial: in.Serial, Expires: str(in.Expires)}
	if in.Expires != nil {
		if _, err := time.Parse(time.RFC3339, *in.Expires); err != nil {
			d.errorf(at, "Wrong date", "expires is %q; it must be like 2027-01-31T00:00:00Z.", *in.Expires)
		}
	}
	if in.Match == nil || len(in.Match.Hardware) == 0 && len(in.Match.Models) == 0 {
		d.errorf(at, "Baseline without match", "Baseline %s must say which devices it is for: match { hardware = [...] }.", b.Key)
	} else {
		b.Match = rack.BaselineMatch{Manufacturer: str(in.Match.Manufacturer), Models: in.Match.Models,
			Hardware: in.Match.Hardware}
	}
	if in.Trust != nil {
		d.ignored(in.Trust.Body.MissingItemRange(), "trust", "images are held to their digest, signatures are not checked")
	}
	if in.Rollback != nil {
		d.ignored(in.Rollback.Body.MissingItemRange(), "rollback", "no version is rolled back by itself")
	}
	for _, c := range in.Components {
		if slices.Contains(d.names, c.Name) {
			d.errorf(c.Body.MissingItemRange(), "Component twice", "Baseline %s has two components %q.", b.Key, c.Name)
		}
		d.names = append(d.names, c.Name)
	}
	for _, c := range in.Components {
		if x, ok := d.component(c); ok {
			b.Components = append(b.Components, x)
		}
	}
	d.acyclic(at, b.Components)
	for _, pair := range d.lists(in.NoMerge) {
		if names := d.refs(pair); len(names) == 2 {
			b.NoMerge = append(b.NoMerge, [2]string{names[0], names[1]})
		} else {
			d.errorf(pair.Range(), "Not a pair", "no_merge holds pairs: [[component.bmc, component.hgx]].")
		}
	}
	b.NotActedOn = d.idle
	return b
}

// component decodes one component; ok is false when it cannot be acted on.
func (d *baselineDecoder) component(in componentBlock) (rack.BaselineComponent, bool) {
	at := in.Body.MissingItemRange()
	c := rack.BaselineComponent{Name: in.Name, Compare: Exact, Method: "auto", Apply: "on_reset", Keeps: true,
		TimeS: int(defaultTimeout / time.Second), Needs: in.Needs, After: d.refs(in.After)}
	for _, n := range slices.Sorted(maps.Keys(in.Needs)) {
		d.knownComponent(at, n)
	}
	ok := true
	for _, x := range []struct {
		name   string
		absent bool
	}{{"select", in.Select == nil}, {"version", in.Version == nil}, {"image", in.Image == nil},
		{"update", in.Update == nil}} {
		if x.absent {
			d.errorf(at, "Missing block", "Component %q needs a %s block.", in.Name, x.name)
			ok = false
		}
	}
	if !ok {
		return c, false
	}
	d.selection(&c, *in.Select)
	d.update(&c, *in.Update)
	c.Image = d.image(*in.Image)
	for _, h := range in.Hops {
		d.ignored(at, "component."+in.Name+".hop", fmt.Sprintf("a version below %s is not led through %s first",
			h.WhenBelow, h.Version))
	}
	return c, d.version(&c, *in.Version)
}

func (d *baselineDecoder) selection(c *rack.BaselineComponent, in selectBlock) {
	at := in.Body.MissingItemRange()
	c.Select = rack.RowSelect{ID: str(in.ID), Name: str(in.Name), SoftwareID: str(in.SoftwareID), All: yes(in.All),
		ReadFrom: str(in.ReadFrom)}
	for _, p := range []string{c.Select.ID, c.Select.Name, c.Select.SoftwareID} {
		if _, err := regexp.Compile(p); err != nil {
			d.errorf(at, "Wrong pattern", "%q is no regular expression: %s.", p, err)
		}
	}
	if in.ReadFrom != nil {
		d.word(at, "read_from", *in.ReadFrom, FromBIOS, FromManager)
	}
	if c.Select.ID == "" && c.Select.Name == "" && c.Select.SoftwareID == "" && c.Select.ReadFrom == "" {
		d.errorf(at, "Selector selects nothing", "select of component %q needs id, name, software_id or read_from.", c.Name)
	}
}

// version reads what is wanted; false when the component is left out of this version's plans.
func (d *baselineDecoder) version(c *rack.BaselineComponent, in versionBlock) bool {
	at := in.Body.MissingItemRange()
	c.Want, c.Floor = str(in.Want), str(in.Floor)
	if in.Compare != nil {
		c.Compare = d.word(at, "compare", *in.Compare, Schemes()...)
	}
	if yes(in.FromPackage) {
		d.ignored(at, "component."+c.Name, "its versions come out of the package, which is not planned yet")
		return false
	}
	if IsPlaceholder(c.Want) {
		d.errorf(at, "No version", "version of component %q needs want: %q is no version.", c.Name, c.Want)
		return false
	}
	if c.Floor == "" || c.Compare == Exact {
		return true
	}
	switch n, err := Compare(c.Compare, c.Want, c.Floor); {
	case err != nil:
		d.errorf(at, "Floor cannot be compared", "Component %q: %s.", c.Name, err)
	case n < 0:
		d.errorf(at, "Version below floor", "Component %q wants %s, below its own floor %s.", c.Name, c.Want, c.Floor)
	}
	return true
}

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (d *baselineDecoder) image(in imageBlock) rack.ImageRef {
	at := in.Body.MissingItemRange()
	if in.File == "" || strings.ContainsAny(in.File, `/\`) || strings.HasPrefix(in.File, ".") {
		d.errorf(at, "Wrong file name", "%q must be a bare file name: images lie in the firmware folder of the blueprint.", in.File)
	}
	if in.SizeBytes <= 0 {
		d.errorf(at, "Wrong size", "size_bytes of %s must be more than zero.", in.File)
	}
	if !digestForm.MatchString(in.Digest) {
		d.errorf(at, "Wrong digest", "digest of %s must be sha256: and 64 hexadecimal digits, in lower case.", in.File)
	}
	if in.Manifest != nil {
		d.ignored(at, "reference_manifest", "attestation is not part of this version")
	}
	return rack.ImageRef{File: in.File, SizeBytes: in.SizeBytes, Digest: rack.Digest(in.Digest)}
}

func (d *baselineDecoder) update(c *rack.BaselineComponent, in updateBlock) {
	at := in.Body.MissingItemRange()
	if in.Method != nil {
		c.Method = d.word(at, "method", *in.Method, "auto", "multipart", "simple_update")
	}
	if in.Apply != nil {
		c.Apply = d.word(at, "apply", *in.Apply, "on_reset", "immediate")
	}
	if _, err := step.ParseActivation(in.Activation); err != nil {
		d.errorf(at, "Unknown reset class", "activation of component %q: %s.%s", c.Name, err,
			diag.DidYouMean(in.Activation, resetClasses()))
	}
	c.Reset, c.Targets = in.Activation, in.Targets
	if in.Timeout != nil {
		c.TimeS = d.seconds(at, "timeout", *in.Timeout)
	}
	if in.Takes != nil {
		c.FlashS = d.seconds(at, "takes", *in.Takes)
	}
	if in.KeepsNVRAM != nil {
		c.Keeps = *in.KeepsNVRAM
	}
	if yes(in.Commit) {
		d.ignored(at, "component."+c.Name+".commit", "no CommitImage is sent after activation")
	}
	if yes(in.Force) {
		d.ignored(at, "component."+c.Name+".force", "no update is forced")
	}
	if in.Requires != nil {
		d.ignored(at, "component."+c.Name+".requires", "host power and background copy are not awaited")
	}
}

func resetClasses() []string {
	var out []string
	for a := step.None; a <= step.ACCycle; a++ {
		out = append(out, a.String())
	}
	return out
}

func (d *baselineDecoder) seconds(at hcl.Range, name, s string) int {
	v, err := time.ParseDuration(s)
	if err != nil || v < time.Second || v > 24*time.Hour {
		d.errorf(at, "Wrong duration", "%s is %q; it must be between 1s and 24h, such as 30m.", name, s)
		return 0
	}
	return int(v / time.Second)
}

func (d *baselineDecoder) word(at hcl.Range, name, got string, allowed ...string) string {
	if !slices.Contains(allowed, got) {
		d.errorf(at, "Unknown word", "%s is %q; it may be %s.%s", name, got, strings.Join(allowed, ", "),
			diag.DidYouMean(got, allowed))
	}
	return got
}

// refs reads [component.bmc, component.bios] as names.
func (d *baselineDecoder) refs(e hcl.Expression) []string {
	var out []string
	for _, x := range d.lists(e) {
		t, hd := hcl.AbsTraversalForExpr(x)
		attr, ok := hcl.TraverseAttr{}, false
		if !hd.HasErrors() && len(t) == 2 && t.RootName() == "component" {
			attr, ok = t[1].(hcl.TraverseAttr)
		}
		if !ok {
			d.errorf(x.Range(), "Wrong reference", "A component of this baseline is named as component.NAME.")
			continue
		}
		d.knownComponent(x.Range(), attr.Name)
		out = append(out, attr.Name)
	}
	return out
}

// lists takes a list expression apart; absent is empty.
func (d *baselineDecoder) lists(e hcl.Expression) []hcl.Expression {
	if e == nil {
		return nil
	}
	if v, hd := e.Value(nil); !hd.HasErrors() && v.IsNull() {
		return nil
	}
	out, hd := hcl.ExprList(e)
	d.diags = append(d.diags, diag.FromHCL(hd)...)
	return out
}

func (d *baselineDecoder) knownComponent(at hcl.Range, name string) {
	if !slices.Contains(d.names, name) {
		d.errorf(at, "Unknown component", "This baseline has no component %q.%s", name, diag.DidYouMean(name, d.names))
	}
}

// acyclic refuses an order that no plan can follow.
func (d *baselineDecoder) acyclic(at hcl.Range, cs []rack.BaselineComponent) {
	before := map[string][]string{}
	for _, c := range cs {
		before[c.Name] = append(slices.Sorted(maps.Keys(c.Needs)), c.After...)
	}
	state := map[string]int{} // 1 = being visited, 2 = clear
	var visit func(string) bool
	visit = func(n string) bool {
		if state[n] != 0 {
			return state[n] == 2
		}
		state[n] = 1
		for _, m := range before[n] {
			if !visit(m) {
				return false
			}
		}
		state[n] = 2
		return true
	}
	for _, c := range cs {
		if !visit(c.Name) {
			d.errorf(at, "Components wait for each other", "Follow needs and after from %q: they lead back to it.", c.Name)
			return
		}
	}
}

func str(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func yes(b *bool) bool { return b != nil && *b }
