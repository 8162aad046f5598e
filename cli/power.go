package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

func newPower(a *app) *cobra.Command {
	const long = `Power switches hosts now, whatever the blueprint says. It is the same engine as apply: a plan with a digest, leases, a journal, the same
refusals (while firmware is being written, over a leak), and the same command goes on after a cut.`
	return parent("power", "Switch hosts on and off", long,
		"  metalwright power status a01-n1 a01-n2\n  metalwright power off a01-n1 --graceful\n  metalwright power cycle a01-n1 --aux --yes",
		a.powerStatus(), a.powerOn(), a.powerDown(plan.DoOff), a.powerDown(plan.DoCycle), a.powerDown(plan.DoReset))
}

func (a *app) powerStatus() *cobra.Command {
	return a.reading("status [NODE]...", "Show whether hosts have power, and how far they have booted",
		"Status reads the power state, the boot progress and the last reset of each host. It changes nothing.",
		"  metalwright power status a01-n1\n  metalwright power status --bmc 10.20.8.11 --trust-new \\\n    --username admin --password-env BMC_PASSWORD", 0,
		func(list []rack.Device) error {
			var rows [][]string
			for _, d := range list {
				h := hostOf(d)
				if d.Via != "" {
					h.BootProgress = "(by " + strings.ToUpper(d.Via) + ": Redfish does not answer)"
				}
				rows = append(rows, []string{d.Node, h.PowerState, h.BootProgress, h.LastResetTime})
			}
			a.table([]string{"NODE", "POWER", "BOOT", "LAST RESET"}, rows)
			return nil
		})
}

func (a *app) powerOn() *cobra.Command {
	return a.verb("on [NODE]...", "Switch hosts on", "On switches hosts on, one after the other within a few seconds. A host that has power is left alone.",
		"  metalwright power on a01-n1 a01-n2", &verbFlags{}, nodesOnly(plan.Verb{Do: plan.DoOn}))
}

// powerDown makes the verbs that take a host down.
func (a *app) powerDown(do plan.Do) *cobra.Command {
	f := &verbFlags{}
	var graceful, force, aux, ac bool
	words := map[plan.Do][4]string{
		plan.DoOff: {"off [NODE]...", "Switch hosts off",
			`Off asks an OS that runs to shut down, and cuts the power when it does not. With --graceful it never cuts; with --force it does not
ask.`, "  metalwright power off a01-n1\n  metalwright power off a01-n1 a01-n2 --graceful --yes"},
		plan.DoCycle: {"cycle [NODE]...", "Take the power away from hosts and give it back",
			`Cycle cuts the power of hosts and gives it back; with --graceful the OS is asked first, and nothing is cut. With --aux standby power goes
too, where the BMC has a verb for it: the BMC restarts with it, and the host comes back on. With --ac all power goes, as if the feeds were
pulled, where the BMC lists FullPowerCycle; for trays on power shelves see metalwright shelf cycle.`,
			"  metalwright power cycle a01-n1\n  metalwright power cycle a01-n1 --aux --yes\n  metalwright power cycle a01-n1 --ac"},
		plan.DoReset: {"reset [NODE]...", "Restart hosts",
			`Reset restarts hosts without taking their power, where the BMC has a verb that does so. With --graceful the OS is shut down first.`,
			"  metalwright power reset a01-n1 --graceful"},
	}[do]
	c := a.verb(words[0], words[1], words[2], words[3], f, func(args []string) (plan.Verb, []string, error) {
		v := plan.Verb{Do: do, Aux: aux, AC: ac}
		switch {
		case graceful:
			v.Manner = step.Graceful
		case force:
			v.Manner = step.Force
		}
		return v, args, nil
	})
	c.Flags().BoolVar(&graceful, "graceful", false, "ask the OS, and never cut the power")
	c.Flags().BoolVar(&force, "force", false, "do not ask the OS")
	c.MarkFlagsMutuallyExclusive("graceful", "force")
	if do == plan.DoCycle {
		c.Flags().BoolVar(&aux, "aux", false, "take standby power away too")
		c.Flags().BoolVar(&ac, "ac", false, "take all power away, as if the feeds were pulled")
		c.MarkFlagsMutuallyExclusive("aux", "ac")
	}
	return c
}

func newBMC(a *app) *cobra.Command {
	return parent("bmc", "Look at BMCs and restart them", "Bmc is about the management controllers themselves.",
		"  metalwright bmc info a01-n1\n  metalwright bmc reset a01-n1",
		a.reading("info [NODE]...", "Show what a BMC is", "Info reads vendor, model, versions, clock and what the BMC can be asked. It changes nothing.",
			"  metalwright bmc info a01-n1 --json", 0, func(list []rack.Device) error {
				var rows [][]string
				for _, d := range list {
					b, h := d.BMC, hostOf(d)
					rows = append(rows, []string{d.Node, b.Vendor, b.Model, b.FirmwareVersion, b.RedfishVersion, b.DateTime, h.Model, h.SerialNumber, d.Endpoint})
				}
				a.table([]string{"NODE", "VENDOR", "BMC", "FIRMWARE", "REDFISH", "CLOCK", "HOST", "SERIAL", "URL"}, rows)
				return nil
			}),
		a.verb("reset [NODE]...", "Restart BMCs; hosts go on running",
			"Reset restarts BMCs and waits until they answer again. Hosts keep their power; consoles and virtual media that go through the BMC are lost.",
			"  metalwright bmc reset a01-n1 --yes", &verbFlags{}, nodesOnly(plan.Verb{Do: plan.DoBMC})))
}

func newBoot(a *app) *cobra.Command {
	const onceLong = `Once arms one boot from another source. It is used at the next start of the host and is no lasting setting; nothing is reset. TARGET is
disk, network, cd, usb, http, bios, or a name that the BMC itself uses.`
	return parent("boot", "Boot once from elsewhere, and show the boot order", `Boot is about the next start of a host. The lasting order belongs in a
blueprint: this only shows it.`, "  metalwright boot once network a01-n1\n  metalwright boot order a01-n1",
		a.verb("once TARGET [NODE]...", "Boot once from a target", onceLong,
			"  metalwright boot once network a01-n1 a01-n2\n  metalwright boot once bios a01-n1 && metalwright power reset a01-n1", &verbFlags{},
			func(args []string) (plan.Verb, []string, error) {
				if len(args) == 0 {
					return plan.Verb{}, nil, errors.New("name a target: disk, network, cd, usb, http, bios")
				}
				return plan.Verb{Do: plan.DoBoot, Value: args[0]}, args[1:], nil
			}),
		a.bootOrder())
}
