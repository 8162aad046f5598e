package redfish

import (
	"context"
	"regexp"
	"strings"
)

// Identity is what a BMC is, by what it says of itself: never by the ids in its URIs.
type Identity struct {
	Vendor         string // Dell, HPE, Supermicro, Lenovo, NVIDIA, AMI …; "" = not told
	Product        string // of the service root
	Dialect        string // idrac, ilo, supermicro, xcc, ami, openbmc, unknown
	RedfishVersion string
	UUID           string
	Model          string // of the host, when systems were given; else of the BMC
	BMCModel       string
	BMCVersion     string // as the BMC words it
	Manager        string // URI of the manager that provides the service
}

// Unknown is the dialect of a BMC that no rule recognises. Everything generic works with it.
const Unknown = "unknown"

// IdentityOf recognises a BMC from its service root and, as far as they were read, its managers and systems.
func IdentityOf(root Object, managers, systems []*Resource) Identity {
	id := identityOfRoot(root)
	if m := servingManager(root, managers); m != nil {
		id.Manager, id.BMCModel, id.BMCVersion = m.URI, m.Obj.Str("Model"), m.Obj.Str("FirmwareVersion")
		id.Dialect = dialectOf(id.Vendor, oemKeys(root), oemKeys(m.Obj), id.BMCModel)
		if id.Vendor == "" {
			id.Vendor = vendorName(m.Obj.Str("Manufacturer"))
		}
		if id.UUID == "" {
			id.UUID = m.Obj.Str("ServiceEntryPointUUID")
		}
		id.Model = id.BMCModel
	}
	for _, s := range systems {
		model, maker := s.Obj.Str("Model"), s.Obj.Str("Manufacturer")
		if model != "" && s.Obj.Has("Actions", "#ComputerSystem.Reset") {
			id.Model = model
		}
		if id.Vendor == "" && !strings.Contains(maker, "://") { // BlueField-3 names a URL
			id.Vendor = vendorName(maker)
		}
	}
	if id.Model == id.BMCModel { // GB200: the host's system names no model, the baseboard beside it does (recorded)
		for _, s := range systems {
			if model := s.Obj.Str("Model"); model != "" && id.Model == id.BMCModel {
				id.Model = model
			}
		}
	}
	if id.Vendor == "" {
		id.Vendor = vendorOfDialect[id.Dialect]
	}
	return id
}

// Identify reads root and managers, recognises the BMC and adopts its quirks.
func (c *Client) Identify(ctx context.Context) (Identity, error) {
	root, err := c.Root(ctx)
	if err != nil {
		return Identity{}, err
	}
	var managers []*Resource
	if l := root.Obj.Link("Managers"); l != "" {
		if managers, _, err = c.Members(ctx, l); err != nil && endsAll(err) {
			return Identity{}, err
		}
	}
	id := IdentityOf(root.Obj, managers, nil)
	c.Adopt(id)
	return id, nil
}

// Adopt applies the quirks of an identity, for a caller that has read managers and systems itself.
func (c *Client) Adopt(id Identity) Set {
	s := Quirks(id)
	c.adopt(s)
	return s
}

// Quirks gives the quirks in force: those of the service root until Identify or Adopt was called.
func (c *Client) Quirks() Set {
	if s := c.quirks.Load(); s != nil {
		return *s
	}
	return Set{}
}

func (c *Client) adopt(s Set) {
	if s.Does(OneInFlight) {
		c.limit.setCeiling(1)
	}
	if s.Does(BareTag) {
		c.etag.took(noQuotes)
	}
	c.slow.Store(s.Does(SlowReads))
	c.quirks.Store(&s)
}

func identityOfRoot(root Object) Identity {
	id := Identity{
		Vendor: vendorName(root.Str("Vendor")), Product: root.Str("Product"), RedfishVersion: root.Str("RedfishVersion"),
		UUID: root.Str("UUID"),
	}
	id.Dialect = dialectOf(id.Vendor, oemKeys(root), nil, "")
	return id
}

