package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// unsafeBootOrder lists platforms whose boot order is never written: correcting it there is known to do harm (R62,
// NICo). Keys are Redfish model strings.
var unsafeBootOrder = map[string]string{
	"DGXH100": "R62: correcting the boot order of a DGX H100 is unsafe",
}

// planBoot compares the persistent boot order and mode.
func (n *nodeBuild) planBoot() {
	spec := n.node.Boot
	if spec == nil || spec.Mode == "" && len(spec.Order) == 0 && spec.HTTPURI == "" {
		return
	}
	origin := originOr(spec.Origin, n.node.Origin)
	if n.sys.Boot == nil {
		n.unreadable("boot.read", "Boot settings not readable", "The host shows no boot settings."+because(n.gapsAt(n.sys.Path)), origin)
		return
	}
	b := bootBuild{nodeBuild: n, boot: *n.sys.Boot, origin: origin}
	b.httpURI(spec.HTTPURI)
	if !b.trusted(spec) {
		return
	}
	want, expect := step.Facts{}, step.Facts{}
	if len(spec.Order) > 0 {
		order, differs := b.order(spec.Order)
		if differs {
			want["order"], expect["order"] = anyList(order), anyList(b.boot.Order)
		}
	}
	if mode, differs := b.mode(spec.Mode); differs {
		want["mode"], expect["mode"] = spec.Mode, mode
	}
	if len(want) == 0 || n.stopped {
		return
	}
	if why, unsafe := unsafeBootOrder[n.sys.Model]; unsafe {
		n.later("boot.unsafe", "Boot order is not written here", fmt.Sprintf(
			"%s is wanted and %s is set. Needs hands: change it in the setup screen. %s.", factsText(want), factsText(expect), why), origin)
		return
	}
	if !b.boot.OrderWritable && want["order"] != nil {
		n.block("boot.order", "Boot order unsupported on this BMC", fmt.Sprintf(
			"The order is %s and %s is wanted; this BMC does not let it be written.",
			strings.Join(b.boot.Order, ", "), strings.Join(spec.Order, ", ")), origin)
		return
	}
	n.add(&change{key: string(step.BootOrder), step: step.Step{
		Kind: step.BootOrder, Activation: step.HostReset, Expect: expect, Want: want, EstimatedS: settingsS,
		Origin: origin, Why: "boot order or mode differs; it counts from the next boot on",
	}})
}

// httpURI wants what UEFI HTTP boot loads. It is no setting of the firmware but of the BMC, and counts from the next HTTP boot.
func (b *bootBuild) httpURI(want string) {
	switch now := b.boot.HTTPURI; {
	case want == "":
	case now == nil:
		b.block("boot.http_uri", "HTTP boot URI unsupported on this BMC", fmt.Sprintf("%s is wanted; this BMC has no HttpBootUri. Let DHCP "+
			"give the URI, or set it by the BIOS attributes of this platform, where it has some.", want), b.origin)
	case *now != want:
		b.add(&change{key: "boot_order:http_uri", step: step.Step{
			Kind: step.BootOrder, Activation: step.None, Expect: step.Facts{"http_uri": *now}, Want: step.Facts{"http_uri": want},
			EstimatedS: settingsS, Origin: b.origin, Why: "HTTP boot loads something else",
		}})
	}
}

// bootBuild is the boot settings of one host.
type bootBuild struct {
	*nodeBuild
	boot   rack.Boot
	origin diag.Origin
}

// order turns classes into references and tells whether the host differs. Compared are the first entry and the set:
// some BMCs drop or re-sort what comes later (R60).
func (b *bootBuild) order(wanted []string) (order []string, differs bool) {
	if len(b.boot.Order) == 0 && len(b.boot.Options) == 0 {
		b.unreadable("boot.read", "Boot order not readable", "The host lists neither an order nor options."+
			because(b.gapsNamed("bootoptions")), b.origin)
		return nil, false
	}
	var first []string // references of the first entry; none while its option is not there yet
	var missing []string
	for i, entry := range wanted {
		refs := b.references(entry)
		if len(refs) == 0 {
			missing = append(missing, entry)
			continue
		}
		if i == 0 {
			first = refs
		}
		for _, r := range refs {
			if !slices.Contains(order, r) {
				order = append(order, r)
			}
		}
	}
	if len(missing) > 0 {
		b.missing(missing, len(order) == 0)
	}
	if len(order) == 0 || b.stopped {
		return nil, false
	}
	for _, r := range b.boot.Order { // what nobody asked for stays, at the end
		if !slices.Contains(order, r) {
			order = append(order, r)
		}
	}
	if len(first) == 0 && len(b.boot.Order) > 0 {
		// What should stand first is not there yet; nothing else is moved ahead of what may be it under another name.
		order = append([]string{b.boot.Order[0]}, slices.DeleteFunc(order, func(r string) bool { return r == b.boot.Order[0] })...)
		first = order[:1]
	}
	differs = len(b.boot.Order) == 0 || !slices.Contains(first, b.boot.Order[0]) ||
		slices.ContainsFunc(order, func(r string) bool { return !slices.Contains(b.boot.Order, r) })
	return order, differs
}

// missing tells which entries have no boot option. Some appear only after a reboot (Supermicro, HTTP boot).
func (b *bootBuild) missing(entries []string, all bool) {
	if gaps := b.gapsNamed("bootoptions"); len(gaps) > 0 {
		b.unreadable("boot.read", "Boot options not readable", fmt.Sprintf("No option is %s.%s", quotedOr(entries), because(gaps)), b.origin)
		return
	}
	detail := fmt.Sprintf("This host has no boot option %s now; options may appear after an installation or a reboot.", quotedOr(entries))
	if all {
		b.later("boot.option", "Boot option not there yet", detail+" The order is left alone until then.", b.origin)
		return
	}
	b.warn("boot.option", "Boot option not there yet", detail, b.origin)
}

