package blueprint

import (
	"net/url"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// maxRackU bounds a position; the highest frames sold have below 60 units.
const maxRackU = 200

func (rd *reader) node(in *instance) {
	r := rd.s.m.r
	e := &rack.Node{Address: in.address, Origin: rd.origin()}
	e.Name = rd.nodeName(in)
	in.vals["hardware"] = poisoned
	if key, v, ok := rd.catalogKey("hardware", "hardware", "hw"); ok {
		if h, known := r.hardware(key, rd.at("hardware")); known {
			rd.kind(h, "hardware", "server")
			e.Hardware = key
			in.vals["hardware"] = v
			rd.fromCatalog("hardware", "hw."+key, h.Digest)
		}
	}
	if at := rd.sub("at", ""); at != nil {
		if to, ok := at.ref("rack", "rack", "rack"); ok {
			e.Rack = to.address
			in.link("rack", to)
		}
		e.PositionU, _ = at.whole("u", "position_u", 1, maxRackU)
	}
	e.Role = rd.text("role")
	e.Power = rd.word("power", "power", "", "On", "Off")
	e.OnDestroy = rd.preset("on_destroy", "keep", "keep", "reset_bios", "erase")
	if b := rd.sub("bmc", "bmc"); b != nil {
		e.BMC = rack.BMCSpec{Username: b.text("username"), Credential: b.secret("credential", "credential"),
			Origin: diag.At(b.rng)}
		e.BMC.Manager = b.manager(e)
		if c := b.sub("account", "account"); c != nil {
			e.BMC.Account = c.account(e.BMC.Username)
		}
		if c := b.sub("ipmi", "ipmi"); c != nil {
			e.BMC.IPMI = c.ipmi(e.BMC)
		}
		if c := b.sub("certificate", "certificate"); c != nil {
			e.BMC.Certificate = c.renewal(e)
		}
		if c := b.sub("events", "events"); c != nil {
			e.BMC.Events = c.events()
		}
	}
	rd.powerLimit(e)
	if b := rd.sub("bios", "bios"); b != nil {
		e.BIOS = b.bios(e.Hardware)
	}
	if b := rd.sub("boot", "boot"); b != nil {
		e.Boot = b.boot()
		if sb := b.sub("secure_boot", ""); sb != nil {
			e.SecureBoot = sb.secureBoot()
		}
	}
	if x := rd.sub("tpm", "tpm"); x != nil {
		e.TPM = x.tpm()
	}
	if d := rd.sub("disks", ""); d != nil {
		d.disks(e)
	}
	if n := rd.sub("nics", ""); n != nil {
		e.NICs, e.DPU = n.nics(), n.dpu()
	}
	if c := rd.sub("consent", "data_loss"); c != nil {
		e.AllowDataLoss = c.consent()
	}
	e.Facts = rd.facts()
	in.vals["u"] = wholeOrNull(e.PositionU)
	in.vals["role"], in.vals["power"] = cty.StringVal(e.Role), cty.StringVal(e.Power)
	in.element = e
}

// preset is word for a leaf that has a default; the default's provenance says so.
func (rd *reader) preset(name, preset string, words ...string) string {
	if _, ok := rd.attr[name]; !ok {
		path := rd.path + "." + name
		rd.s.m.r.prov[path] = rack.Provenance{Path: path, Source: "default"}
	}
	return rd.word(name, name, preset, words...)
}

// nodeName is the key or label, unique in the Design. It becomes part of step ids and file names, so its letters are
// few.
func (rd *reader) nodeName(in *instance) string {
	name := in.m.namePrefix + in.name
	bad := strings.ContainsFunc(name, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_.", c))
	})
	if name == "" || len(name) > 63 || bad || strings.Trim(name, ".-") != name {
		rd.errorf(rd.rng, "Invalid node name", "%q cannot name a node: it has 1 to 63 letters, digits, dashes, "+
			"underscores and dots, and "+
			"neither starts nor ends with a dash or dot. It comes from the key of for_each, or the label.", name)
	}
	if other := rd.s.m.r.names[name]; other != nil && other != in {
		rd.errorf(rd.rng, "Duplicate node name", "%s and %s are both called %q. Names come from the key of "+
			"for_each, or the label: "+
			"change one.", other.address, in.address, name)
	}
	rd.s.m.r.names[name] = in
	in.name = name
	return name
}

// bootClasses are the values of Redfish's BootSource (DSP0268, ComputerSystem). An order may also name
// BootOptionReferences.
var bootClasses = list{"Pxe", "Floppy", "Cd", "Usb", "Hdd", "BiosSetup", "Utilities", "Diags", "UefiShell",
	"UefiTarget", "SDCard",
	"UefiHttp", "RemoteDrive", "UefiBootNext", "Recovery"}

func (rd *reader) boot() *rack.BootSpec {
	e := &rack.BootSpec{Mode: rd.word("mode", "mode", "", "UEFI", "Legacy"), Origin: diag.At(rd.rng)}
	e.Order, _ = rd.strs("order", "order")
	if e.HTTPURI, _ = rd.str("http_uri", "http_uri"); e.HTTPURI != "" {
		u, err := url.Parse(e.HTTPURI)
		if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
			rd.errorf(rd.at("http_uri"), "Wrong URI", "%q is not a URL such as \"https://mirror.bne1.example/boot.efi\" (without user or "+
				"password).", e.HTTPURI)
		}
	}
	seen := map[string]bool{}
	for _, o := range e.Order {
		if seen[o] {
			rd.errorf(rd.at("order"), "Duplicate value", "%q stands in the boot order twice.", o)
		}
		seen[o] = true
		if slices.Contains(bootClasses, o) {
			continue
		}
		if s := diag.Suggest(o, bootClasses); s != "" && !strings.HasPrefix(o, "Boot0") || o == "" {
			rd.errorf(rd.at("order"), "Unknown value", "%q is neither a kind of boot device nor the name of a boot "+
				"option.%s", o,
				diag.DidYouMean(o, bootClasses))
		}
	}
	return e
}

func (rd *reader) volumes() []rack.VolumeSpec {
	var out []rack.VolumeSpec
	vols := rd.each("volume", "volumes")
	for _, name := range sortedKeys(vols) {
		v := vols[name]
		e := rack.VolumeSpec{Name: name, Origin: diag.At(v.rng)}
		e.RAID = v.word("raid", "raid", "", rack.RAIDTypes()...)
		e.SizeBytes, _ = v.size("size", "size_bytes")
		e.OnDestroy = v.preset("on_destroy", "keep", "keep", "delete", "erase")
		v.options(&e)
		if d := v.sub("drives", "drives"); d != nil {
			e.Drives = d.selector(1)
			d.members(e)
		} else if _, adopts := v.attr["adopt"]; !adopts {
			v.errorf(v.rng, "Missing block", "Volume %q needs drives { … }: how many, and what they are.", name)
		}
		out = append(out, e)
	}
	return out
}

func (rd *reader) consent() *rack.DataLossGrant {
	yes, ok := rd.boolean("data_loss", "data_loss")
	owner, reason := rd.text("owner"), rd.text("reason")
	if !ok || !yes {
		return nil
	}
	if strings.TrimSpace(owner) == "" || strings.TrimSpace(reason) == "" {
		rd.errorf(rd.rng, "Consent without owner", "Consent to lose data needs an owner and a reason.")
		return nil
	}
	return &rack.DataLossGrant{Owner: owner, Reason: reason, Origin: diag.At(rd.rng)}
}
