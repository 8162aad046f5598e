package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// Do is what an ad hoc verb does.
type Do string

// The things that a technician can say.
const (
	DoOn     Do = "power on"
	DoOff    Do = "power off"
	DoCycle  Do = "power cycle"
	DoReset  Do = "power reset"
	DoBoot   Do = "boot once" // Value: the target
	DoBMC    Do = "bmc reset"
	DoInsert Do = "media insert" // Value: the URL
	DoEject  Do = "media eject"
	DoLED    Do = "led"        // Value: Lit, Blinking, Off
	DoClear  Do = "jobs clear" // take out of the queue what is dead, and what waits
	DoDump   Do = "logs dump"  // collect diagnostic data
	DoRotate Do = "rotate"     // give the BMC's account a new password

	DoCertificate Do = "rotate --certificates" // have the BMC's certificate replaced
)

// Verb is one thing to do to nodes now, whatever the blueprint says.
type Verb struct {
	Do     Do
	Value  string
	Manner string // of power off, cycle and reset: step.Graceful, step.Force or empty
	Aux    bool   // of power cycle: standby power too
	AC     bool   // of power cycle: all power, as if the feeds were pulled
	// Consent is whoever takes it upon himself that data is lost, and why; for verbs that lose some.
	Consent *rack.DataLossGrant

	EveryTray bool      // of shelf off and cycle: consent that everything on the rails may lose its power
	Now       time.Time // for expiry of waivers; not a part of what is said
}

// String is the verb as it stands in plan and journal.
func (v Verb) String() string {
	words := []string{string(v.Do)}
	if v.Value != "" {
		words = append(words, v.Value)
	}
	if v.Aux {
		words = append(words, "--aux")
	}
	if v.AC {
		words = append(words, "--ac")
	}
	if v.EveryTray {
		words = append(words, "--every-tray")
	}
	if v.Manner != "" {
		words = append(words, "--"+v.Manner)
	}
	return strings.Join(words, " ")
}

// Interrupts tells whether a step takes a host down or the BMC away from whoever else uses it: what wants a question.
func Interrupts(s step.Step) bool {
	return s.Kind == step.Reset || s.Kind == step.Power && s.Want["power_state"] == powerOff ||
		s.Kind == step.ShelfPower && s.Want["power_state"] != powerOn
}

// Drops tells whether a step throws away what somebody has staged and waits for its turn: that wants a question too.
func Drops(s step.Step) bool { return s.Kind == step.ClearJobs && len(s.Args.Targets) > 0 }