// servingManager picks the manager that provides the service, when there are several (a host BMC beside an HGX BMC): the one
// that the root names, else the one that looks most like a BMC with a network of its own and the root's vendor.
func servingManager(root Object, managers []*Resource) *Resource {
	named := Key(root.Link("Links", "ManagerProvidingService"))
	rootOEM := oemKeys(root)
	var best *Resource
	most := -1
	for _, m := range managers {
		score := 0
		add := func(n int, yes bool) {
			if yes {
				score += n
			}
		}
		add(32, named != "" && named == Key(m.URI))
		for k := range oemKeys(m.Obj) {
			add(8, rootOEM[k])
		}
		kind := strings.ToLower(m.Obj.Str("ManagerType"))
		add(4, kind == "bmc" || kind == "managementcontroller" || kind == "enclosuremanager")
		add(-4, kind == "service" || kind == "auxiliarycontroller")
		add(2, m.Obj.Link("NetworkProtocol") != "")
		add(1, m.Obj.Link("EthernetInterfaces") != "")
		add(1, m.Obj.Link("VirtualMedia") != "")
		add(1, len(m.Obj.Links("Links", "ManagerForServers")) > 0)
		if score > most {
			best, most = m, score
		}
	}
	return best
}

func oemKeys(o Object) map[string]bool {
	out := map[string]bool{}
	for k := range o.Obj("Oem") {
		if !strings.HasPrefix(k, "@") {
			out[strings.ToLower(k)] = true
		}
	}
	return out
}

// dialectOf judges the firmware family by OEM keys first: they name who wrote the firmware, while Vendor may name who sold
// the machine. A Supermicro machine may run OpenBMC, and a NVIDIA one AMI's firmware.
func dialectOf(vendor string, root, manager map[string]bool, model string) string {
	has := func(k string) bool { return root[k] || manager[k] }
	m := strings.ToLower(model)
	switch {
	case has("dell"):
		return "idrac"
	case has("hpe"), has("hp"):
		return "ilo"
	case has("lenovo"):
		return "xcc"
	case has("ami"):
		return "ami"
	case manager["openbmc"], root["openbmc"], strings.Contains(m, "openbmc"):
		return "openbmc"
	case has("supermicro"):
		return "supermicro"
	case strings.Contains(m, "idrac"):
		return "idrac"
	case strings.HasPrefix(m, "ilo"):
		return "ilo"
	case strings.Contains(m, "xclarity"):
		return "xcc"
	case has("nvidia") && vendor != "AMI":
		return "openbmc"
	}
	if d := dialectOfVendor[vendor]; d != "" {
		return d
	}
	return Unknown
}

var dialectOfVendor = map[string]string{
	"Dell": "idrac", "HPE": "ilo", "Supermicro": "supermicro", "Lenovo": "xcc", "AMI": "ami", "NVIDIA": "openbmc", "OpenBMC": "openbmc",
}

var vendorOfDialect = map[string]string{"idrac": "Dell", "ilo": "HPE", "supermicro": "Supermicro", "xcc": "Lenovo", "ami": "AMI"}

// vendorName gives one spelling to the vendors that the quirk table names, and leaves others as they are.
func vendorName(s string) string {
	l := strings.ToLower(strings.TrimSpace(s))
	for _, v := range []struct{ part, name string }{
		{"dell", "Dell"}, {"hewlett", "HPE"}, {"hpe", "HPE"}, {"supermicro", "Supermicro"}, {"super micro", "Supermicro"},
		{"lenovo", "Lenovo"}, {"american megatrends", "AMI"}, {"nvidia", "NVIDIA"}, {"openbmc", "OpenBMC"}, {"lite-on", "Lite-On"},
		{"gigabyte", "Gigabyte"}, {"giga computing", "Gigabyte"}, {"asrock", "ASRockRack"}, {"huawei", "Huawei"}, {"nokia", "Nokia"},
		{"cisco", "Cisco"}, {"wiwynn", "Wiwynn"}, {"quanta", "Quanta"}, {"inspur", "Inspur"}, {"fujitsu", "Fujitsu"},
	} {
		if strings.Contains(l, v.part) {
			return v.name
		}
	}
	if l == "ami" {
		return "AMI"
	}
	return strings.TrimSpace(s)
}

var versionText = regexp.MustCompile(`\d+(?:\.\d+)+`)

// VersionNumber picks the dotted number out of a BMC's version text: "iLO 6 v1.66" gives 1.66, "TGBT42S 2.83 2023-07-05"
// gives 2.83. "" when there is none.
func VersionNumber(s string) string { return versionText.FindString(s) }
