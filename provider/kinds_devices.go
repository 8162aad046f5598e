package provider

import (
	"fmt"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var portAttributes = map[string]schema.Attribute{
	"adapter":    optionalText("A part of an adapter's id, name or model; without it the name is the id of a port, function or adapter."),
	"port":       optionalText("The number of one port of these adapters; absent = all."),
	"link":       optionalText("`ethernet` or `infiniband`.", "ethernet", "infiniband"),
	"sr_iov":     optionalBool("Virtual functions, on or off."),
	"boot":       optionalText("`none`, `pxe` or `http`.", "none", "pxe", "http"),
	"attributes": textMap("Settings under the vendor's names."),
}

func networkAdapterKind() *kind {
	k := &kind{name: "network_adapter", stages: true, attrs: map[string]schema.Attribute{
		"name": named("Name of the resource among those of the node; without `adapter`, the id of a port, function or adapter."),
	},
		doc: "Ports of the network adapters of one node: link type, SR-IOV, network boot.", forget: "The ports stay as they are: nothing is sent to the BMC.",
		leaf:     func(own map[string]any) string { return text(own, "name") },
		imported: func(leaf string) map[string]any { return map[string]any{"name": leaf} },
		wish: func(own map[string]any) (wish, error) {
			body, name := without(own, "name"), text(own, "name")
			if len(body) == 0 {
				return wish{}, fmt.Errorf("nothing is declared of %s", name)
			}
			return wish{body: map[string]any{"nics": map[string]any{"port": map[string]any{name: body}}}, leaves: []string{"port " + name}}, nil
		}}
	for n, a := range portAttributes {
		k.attrs[n] = a
	}
	k.at = func(leaf string) path.Path { return afterLabel(leaf, "nics.port[") }
	return k
}

// afterLabel finds the attribute that a leaf below a labelled block comes from.
func afterLabel(leaf, prefix string) path.Path {
	if len(leaf) < len(prefix) || leaf[:len(prefix)] != prefix {
		return path.Empty()
	}
	key, err := strconv.QuotedPrefix(leaf[len(prefix):])
	if err != nil {
		return path.Empty()
	}
	rest := leaf[len(prefix)+len(key):]
	if len(rest) < 2 || rest[:2] != "]." {
		return path.Root("name")
	}
	return attributePath(rest[2:])
}

func dpuKind() *kind {
	return &kind{name: "dpu", stages: true, at: below("nics.dpu."),
		attrs: map[string]schema.Attribute{"mode": schema.StringAttribute{Required: true, MarkdownDescription: "`dpu` or `nic`."}},
		doc:   "Mode of the BlueFields of one node.", forget: "The mode stays as it is: nothing is sent to the BMC.",
		wish: func(own map[string]any) (wish, error) {
			return wish{body: map[string]any{"nics": map[string]any{"dpu": without(own)}}, leaves: []string{"dpu"}}, nil
		}}
}

var driveAttributes = map[string]schema.Attribute{
	"count":      optionalWhole("How many drives."),
	"media":      optionalText("`SSD` or `HDD`."),
	"protocol":   optionalText("`NVMe`, `SAS` or `SATA`."),
	"min_size":   optionalText("Smallest size: `\"3TB\"`."),
	"bays":       texts("Bays, as the BMC names them."),
	"controller": optionalText("A part of the controller's id or name."),
}

var volumeAttributes = map[string]schema.Attribute{
	"raid": schema.StringAttribute{Required: true, MarkdownDescription: "`RAID0`, `RAID1`, `RAID5`, `RAID6`, `RAID10` …"},
	"size": optionalText("Size, with its unit; absent = all of the members."),
	"drives": schema.SingleNestedAttribute{Required: true, MarkdownDescription: "Which drives, by what they are and never by serial.",
		Attributes: driveAttributes},
}

func storageVolumeKind() *kind {
	k := &kind{name: "storage_volume", stages: true, attrs: map[string]schema.Attribute{"name": named("Name of the volume.")},
		doc:      "One local volume of one node. A volume of that name which is as declared is taken as it is; one that differs is never re-created or shrunk.",
		forget:   "The volume and what it holds stay: nothing is sent to the BMC.",
		leaf:     func(own map[string]any) string { return text(own, "name") },
		imported: func(leaf string) map[string]any { return map[string]any{"name": leaf} },
		at:       func(leaf string) path.Path { return afterLabel(leaf, "disks.volume[") },
		wish: func(own map[string]any) (wish, error) {
			name := text(own, "name")
			return wish{body: map[string]any{"disks": map[string]any{"volume": map[string]any{name: without(own, "name")}}}, leaves: []string{"volume " + name}}, nil
		}}
	for n, a := range volumeAttributes {
		k.attrs[n] = a
	}
	return k
}

var serviceAttributes = map[string]schema.Attribute{
	"ntp":               texts("Time servers, first asked first; within the endpoints of the site."),
	"dns":               texts("Name servers; within the endpoints of the site."),
	"syslog":            texts("Receivers of its log; within the endpoints of the site."),
	"snmp":              optionalBool("The SNMP agent."),
	"ipmi_over_lan":     optionalBool("IPMI on the network."),
	"ssh":               optionalBool("The command line on the network."),
	"telnet":            optionalBool("The command line, unencrypted."),
	"http":              optionalBool("The port without TLS."),
	"web":               optionalBool("The web interface for people."),
	"kvm":               optionalBool("Remote screen and keyboard."),
	"vnc":               optionalBool("Remote screen by VNC."),
	"host_interface":    optionalBool("The network between host and controller."),
	"lockdown":          optionalBool("Settings are closed until it is taken off."),
	"session_timeout_s": optionalWhole("Seconds after which an idle Redfish session ends."),
	"web_timeout_s":     optionalWhole("Seconds after which an idle web session ends."),
	"max_sessions":      optionalWhole("Web sessions at once."),
	"banner":            optionalText("Text shown before a login."),
	"asset_tag":         optionalText("The owner's number of the machine."),
}

func bmcServicesKind() *kind {
	return &kind{name: "bmc_services", stages: true, at: below("bmc."), attrs: serviceAttributes,
		doc:    "Services and settings of one node's management controller, in one vocabulary for all vendors. What the controller has no place for is an error when the plan is made.",
		forget: "The settings stay as they are: nothing is sent to the BMC.",
		wish: func(own map[string]any) (wish, error) {
			body := without(own)
			var leaves []string
			for name := range body {
				leaves = append(leaves, "bmc "+name)
			}
			if len(body) == 0 {
				return wish{}, fmt.Errorf("nothing is declared: give at least one setting")
			}
			return wish{body: map[string]any{"bmc": body}, leaves: leaves}, nil
		}}
}

func bmcAttributesKind() *kind {
	return &kind{name: "bmc_attributes", stages: true, at: below("bmc."),
		attrs: map[string]schema.Attribute{"attributes": schema.MapAttribute{Required: true, ElementType: types.StringType,
			MarkdownDescription: "Settings of the controller under the vendor's names, for what `metalwright_bmc_services` has no word for. Names that speak of secrets are refused."}},
		doc: "Vendor settings of one node's management controller.", forget: "The settings stay as they are: nothing is sent to the BMC.",
		wish: func(own map[string]any) (wish, error) {
			all, _ := own["attributes"].(map[string]any)
			var leaves []string
			for name := range all {
				leaves = append(leaves, "bmc attribute "+name)
			}
			if len(all) == 0 {
				return wish{}, fmt.Errorf("nothing is declared: attributes is empty")
			}
			return wish{body: map[string]any{"bmc": map[string]any{"attributes": all}}, leaves: leaves}, nil
		}}
}

func indicatorKind() *kind {
	return &kind{name: "indicator", stages: true, at: below("bmc."),
		attrs: map[string]schema.Attribute{"locate": schema.BoolAttribute{Required: true, MarkdownDescription: "The light by which a person finds the machine."}},
		doc:   "Locator light of one node.", forget: "The light stays as it is: nothing is sent to the BMC.",
		wish: func(own map[string]any) (wish, error) {
			return wish{body: map[string]any{"bmc": without(own)}, leaves: []string{"bmc locate"}}, nil
		}}
}