// Say plans a verb for nodes: none for a node that is so already. o holds what was read of them. What
// cannot be done on a node is Blocked in the report, and nothing of that node is planned. Pure, as Build is.
func Say(d rack.Design, o rack.Observation, v Verb, nodes []string) Plan {
	p := Plan{Format: Format, Design: d.Digest(), Observation: o.Digest(), Nodes: []NodePlan{}, Waves: []Wave{}, Verb: v.String(),
		Report: Report{Waiting: []Note{}, Blocked: []Note{}, Unreadable: []Note{}, NotPlanned: []Note{}}}
	if v.Shelf() {
		v.sayShelf(d, o, &p, nodes)
		p.Digest = p.ComputeDigest()
		return p
	}
	for _, name := range nodes {
		n, ok := d.Node(name)
		if !ok {
			continue
		}
		note := Note{Address: n.Address, Node: n.Name}
		dev, ok := o.Device(n.Name)
		sys, host := dev.Host()
		if !ok || !host && v.Do != DoRotate {
			note.Rule, note.Summary, note.Detail = "verb.read", "Node not readable", "Its BMC could not be read."+because(o.GapsOf(string(n.Address)))
			p.Report.Unreadable = append(p.Report.Unreadable, note)
			continue
		}
		steps, why := v.steps(d, n, dev, sys)
		if dev.Via != "" {
			steps, why = v.byIPMI(dev, sys)
		}
		switch {
		case why != "":
			note.Rule, note.Summary, note.Detail = "verb.unsupported", "Cannot be done", why
			p.Report.Blocked = append(p.Report.Blocked, note)
			continue
		case len(steps) == 0:
			continue
		}
		if dev.Via != "" {
			note.Rule, note.Summary, note.Detail = "ipmi.used", "By IPMI", "Its BMC does not answer Redfish: this goes by IPMI."
			p.Report.Warnings = append(p.Report.Warnings, note)
		}
		if text := declaredLight(n, v); text != "" {
			note.Rule, note.Summary, note.Detail = "led.locate", "The blueprint keeps this light", text
			p.Report.Warnings = append(p.Report.Warnings, note)
		}
		np := NodePlan{Address: n.Address, Name: n.Name, Steps: steps, Resets: map[string]int{}}
		for i := range steps {
			s := &steps[i]
			s.Address, s.Node, s.After, s.Args.System, s.Why = n.Address, n.Name, []step.ID{}, sys.Path, "metalwright "+v.String()
			s.ID = step.ID(fmt.Sprintf("%s/%02d0-%s", n.Name, i+1, strings.ReplaceAll(string(s.Kind), "_", "-")))
			np.EstimatedS += s.EstimatedS
			if s.Kind == step.Reset {
				np.Resets[s.Activation.String()]++
				np.NaiveResets++
			}
		}
		activate(steps)
		np.Holds = holds(d, o, n, dev, steps)
		p.Nodes = append(p.Nodes, np)
	}
	gate := v.budget(d, o, &p)
	v.waves(d, &p)
	p.Power = domains(d, gate, p.Nodes)
	p.Digest = p.ComputeDigest()
	return p
}

// steps makes the steps for one node; none and "" when it is so already, else why it cannot be done.
func (v Verb) steps(d rack.Design, n rack.Node, dev rack.Device, sys rack.System) ([]step.Step, string) {
	switch v.Do {
	case DoRotate:
		return rotate(n, dev)
	case DoCertificate:
		return renewNow(d, n, dev)
	case DoOn, DoOff:
		return v.power(dev, sys)
	case DoCycle, DoReset:
		return v.reset(dev, sys)
	case DoBMC:
		if len(dev.Capabilities.ManagerResetTypes) > 0 && !offers(dev.Capabilities.ManagerResetTypes, "GracefulRestart", "ForceRestart") {
			return nil, "This BMC offers no restart of itself; it lists " + strings.Join(dev.Capabilities.ManagerResetTypes, ", ") + "."
		}
		return []step.Step{{Kind: step.Reset, Activation: step.BMCReset, EstimatedS: bmcResetS}}, ""
	case DoBoot:
		return v.boot(sys)
	case DoInsert, DoEject:
		return v.media(sys)
	case DoLED:
		return v.led(dev)
	case DoDump:
		return v.dump(dev)
	case DoClear:
		return clearJobs(dev)
	}
	if v.aboutDisks() {
		return v.disks(n, sys)
	}
	return nil, fmt.Sprintf("%q is no verb of this version.", v.Do)
}

func offers(list []string, any ...string) bool {
	return slices.ContainsFunc(any, func(w string) bool { return slices.Contains(list, w) })
}

// graceful says why a host cannot be asked to go down in order, or "".
func (v Verb) graceful(dev rack.Device) string {
	types := dev.Capabilities.ResetTypes
	if v.Manner == step.Graceful && len(types) > 0 && !slices.Contains(types, "GracefulShutdown") {
		return "This BMC offers no graceful shutdown; it lists " + strings.Join(types, ", ") + ". Without --graceful the power is cut."
	}
	return ""
}

func (v Verb) power(dev rack.Device, sys rack.System) ([]step.Step, string) {
	want, was, seconds := powerOn, sys.PowerState, postS
	if v.Do == DoOff {
		want, seconds = powerOff, shutdownS
		if why := v.graceful(dev); why != "" {
			return nil, why
		}
	}
	switch was {
	case want:
		return nil, ""
	case "":
		return nil, "The BMC does not say whether the host has power."
	}
	return []step.Step{{Kind: step.Power, Activation: step.None, Expect: step.Facts{"power_state": was}, Want: step.Facts{"power_state": want},
		Args: step.Args{Manner: v.Manner}, EstimatedS: seconds}}, ""
}

