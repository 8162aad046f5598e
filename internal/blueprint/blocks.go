package blueprint

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/residency"
)

// The defaults of a rollout.
const (
	defaultCanary      = 1
	defaultMaxParallel = 8
)

func (rd *reader) firmware(in *instance) {
	e := &rack.FirmwareSet{Address: in.address, Origin: rd.origin(),
		Rollout: rack.Rollout{Canary: defaultCanary, MaxParallel: defaultMaxParallel, OnError: "halt"}}
	r := rd.s.m.r
	if key, _, ok := rd.catalogKey("baseline", "baseline", "fw"); ok {
		if b, known := r.opt.Catalog.Baselines[key]; known {
			e.Baseline = key
			if r.design.Baselines == nil {
				r.design.Baselines = map[string]rack.Baseline{}
			}
			r.design.Baselines[key] = b
			r.lockUse("baseline "+key, b.Digest, rd.at("baseline"))
			rd.fromCatalog("baseline", "fw."+b.Platform+"["+strconv.Quote(b.Version)+"]", b.Digest)
		} else {
			rd.errorf(rd.at("baseline"), "Unknown baseline", "The catalog has no baseline %q. %s", key,
				orKnown(key, sortedKeys(r.opt.Catalog.Baselines), "It has "))
		}
	}
	if ro := rd.sub("rollout", "rollout"); ro != nil {
		if n, ok := ro.whole("canary", "canary", 0, 1000); ok {
			e.Rollout.Canary = n
		}
		if n, ok := ro.whole("max_parallel", "max_parallel", 1, 1000); ok {
			e.Rollout.MaxParallel = n
		}
		e.Rollout.OnError = ro.preset("on_error", "halt", "halt", "continue")
	}
	targets, _ := rd.refs("targets", "targets", "node")
	for _, t := range targets {
		n, ok := t.element.(*rack.Node)
		if !ok {
			continue
		}
		e.Targets = append(e.Targets, t.address)
		if n.Firmware != nil {
			rd.errorf(rd.at("targets"), "Two baselines for one node", "%s has its firmware from %s already.",
				t.address, n.Firmware.Set)
			continue
		}
		if e.Baseline == "" {
			continue
		}
		n.Firmware = &rack.FirmwareRef{Set: in.address, Baseline: e.Baseline, Origin: diag.At(rd.at("baseline"))}
		r.baselineFits(rd, e.Baseline, n)
	}
	in.vals["baseline"] = cty.StringVal(e.Baseline)
	in.element = e
}

// baselineFits refuses a baseline that is for other hardware.
func (r *resolver) baselineFits(rd *reader, key string, n *rack.Node) {
	match := r.opt.Catalog.Baselines[key].Match.Hardware
	if len(match) == 0 || n.Hardware == "" || slices.Contains(match, strings.TrimPrefix(n.Hardware, "server.")) {
		return
	}
	r.find(finding{rule: "firmware.match", about: []rack.Address{n.Address, rd.in.address},
		at:      diag.At(rd.at("baseline")),
		summary: "Baseline for other hardware", detail: "Baseline " + key + " is for " + orList(match) + "; " +
			string(n.Address) +
			" is hw." + n.Hardware + ". Choose a baseline of its platform, or leave the node out of the targets."})
}

func (rd *reader) os(in *instance) {
	e := &rack.OS{Address: in.address, Origin: rd.origin()}
	image, at := rd.image(in)
	e.Image = image
	once, _ := rd.boolean("boot_once", "boot_once")
	if a, ok := rd.attr["disks"]; ok {
		if items, ok := rd.objectItems(a.expr, "disks"); ok {
			e.Disks = map[string]string{}
			for _, it := range items {
				v, ok := rd.one(it, "disks").str(it.key, it.key)
				if ok {
					e.Disks[it.key] = v
				}
			}
		}
	}
	e.Erase = rd.text("erase")
	for _, b := range rd.subs {
		rd.warnf(b.DefRange(), "Not planned by this version", "The block %q of an os block is read and not acted on.", b.Type)
	}
	targets, _ := rd.refs("targets", "targets", "node")
	for _, t := range targets {
		n, ok := t.element.(*rack.Node)
		if !ok {
			continue
		}
		e.Targets = append(e.Targets, t.address)
		if n.Media != nil {
			rd.errorf(rd.at("targets"), "Two images for one node", "%s has its image from %s already.", t.address,
				n.Media.OS)
			continue
		}
		rd.layout(e, n)
		if url := rd.s.m.r.imageURL(rd, image, t); url != "" {
			n.Media = &rack.MediaSpec{Image: url, BootOnce: once, OS: in.address, Origin: diag.At(at)}
		}
	}
	in.vals["image"] = cty.StringVal(e.Image)
	in.element = e
}

