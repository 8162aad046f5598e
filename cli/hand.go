package cli

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
)

func (a *app) bootOrder() *cobra.Command {
	return a.reading("order [NODE]...", "Show the boot order and what is armed for the next boot",
		"Order shows the persistent boot order, one line an entry, and a one-time boot that waits. It changes nothing.",
		"  metalwright boot order a01-n1", engine.LookBoot, func(list []rack.Device) error {
			for _, d := range list {
				a.showBoot(d)
			}
			return nil
		})
}

func (a *app) showBoot(d rack.Device) {
	b := hostOf(d).Boot
	if b == nil {
		a.printf("%s  shows no boot settings\n", d.Node)
		return
	}
	once := "none"
	if b.OverrideEnabled != "" && b.OverrideEnabled != "Disabled" {
		once = b.OverrideTarget + " (" + b.OverrideEnabled + ")"
	}
	a.printf("%s  boot once: %s\n", d.Node, once)
	names := map[string]string{}
	for _, o := range b.Options {
		names[o.Reference] = o.Name
		if !o.Enabled {
			names[o.Reference] += " (disabled)"
		}
	}
	for i, ref := range b.Order {
		a.printf("  %2d  %s  %s\n", i+1, ref, names[ref])
	}
	if len(b.Targets) > 0 {
		a.hang("  can boot once from ", strings.Join(b.Targets, ", "))
	}
}

func newMedia(a *app) *cobra.Command {
	return parent("media", "Insert and eject virtual media", "Media is about disc images that a BMC shows to its host as a drive.",
		"  metalwright media insert https://mirror.lab.example/rescue.iso a01-n1\n  metalwright media eject a01-n1",
		a.verb("insert URL [NODE]...", "Insert a disc image", `Insert puts an image into a free slot of the BMC, which fetches it by itself: the URL must be one that the BMC
reaches. Nothing boots from it by that; see metalwright boot once cd.`,
			"  metalwright media insert https://mirror.lab.example/rescue.iso a01-n1", &verbFlags{},
			func(args []string) (plan.Verb, []string, error) {
				if len(args) == 0 {
					return plan.Verb{}, nil, errors.New("name the URL of an image")
				}
				u, err := url.Parse(args[0])
				if err != nil || u.Host == "" {
					return plan.Verb{}, nil, fmt.Errorf("%q is no URL; the BMC fetches the image by itself", args[0])
				}
				if u.User != nil {
					return plan.Verb{}, nil, errors.New("the URL holds a password; it would stand in plan and journal")
				}
				return plan.Verb{Do: plan.DoInsert, Value: args[0]}, args[1:], nil
			}),
		a.verb("eject [NODE]...", "Eject disc images", "Eject empties every slot that holds a disc image. An installer that reads from it fails.",
			"  metalwright media eject a01-n1", &verbFlags{}, nodesOnly(plan.Verb{Do: plan.DoEject})))
}

func newLED(a *app) *cobra.Command {
	led := func(word, short, state string) *cobra.Command {
		return a.verb(word+" [NODE]...", short, short+", so that somebody finds the machine.", "  metalwright led "+word+" a01-n1", &verbFlags{},
			nodesOnly(plan.Verb{Do: plan.DoLED, Value: state}))
	}
	return parent("led", "Light the locator of machines", "Led is about the light that finds a machine in its rack. It works on a tray that leaks, too.",
		"  metalwright led blink a01-n1\n  metalwright led off a01-n1",
		led("on", "Light the locator", rack.LEDLit), led("blink", "Let the locator blink", rack.LEDBlink), led("off", "Put the locator out", rack.LEDOff))
}