func (v Verb) reset(dev rack.Device, sys rack.System) ([]step.Step, string) {
	class, seconds := step.HostReset, postS
	switch {
	case v.AC:
		class, seconds = step.ACCycle, auxCycleS
		if !slices.Contains(dev.Capabilities.ResetTypes, "FullPowerCycle") {
			return nil, "No verb of this BMC takes all power of the machine (" + resetList(dev.Capabilities.ResetTypes) + "). Needs hands: pull its " +
				"power feeds. Where power shelves feed it, metalwright shelf cycle takes their rails down, and every tray with them."
		}
	case v.Aux:
		class, seconds = step.AuxCycle, auxCycleS
		if dev.Capabilities.AuxCycle == "" {
			return nil, "No verb of this BMC cuts standby power. Pull the power feed by hand."
		}
	case v.Do == DoCycle:
		class = step.HostPowerCycle
	}
	if hostOff(sys.PowerState) && !v.Aux && !v.AC {
		return nil, "The host is " + sys.PowerState + ": there is nothing to " + strings.TrimPrefix(string(v.Do), "power ") +
			". Switch it on with metalwright power on."
	}
	if why := v.graceful(dev); why != "" {
		return nil, why
	}
	return []step.Step{{Kind: step.Reset, Activation: class, Args: step.Args{Manner: v.Manner}, EstimatedS: seconds}}, ""
}

// bootWords are what people call boot sources, beside Redfish's own names.
var bootWords = map[string]string{"disk": "Hdd", "hdd": "Hdd", "network": "Pxe", "pxe": "Pxe", "cd": "Cd", "dvd": "Cd", "iso": "Cd",
	"usb": "Usb", "bios": "BiosSetup", "setup": "BiosSetup", "http": "UefiHttp", "shell": "UefiShell"}

// BootTarget is Redfish's name of a boot source that a person wrote.
func BootTarget(word string, offered []string) string {
	if t := bootWords[strings.ToLower(word)]; t != "" {
		return t
	}
	for _, t := range offered {
		if strings.EqualFold(t, word) {
			return t
		}
	}
	return word
}

func (v Verb) boot(sys rack.System) ([]step.Step, string) {
	b := sys.Boot
	if b == nil {
		return nil, "This BMC shows no boot settings."
	}
	target := BootTarget(v.Value, b.Targets)
	also := target
	if target == cdTarget {
		also = "UsbCd" // R28
	}
	if target == "None" || len(b.Targets) > 0 && !offers(b.Targets, target, also) {
		return nil, fmt.Sprintf("This BMC boots once from %s, not from %q.%s", strings.Join(b.Targets, ", "), v.Value,
			diag.DidYouMean(v.Value, b.Targets))
	}
	if b.OverrideEnabled == "Once" && (b.OverrideTarget == target || b.OverrideTarget == also) {
		return nil, ""
	}
	s := step.Step{Kind: step.BootOnce, Activation: step.None, Expect: step.Facts{"target": b.OverrideTarget},
		Want: step.Facts{"target": target}, EstimatedS: settingsS}
	if b.OverrideMode != "" {
		s.Expect["mode"], s.Want["mode"] = b.OverrideMode, b.OverrideMode
	}
	return []step.Step{s}, ""
}