// one is a reader for one item of an object.
func (rd *reader) one(it item, leaf string) *reader {
	at := hcl.RangeBetween(it.keyRange, it.expr.Range())
	return &reader{s: rd.s, in: rd.in, spec: &blockSpec{}, what: rd.what, path: rd.path + "." + leaf, rng: at,
		attr: map[string]attribute{it.key: {it.expr, it.keyRange, at}}}
}

// layout checks that the disks that an os block names are in the catalog entry of the node, when that lists any.
func (rd *reader) layout(e *rack.OS, n *rack.Node) {
	h, ok := rd.s.m.r.design.Hardware[n.Hardware]
	if !ok || len(h.Disks) == 0 {
		return
	}
	var names []string
	for _, d := range h.Disks {
		names = append(names, d.Name)
	}
	for _, use := range sortedKeys(e.Disks) {
		if d := e.Disks[use]; !slices.Contains(names, d) {
			rd.errorf(rd.at("disks"), "Unknown disk layout", "hw.%s has no disks called %q. %s", n.Hardware, d,
				orKnown(d, names, "It has "))
		}
	}
}

// image reads images.NAME["VERSION"], or the URL or path of an image.
func (rd *reader) image(in *instance) (string, hcl.Range) {
	at := rd.at("image")
	v, ok := rd.raw("image")
	if !ok {
		return "", at
	}
	if root, key := catalogRef(v); root == "images" {
		img, known := rd.s.m.r.opt.Catalog.Images[key]
		if !known {
			rd.errorf(at, "Unknown image", "The catalog has no image %q. %s", key,
				orKnown(key, sortedKeys(rd.s.m.r.opt.Catalog.Images), "It has "))
			return "", at
		}
		rd.note("image", "image")
		rd.fromCatalog("image", "images "+key, img.Digest)
		rd.s.m.r.lockUse("image "+key, img.Digest, at)
		in.image = img.Path
		return key, at
	}
	s, _ := rd.str("image", "image")
	in.image = s
	return s, at
}

// imageURL completes the path of an image by the artifacts endpoint of the node's site.
func (r *resolver) imageURL(rd *reader, image string, node *instance) string {
	path := rd.in.image
	if image == "" || path == "" {
		return ""
	}
	if strings.Contains(path, "://") {
		if u, err := url.Parse(path); err != nil || u.Host == "" || u.User != nil {
			rd.errorf(rd.at("image"), "Wrong image", "The image is not a URL such as "+
				"\"https://mirror.bne1.example/images/x.iso\" (without "+
				"user or password).")
			return ""
		}
		return path
	}
	rk := node.links["rack"]
	if rk == nil || rk.links["site"] == nil {
		return "" // reported where they are missing
	}
	site, ok := rk.links["site"].element.(*rack.Site)
	if !ok {
		return ""
	}
	if len(site.Endpoints["artifacts"]) == 0 {
		rd.errorf(rd.at("image"), "No mirror for the image", "%s has no endpoint \"artifacts\", from which the "+
			"image would be served.",
			site.Address)
		return ""
	}
	return strings.TrimRight(site.Endpoints["artifacts"][0], "/") + "/" + strings.TrimLeft(path, "/")
}

func (rd *reader) acceptance(in *instance) {
	e := &rack.Acceptance{Address: in.address, Origin: rd.origin()}
	targets, _ := rd.refs("targets", "targets", "node")
	for _, t := range targets {
		e.Targets = append(e.Targets, t.address)
	}
	if n, ok := rd.whole("gpus_per_node", "gpus_per_node", 0, 1024); ok {
		e.GPUsPerNode = &n
	}
	e.DegradedNodes, _ = rd.whole("degraded_nodes_allowed", "degraded_nodes_allowed", 0, 100_000)
	for _, name := range sortedKeys(rd.attr) {
		if _, own := rd.spec.attrs[name]; own {
			continue
		}
		v, ok := rd.raw(name)
		if !ok {
			continue
		}
		raw, known, ok := rd.json(v, name)
		if !known {
			rd.warnf(rd.at(name), "Not checked", "The threshold %q is unknown: the catalog has no number for it. "+
				"Give one, with its source "+
				"in a comment.", name)
			continue
		}
		if ok {
			if e.Thresholds == nil {
				e.Thresholds = map[string]json.RawMessage{}
			}
			e.Thresholds[name] = raw
			rd.note("thresholds."+name, name)
		}
	}
	in.element = e
}

func (rd *reader) warnf(at hcl.Range, summary, format string, args ...any) {
	d := errorAt(at, summary, format, args...)
	d.Severity = diag.Warning
	d.Address = string(rd.in.address)
	rd.s.m.r.diags = append(rd.s.m.r.diags, d)
}

// checkPhases are the phases of check; this version evaluates those of plan.
var checkPhases = list{"plan", "bringup", "acceptance", "drift"}

