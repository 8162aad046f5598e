package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestEveryVerbHasItsRow: docs/conformance.md, which the driver suite writes, has a row for each command that is said by hand.
func TestEveryVerbHasItsRow(t *testing.T) {
	text, err := os.ReadFile("../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	everyCommand(func(c *cobra.Command, words []string) {
		top := c
		for top.Parent() != nil && top.Parent().Parent() != nil {
			top = top.Parent()
		}
		if top.GroupID != "hand" || c.HasSubCommands() {
			return
		}
		n++
		if row := "| `" + strings.Join(words, " ") + "` |"; !strings.Contains(string(text), row) {
			t.Errorf("%s has no row in docs/conformance.md: add one to conformanceRows of internal/drivertest, then make gen", c.CommandPath())
		}
	})
	if n < 15 {
		t.Errorf("only %d verbs were looked at", n)
	}
}