func (v Verb) media(sys rack.System) (out []step.Step, why string) {
	n := nodeBuild{sys: sys}
	slots := n.discSlots()
	if len(slots) == 0 {
		return nil, "This BMC offers no virtual media slot for a disc image."
	}
	if v.Do == DoEject {
		for _, m := range slots {
			if m.Inserted {
				out = append(out, step.Step{Kind: step.Media, Activation: step.None, Expect: step.Facts{"image": m.Image, "inserted": true},
					Want: step.Facts{"image": "", "inserted": false}, Args: step.Args{Path: m.Path}, EstimatedS: mediaS})
			}
		}
		return out, ""
	}
	if slices.ContainsFunc(slots, func(m rack.MediaSlot) bool { return m.Inserted && m.Image == v.Value }) {
		return nil, ""
	}
	free := slices.IndexFunc(slots, func(m rack.MediaSlot) bool { return !m.Inserted })
	if free < 0 { // R76: ejecting what a running installer reads from corrupts it
		return nil, fmt.Sprintf("Slot %s holds %s. Eject it when nothing reads from it any more: metalwright media eject.", slots[0].ID,
			slots[0].Image)
	}
	m := slots[free]
	return []step.Step{{Kind: step.Media, Activation: step.None, Expect: step.Facts{"image": m.Image, "inserted": m.Inserted},
		Want: step.Facts{"image": v.Value, "inserted": true}, Args: step.Args{Path: m.Path}, EstimatedS: mediaS}}, ""
}

func (v Verb) led(dev rack.Device) ([]step.Step, string) {
	l := dev.Locator
	switch {
	case l == nil:
		return nil, "This BMC shows no locator light."
	case !slices.Contains(l.Can, v.Value):
		return nil, fmt.Sprintf("The light of this BMC can be %s, not %s.", strings.Join(l.Can, " or "), v.Value)
	case l.State == v.Value:
		return nil, ""
	}
	return []step.Step{{Kind: step.LED, Activation: step.None, Expect: step.Facts{"led": l.State}, Want: step.Facts{"led": v.Value},
		EstimatedS: settingsS}}, ""
}

// declaredLight says what a blueprint has to say about the light that a verb switches; "" = nothing.
func declaredLight(n rack.Node, v Verb) string {
	if v.Do != DoLED || n.BMC.Manager == nil {
		return ""
	}
	locate, ok := n.BMC.Manager.Settings["locate"]
	if !ok || locate.Value == (v.Value != rack.LEDOff) {
		return ""
	}
	return fmt.Sprintf("The blueprint says locate = %v for it, which is the same light: the next apply puts it back.", locate.Value)
}

func (v Verb) dump(dev rack.Device) ([]step.Step, string) {
	if len(dev.Dumps) == 0 {
		return nil, "This BMC offers no diagnostic data that this version can collect: no log service of it has CollectDiagnosticData, and it " +
			"has no Active Health System log."
	}
	for _, x := range dev.Dumps {
		if x.Target == "" {
			return nil, "" // it is there already
		}
	}
	x := dev.Dumps[0]
	data := x.Type
	if x.OEM != "" {
		data += "/" + x.OEM
	}
	return []step.Step{{Kind: step.Dump, Activation: step.None, Args: step.Args{Path: x.Path, Targets: []string{x.Target}, Data: data},
		EstimatedS: dumpS}}, ""
}

const dumpS = 300 // a BMC packs for some minutes

// clearJobs takes out what has ended and what waits; a job that runs stays, and so does one that will write firmware.
func clearJobs(dev rack.Device) ([]step.Step, string) {
	if dev.JobQueue == "" {
		return nil, "This BMC keeps no job queue that could be cleared; its tasks go by themselves."
	}
	dead, waiting := []string{}, []string{}
	for _, j := range dev.Jobs {
		switch {
		case j.Phase == "done" || j.Phase == "failed":
			dead = append(dead, j.ID)
		case j.Phase == "waiting" && !j.Firmware:
			waiting = append(waiting, j.ID)
		}
	}
	if len(dead)+len(waiting) == 0 {
		return nil, ""
	}
	return []step.Step{{Kind: step.ClearJobs, Activation: step.None, Expect: step.Facts{"ended": anyList(dead), "waiting": anyList(waiting)},
		Want: step.Facts{"ended": []any{}, "waiting": []any{}}, Args: step.Args{Targets: waiting}, EstimatedS: settingsS}}, ""
}