func (rd *reader) check(in *instance) {
	e := &rack.Check{Address: in.address, Origin: rd.origin()}
	e.Phase = rd.preset("phase", "plan", checkPhases...)
	e.Severity = rd.preset("severity", "error", "error", "warning")
	nested := rd.asserts()
	if _, ok := rd.attr["assert"]; !ok && len(nested) == 0 {
		rd.errorf(rd.rng, "Missing attribute", "check needs \"assert\".")
	}
	in.element = e
}

// asserts are the conditions of a check: its attribute assert, and nested assert blocks as Terraform writes them.
func (rd *reader) asserts() [][2]hclsyntax.Expression {
	var out [][2]hclsyntax.Expression
	body := rd.in.b.syn.Body
	if a := body.Attributes["assert"]; a != nil {
		pair := [2]hclsyntax.Expression{a.Expr}
		if m := body.Attributes["message"]; m != nil {
			pair[1] = m.Expr
		}
		out = append(out, pair)
	}
	for _, b := range body.Blocks {
		if pair, ok := assertBlock(b); ok {
			out = append(out, pair)
		}
	}
	return out
}

// assertBlock reads assert { condition message }; error_message is Terraform's word for the message.
func assertBlock(b *hclsyntax.Block) ([2]hclsyntax.Expression, bool) {
	cond := b.Body.Attributes["condition"]
	if b.Type != "assert" || cond == nil {
		return [2]hclsyntax.Expression{}, false
	}
	pair := [2]hclsyntax.Expression{cond.Expr}
	for _, name := range []string{"message", "error_message"} {
		if m := b.Body.Attributes[name]; m != nil {
			pair[1] = m.Expr
		}
	}
	return pair, true
}

// runCheck evaluates a plan-phase check when everything else is known.
func (r *resolver) runCheck(in *instance) {
	e, ok := in.element.(*rack.Check)
	if !ok || e.Phase != "plan" {
		return
	}
	rd := newReader(in)
	s := &scope{m: in.m, phase: summed}
	worst := passed
	for _, pair := range rd.asserts() {
		var text hcl.Expression
		if pair[1] != nil {
			text = pair[1]
		}
		v := s.assertion(pair[0], text, func(message string) {
			e.Message = message
			r.find(finding{rule: "check." + in.name, about: []rack.Address{in.address}, at: diag.At(pair[0].Range()),
				detail:  message,
				summary: "Check failed", warning: e.Severity == "warning"})
		})
		if v == undecided {
			rd.warnf(pair[0].Range(), "Not checked", "A number that the check needs is unknown.")
		}
		if v == failed || v != passed && worst == passed {
			worst = v
		}
	}
	if ok := worst == passed; ok || worst == failed {
		e.Passed = &ok
	}
}

// planRules are the rules of this package that a waiver may name, besides those of residency and of later phases.
var planRules = list{"place.u", "power.feed", "power.contract", "power.shelf_feed", "weight.floor", "cooling.class", "firmware.match", "fabric.design",
	"fabric.leaf_ports", "fabric.length", "fabric.management_ports", "fabric.addresses"}

// laterRules are judged by the planner against what is seen.
var laterRules = list{"hardware.identity", "hardware.gpu_count", "node.location", "power.budget", "power.shelf"}

func (rd *reader) waiver(in *instance) {
	e := &rack.Waiver{Address: in.address, Origin: rd.origin(), Rule: rd.text("rule"), Owner: rd.text("owner"),
		Reason:  rd.text("reason"),
		Expires: rd.text("expires")}
	known := slices.Concat(planRules, laterRules, residency.RuleIDs())
	for name := range rd.s.m.bp.byKind["check"] {
		known = append(known, "check."+name)
	}
	slices.Sort(known)
	if e.Rule != "" && !slices.Contains(known, e.Rule) {
		rd.errorf(rd.at("rule"), "Unknown rule", "There is no rule %q. %s", e.Rule, orKnown(e.Rule, known,
			"The rules are "))
	}
	for _, name := range []string{"owner", "reason"} {
		if v, ok := rd.attr[name]; ok && strings.TrimSpace(map[string]string{"owner": e.Owner,
			"reason": e.Reason}[name]) == "" {
			rd.errorf(v.expr.Range(), "Waiver without "+name, "A waiver needs a %s: it stands in the evidence.", name)
		}
	}
	if _, err := time.Parse(time.DateOnly, e.Expires); e.Expires != "" && err != nil {
		rd.errorf(rd.at("expires"), "Wrong date", "%q is not a day as YYYY-MM-DD.", e.Expires)
	}
	targets, ok := rd.refs("targets", "targets")
	for _, t := range targets {
		e.Targets = append(e.Targets, t.address)
	}
	if _, given := rd.attr["targets"]; given && (!ok || len(targets) == 0) {
		if ok {
			rd.errorf(rd.at("targets"), "Waiver without targets", "The targets are an empty collection. Without "+
				"targets a waiver is for the "+
				"whole blueprint, so leave the attribute out if that is meant.")
		}
		return // a waiver whose targets are unknown must not loosen everything
	}
	in.element = e
}
