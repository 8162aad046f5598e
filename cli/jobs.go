package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/plan"
	"github.com/metalwright/metalwright/internal/rack"
)

func newJobs(a *app) *cobra.Command {
	return parent("jobs", "List and clear the job queue of a BMC",
		"Jobs is about what a BMC has been asked and has not forgotten: its job queue, or its tasks where it has no queue.",
		"  metalwright jobs list a01-n1\n  metalwright jobs clear a01-n1",
		a.reading("list [NODE]...", "List jobs and tasks", "List reads the job queue of a BMC, or its tasks. It changes nothing.",
			"  metalwright jobs list a01-n1\n  metalwright jobs list a01-n1 --json", engine.LookJobs, a.showJobs),
		a.verb("clear [NODE]...", "Take out of the queue what is dead and what waits",
			`Clear deletes the jobs that have ended, and after a question those that wait: what they would have changed stays as it is. A job that
runs is never touched, nor one that writes firmware, be it at work or waiting.`,
			"  metalwright jobs clear a01-n1 --yes", &verbFlags{}, nodesOnly(plan.Verb{Do: plan.DoClear})))
}

func (a *app) showJobs(list []rack.Device) error {
	var rows [][]string
	for _, d := range list {
		for _, j := range d.Jobs {
			kind := ""
			if j.Firmware {
				kind = "firmware"
			}
			percent := ""
			if j.Percent >= 0 {
				percent = fmt.Sprintf("%d %%", j.Percent)
			}
			rows = append(rows, []string{d.Node, j.ID, j.Phase, percent, kind, j.Name, j.Says})
		}
	}
	if len(rows) == 0 {
		a.printf("no jobs\n")
		return nil
	}
	a.table([]string{"NODE", "JOB", "STATE", "DONE", "KIND", "NAME", "SAYS"}, rows)
	return nil
}