// references resolves one wanted entry: a BootOptionReference, or a class.
func (b *bootBuild) references(entry string) []string {
	var options []rack.BootOption
	for _, ref := range b.boot.Order {
		i := slices.IndexFunc(b.boot.Options, func(o rack.BootOption) bool { return o.Reference == ref })
		if i >= 0 {
			options = append(options, b.boot.Options[i])
		} else {
			options = append(options, rack.BootOption{Reference: ref, Name: ref, Enabled: true})
		}
	}
	rest := slices.Clone(b.boot.Options)
	slices.SortFunc(rest, func(x, y rack.BootOption) int { return strings.Compare(x.Reference, y.Reference) })
	for _, o := range rest {
		if !slices.ContainsFunc(options, func(x rack.BootOption) bool { return x.Reference == o.Reference }) {
			options = append(options, o)
		}
	}
	var out []string
	for _, o := range options {
		if o.Reference == entry {
			return []string{entry}
		}
		if inClass(o, entry) && usable(o) {
			out = append(out, o.Reference)
		}
	}
	return out
}

// classWord is a mark of a class, in lower case.
type classWord struct {
	class string
	words []string
}

// pathWords finds the class of an option by the nodes of its UEFI device path (UEFI specification §10). A network card
// on a USB bus is a network card, so the order counts.
var pathWords = []classWord{
	{"UefiHttp", []string{"uri("}},
	{"Pxe", []string{"mac(", "ipv4(", "ipv6("}},
	{"Cd", []string{"cdrom("}},
	{"Usb", []string{"usb(", "usbclass("}},
	{"Hdd", []string{"hd(", "nvme(", "sata(", "scsi(", "sas(", `\efi\`, ".efi"}},
}

// nameWords finds it by the name, where the path says nothing: as BMCs and installers write them.
var nameWords = []classWord{
	{"UefiHttp", []string{"http"}},
	{"Pxe", []string{"pxe", "network"}},
	{"Cd", []string{"cd/dvd", "cdrom", "cd-rom", "dvd", "optical", "virtual cd"}},
	{"Usb", []string{"usb", "floppy"}},
	{"Hdd", []string{"hard disk", "harddisk", "hard drive", "fixed disk", "hdd", "nvme", "ssd", "raid", "logical drive", "virtual disk",
		"boss", "boot manager", "ubuntu", "debian", "red hat", "rhel", "rocky", "alma", "suse", "linux", "esxi", "dgx os"}},
}

func inClass(o rack.BootOption, class string) bool {
	if o.Alias != "" {
		return strings.EqualFold(o.Alias, class)
	}
	for _, x := range []struct {
		text  string
		words []classWord
	}{{o.UEFIPath, pathWords}, {o.Name, nameWords}} {
		text := strings.ToLower(x.text)
		for _, c := range x.words {
			if slices.ContainsFunc(c.words, func(w string) bool { return strings.Contains(text, w) }) {
				return strings.EqualFold(c.class, class)
			}
		}
	}
	return false
}

// usable tells whether an option can be booted; Dell keeps entries of systems that are gone, and says so in the name.
func usable(o rack.BootOption) bool { return o.Enabled && !strings.HasPrefix(o.Name, "Unavailable") }

// mode compares the boot mode, where the host tells it: as the override mode, as a BIOS attribute of that name, or by
// the kind of its boot options.
func (b *bootBuild) mode(want string) (now string, differs bool) {
	if want == "" {
		return "", false
	}
	now = b.boot.OverrideMode
	if now == "" && b.sys.BIOS != nil {
		for _, name := range sortedKeys(b.sys.BIOS.Attributes) {
			if strings.EqualFold(name, "BootMode") || strings.HasSuffix(name, "SystemBootMode") {
				now = fmt.Sprint(b.sys.BIOS.Attributes[name])
			}
		}
	}
	if now == "" && slices.ContainsFunc(b.boot.Options, func(o rack.BootOption) bool { return o.UEFIPath != "" }) {
		now = "UEFI" // only UEFI firmware has device paths (OpenBMC and AMI tell no mode)
	}
	if now == "" {
		b.warn("boot.mode", "Boot mode not readable",
			fmt.Sprintf("Boot mode %s is wanted; this host does not tell its mode, so it is left alone.", want), b.origin)
		return "", false
	}
	return now, bootMode(now) != bootMode(want)
}

// bootMode reduces spellings: UEFI, Uefi, UEFIMode; Legacy, LegacyMode, Bios.
func bootMode(s string) string {
	switch s = strings.TrimSuffix(strings.ToLower(s), "mode"); s {
	case "bios":
		return "legacy"
	default:
		return s
	}
}

func anyList(list []string) []any {
	out := []any{}
	for _, s := range list {
		out = append(out, s)
	}
	return out
}

// factsText is a step's facts for people: "order Boot0001, Boot0000 and mode UEFI".
func factsText(f step.Facts) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		text := fmt.Sprint(f[name])
		if l, ok := f[name].([]any); ok {
			text = strings.ReplaceAll(strings.Trim(text, "[]"), " ", ", ")
			if len(l) == 0 {
				text = "none"
			}
		}
		out = append(out, name+" "+text)
	}
	return strings.Join(out, " and ")
}
