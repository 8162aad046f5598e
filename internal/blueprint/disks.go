package blueprint

import (
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// selectorNames are the attributes that choose drives.
var selectorNames = list{"count", "media", "protocol", "min_size", "bays", "controller"}

// disksSpec is the block disks of a node.
var disksSpec = &blockSpec{attrs: attrs(nil, "foreign"), blocks: nested{
	"erase": object(list{"method"}, "passes"),
	"volume": {labels: 1, freeLabel: true, repeat: true,
		attrs: attrs(list{"raid"}, "size", "share", "spans", "strip", "read_cache", "write_cache", "initialize", "encrypted", "adopt",
			"on_destroy"),
		blocks: nested{"drives": object(nil, selectorNames...), "spares": object(nil, selectorNames...)}},
	"spare": {labels: 1, freeLabel: true, repeat: true, attrs: attrs(nil, selectorNames...)},
	"key":   {labels: 1, freeLabel: true, repeat: true, attrs: attrs(list{"id", "key"})},
	"namespace": {labels: 1, freeLabel: true, repeat: true, attrs: attrs(nil, "size", "lba", "on_destroy"),
		blocks: nested{"drives": object(nil, selectorNames...)}},
}}

// The words of a blueprint for what Redfish calls otherwise.
var (
	readCacheWords  = map[string]string{"off": "Off", "ahead": "ReadAhead", "adaptive": "AdaptiveReadAhead"}
	writeCacheWords = map[string]string{"through": "WriteThrough", "back": "ProtectedWriteBack", "always_back": "UnprotectedWriteBack"}
	initWords       = map[string]string{"fast": "Fast", "slow": "Slow"}
)

// shareMost is all of what the drives give.
const shareMost = 100

// disks decodes what a node says about its drives.
func (rd *reader) disks(e *rack.Node) {
	e.Volumes = rd.volumes()
	if x := rd.sub("erase", "erase"); x != nil {
		e.Erase = x.erase()
	}
	d := rack.DiskSpec{Origin: diag.At(rd.rng)}
	d.Foreign = rd.word("foreign", "disks.foreign", "", rack.ForeignRefuse, rack.ForeignImport, rack.ForeignClear)
	spares := rd.each("spare", "disks.spares")
	for _, name := range sortedKeys(spares) {
		s := spares[name]
		d.Spares = append(d.Spares, rack.SpareSpec{Name: name, Drives: s.selector(0), Origin: diag.At(s.rng)})
	}
	keys := rd.each("key", "disks.keys")
	for _, name := range sortedKeys(keys) {
		k := keys[name]
		d.Keys = append(d.Keys, rack.KeySpec{Controller: name, ID: k.text("id"), Key: k.secret("key", "key"), Origin: diag.At(k.rng)})
	}
	spaces := rd.each("namespace", "disks.namespaces")
	for _, name := range sortedKeys(spaces) {
		d.Namespaces = append(d.Namespaces, spaces[name].namespace(name))
	}
	if d.Foreign != "" || len(d.Spares)+len(d.Keys)+len(d.Namespaces) > 0 {
		e.Disks = &d
	}
}

func (rd *reader) namespace(name string) rack.NamespaceSpec {
	rd.volumeName("namespace", name)
	n := rack.NamespaceSpec{Name: name, OnDestroy: rd.preset("on_destroy", "keep", "keep", "delete"), Origin: diag.At(rd.rng)}
	n.SizeBytes, _ = rd.size("size", "size_bytes")
	n.LBABytes, _ = rd.size("lba", "lba_bytes")
	s := rd.sub("drives", "drives")
	if s == nil {
		rd.errorf(rd.rng, "Missing block", "Namespace %q needs drives { … }: which drive it is on.", name)
		return n
	}
	if n.Drives = s.selector(1); n.Drives.Count > 1 || len(n.Drives.Bays) > 1 {
		rd.errorf(s.rng, "Wrong number", "A namespace is on one drive.")
	}
	return n
}

// selector reads which drives are meant, and how many: least or more.
func (rd *reader) selector(least int64) rack.DriveSelector {
	e := rack.DriveSelector{Media: rd.word("media", "media", "", "SSD", "HDD"),
		Protocol: rd.word("protocol", "protocol", "", "NVMe", "SAS", "SATA"), ControllerHas: rd.text("controller")}
	e.Count, _ = rd.whole("count", "count", least, 1024)
	e.MinSizeBytes, _ = rd.size("min_size", "min_size_bytes")
	e.Bays, _ = rd.strs("bays", "bays")
	if e.Count > 0 && len(e.Bays) > 0 && len(e.Bays) < e.Count {
		rd.errorf(rd.at("bays"), "Wrong number", "%d drives are wanted of %d bays.", e.Count, len(e.Bays))
	}
	if _, counted := rd.attr["count"]; !counted && len(e.Bays) == 0 {
		rd.errorf(rd.rng, "Missing attribute", `%s needs "count" or "bays".`, rd.what[strings.LastIndexByte(rd.what, ' ')+1:])
	}
	return e
}

// options decodes what a volume says beyond type, drives and size.
func (rd *reader) options(v *rack.VolumeSpec) {
	o := &v.VolumeOptions
	rd.volumeName("volume", v.Name)
	o.SharePercent, _ = rd.whole("share", "share_percent", 1, shareMost)
	o.Spans, _ = rd.whole("spans", "spans", 2, 1024)
	o.StripBytes, _ = rd.size("strip", "strip_bytes")
	o.ReadCache = readCacheWords[rd.word("read_cache", "read_cache", "", sortedKeys(readCacheWords)...)]
	o.WriteCache = writeCacheWords[rd.word("write_cache", "write_cache", "", sortedKeys(writeCacheWords)...)]
	o.Initialize = initWords[rd.word("initialize", "initialize", "", sortedKeys(initWords)...)]
	o.Encrypted, _ = rd.boolean("encrypted", "encrypted")
	rd.adopt(o)
	if o.SharePercent > 0 && v.SizeBytes > 0 {
		rd.errorf(rd.at("share"), "Two sizes", "Volume %q says size and share: leave one out.", v.Name)
	}
	if o.StripBytes > 0 && o.StripBytes&(o.StripBytes-1) != 0 {
		rd.errorf(rd.at("strip"), "Wrong strip size", "A strip is a power of two, such as \"64KiB\" or \"256KiB\"; this is %d bytes.", o.StripBytes)
	}
	if s := rd.sub("spares", "spares"); s != nil {
		sel := s.selector(0)
		o.Spares = &sel
		if v.RAID == "RAID0" && (sel.Count > 0 || len(sel.Bays) > 0) {
			rd.errorf(s.rng, "Spare without redundancy", "A spare cannot stand in for a drive of RAID0: its data is nowhere else.")
		}
	}
}

// volumeName holds the label of a volume or namespace, which becomes its name on the controller, to what every controller takes:
// printable ASCII without quotes. One that is too long gets a short name of its own.
func (rd *reader) volumeName(what, name string) {
	bad := strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c > '~' || strings.ContainsRune("\"'`\\", c) })
	if bad || strings.TrimSpace(name) != name || name == "" {
		rd.errorf(rd.rng, "Invalid volume name", "%q cannot name a %s: controllers take printable letters, digits and signs of ASCII, no quotes and no "+
			"space at either end.", name, what)
	}
}

// adopt reads adopt = true | false | "NAME".
func (rd *reader) adopt(o *rack.VolumeOptions) {
	v, ok := rd.get("adopt")
	switch {
	case !ok || isPoisoned(v):
		return
	case v.Type() == cty.Bool && v.True():
		o.Adopt = rack.AdoptOnly
	case v.Type() == cty.Bool:
		o.Adopt = rack.AdoptNever
	case v.Type() == cty.String && v.AsString() != "":
		o.Adopt, o.AdoptName = rack.AdoptOnly, v.AsString()
	default:
		rd.errorf(rd.at("adopt"), "Wrong type", `"adopt" is true, false, or the name or id of a volume on its controller.`)
		return
	}
	rd.note("adopt", "adopt")
}

// members checks the number of drives of a volume against its type; rd is its block drives.
func (rd *reader) members(v rack.VolumeSpec) {
	n, name := v.Drives.Count, "count"
	if n == 0 {
		n, name = len(v.Drives.Bays), "bays"
	}
	if v.RAID == "" || n == 0 {
		return
	}
	if problem := rack.RAIDProblem(v.RAID, n, v.Spans); problem != "" {
		rd.errorf(rd.at(name), "Wrong number", "Volume %q: %s.", v.Name, problem)
	}
}
