package plan

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// bySetup turns what this platform keeps among its BIOS attributes into such, before they are planned: the mode of Secure Boot,
// the state of the TPM, the mode of BlueFields. What it cannot find it leaves to whoever plans that thing, to say so.
func (n *nodeBuild) bySetup() {
	if n.sys.BIOS == nil || n.node.SecureBoot == nil && n.node.TPM == nil && n.node.DPU == nil {
		return
	}
	w := setupWishes{nodeBuild: n, p: biosBuild{nodeBuild: n, b: n.sys.BIOS, r: newRegistry(n.sys.BIOS, n.missingTermIs()),
		want: map[string]any{}, expect: step.Facts{}, set: step.Facts{}}}
	w.secureMode()
	w.tpm()
	w.dpus()
}

// setupWishes are wishes of other blocks that become BIOS attributes.
type setupWishes struct {
	*nodeBuild
	p biosBuild
}

// wish wants an attribute because of another block. It is an error where the bios block wants something else of it.
func (w *setupWishes) wish(name string, value any, from string, origin diag.Origin) {
	spec := rack.BIOSSpec{Origin: origin}
	if w.node.BIOS != nil {
		spec = *w.node.BIOS
	}
	if had, named := spec.Attributes[name]; named && !w.p.r.same(name, had.Value, value) {
		w.block("bios.twice", "Two wishes for one BIOS attribute", fmt.Sprintf("%s wants %s = %s, and bios wants %s. Take one of them out.",
			from, name, show(value), show(had.Value)), originOr(had.Origin, origin))
		return
	}
	spec.Attributes = maps.Clone(spec.Attributes)
	if spec.Attributes == nil {
		spec.Attributes = map[string]rack.BIOSValue{}
	}
	spec.Attributes[name] = rack.BIOSValue{Value: value, From: from, Origin: origin}
	spec.Leave = slices.DeleteFunc(slices.Clone(spec.Leave), func(x string) bool { return x == name })
	w.node.BIOS = &spec
}

// secureMode looks for the attribute that leads from one mode with a platform key to another: Dell has SecureBootMode (recorded
// on R750: UserMode, DeployedMode); Lenovo shows one that is read-only.
func (w *setupWishes) secureMode() {
	spec := w.node.SecureBoot
	if spec == nil || spec.Mode == "" || spec.Mode == rack.SetupMode || w.sys.SecureBoot == nil {
		return
	}
	for _, name := range sortedKeys(w.p.b.Attributes) {
		a := w.p.r.byName[name]
		if !strings.HasSuffix(name, "SecureBootMode") || a == nil || a.ReadOnly || a.Immutable {
			continue
		}
		if _, problem := w.p.r.typed(name, spec.Mode); problem == "" {
			w.modeByBIOS = name
			if w.sys.SecureBoot.Mode != spec.Mode || !w.p.r.same(name, w.p.b.Attributes[name], spec.Mode) {
				w.wish(name, spec.Mode, "secure_boot { mode }", originOr(spec.Origin, w.node.Origin))
			}
			return
		}
	}
}

// The intents of the catalog behind the tpm block.
const (
	intentTPM          = "tpm"
	intentTPMActivated = "tpm_activated"
)

// tpm wants the trusted platform module on or off, and its hierarchies for the operating system.
func (w *setupWishes) tpm() {
	spec := w.node.TPM
	if spec == nil {
		return
	}
	origin := originOr(spec.Origin, w.node.Origin)
	for _, x := range []struct {
		intent, word string
		want         *bool
	}{{intentTPM, "enabled", spec.Enabled}, {intentTPMActivated, "activated", spec.Activated}} {
		if x.want == nil {
			continue
		}
		if *x.want && len(w.sys.TPMs) > 0 && !slices.ContainsFunc(w.sys.TPMs, func(m rack.TPM) bool { return !strings.EqualFold(m.State, "Absent") }) {
			w.block("tpm.absent", "No TPM", "A TPM is wanted, and this host tells that its TPM is absent (TrustedModules).", origin)
			return
		}
		offer, problem := w.p.offer(w.d.BIOSIntents[x.intent], onOff(*x.want))
		if problem != "" {
			w.hands("tpm.unsupported", "TPM cannot be set through this BMC", fmt.Sprintf(
				"tpm { %s = %v } is wanted: %s. Needs hands: the setup screen.", x.word, *x.want, problem), origin)
			continue
		}
		for _, name := range sortedKeys(offer.Set) {
			w.wish(name, offer.Set[name], fmt.Sprintf("tpm { %s = %v }", x.word, *x.want), origin)
		}
	}
}

// planTPM holds what the host tells of its TPM against what is wanted, once the attributes are as wanted.
func (n *nodeBuild) planTPM() {
	spec := n.node.TPM
	if spec == nil || spec.Enabled == nil {
		return
	}
	origin := originOr(spec.Origin, n.node.Origin)
	if n.sys.BIOS == nil {
		n.unreadable("tpm.read", "TPM not readable", "The BIOS of this host was not seen."+because(n.gapsNamed("bios")), origin)
		return
	}
	if n.stopped || n.changed("bios") != nil || len(n.sys.TPMs) == 0 {
		return
	}
	for _, m := range n.sys.TPMs {
		if on := strings.EqualFold(m.State, "Enabled"); m.State != "" && on != *spec.Enabled && !strings.EqualFold(m.State, "Absent") {
			n.later("tpm.state", "TPM is not as its attribute says", fmt.Sprintf("tpm { enabled = %v } is set in the BIOS, and the host tells "+
				"that its TPM is %s. Restart the host, then plan again. If it stays so: needs hands.", *spec.Enabled, m.State), origin)
		}
	}
}

// dpuAttribute finds, among attributes of a host or of a port, the one that says how a BlueField works. UEFI drivers of NVIDIA
// call it INTERNAL_CPU_OFFLOAD_ENGINE: enabled, the card's own cores own the network; disabled, it is a plain adapter.
// The attribute NicMode of a BlueField's own setup is not looked at: it names what was sold, not how it works (ic#3345).
var dpuAttribute = regexp.MustCompile(`(?i)internal_?cpu_?offload_?engine$`)

// dpuWord is a mode as such an attribute spells it.
func dpuWord(mode string) string {
	return map[string]string{"DpuMode": "Enabled", "NicMode": "Disabled"}[mode]
}

// dpus wants the mode of BlueFields that the BIOS of the host keeps. Where the BlueField itself tells and takes its mode, that
// way counts alone.
func (w *setupWishes) dpus() {
	spec := w.node.DPU
	if spec == nil || len(w.sys.DPUs) > 0 {
		return
	}
	origin := originOr(spec.Origin, w.node.Origin)
	for _, name := range sortedKeys(w.p.b.Attributes) {
		if !dpuAttribute.MatchString(name) {
			continue
		}
		w.dpuByBIOS = append(w.dpuByBIOS, name)
		w.wish(name, dpuWord(spec.Mode), "dpu { mode }", origin)
	}
}
