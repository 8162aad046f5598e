package cli

import (
	"runtime/debug"

	"github.com/spf13/cobra"
)

// commands is the table of contents of the command line.
func commands(a *app) []*cobra.Command {
	return []*cobra.Command{
		newInit(a), newValidate(a), newFmt(a), newExpand(a), newExplain(a), newTest(a), newLock(a),
		newPlan(a), newApply(a), newVerify(a), newDestroy(a), newCable(a), newSwitch(a),
		newDiscover(a), newBind(a), newSurvey(a), newEvents(a),
		newPower(a), newShelf(a), newBoot(a), newBMC(a), newMedia(a), newDisk(a), newLED(a), newLogs(a), newJobs(a),
		newJournal(a), newEvidence(a), newUnlock(a), newRotate(a),
		newSim(a),
		newVersion(a),
	}
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := version()
			if a.json {
				return a.printJSON(map[string]any{"format": 1, "version": v})
			}
			a.printf("metalwright %s\n", v)
			return nil
		},
	}
}

// version is that of the module as it was built.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "development"
}

func toolVersion() string { return "metalwright " + version() }
