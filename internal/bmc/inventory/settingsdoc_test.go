package inventory_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/rack"
)

var updateSettings = flag.Bool("update-settings", false, "write docs/bmc-settings.md")

const settingsDoc = "../../../docs/bmc-settings.md"

// TestSettingsDoc holds docs/bmc-settings.md against the mapping table that the code uses.
func TestSettingsDoc(t *testing.T) {
	raw, err := os.ReadFile(settingsDoc)
	if err != nil {
		t.Fatal(err)
	}
	const mark = "<!-- table -->\n"
	head, _, ok := strings.Cut(string(raw), mark)
	if !ok {
		t.Fatalf("%s has no %q", settingsDoc, mark)
	}
	var b strings.Builder
	b.WriteString("| Word | Takes | Means | Where it stands, first found first |\n|---|---|---|---|\n")
	for _, w := range rack.SettingWords {
		var places []string
		for _, m := range inventory.SettingMappings {
			if m.Word != w.Name {
				continue
			}
			var slots []string
			for _, s := range m.Slots {
				slots = append(slots, "`"+strings.Join(s, "/")+"`")
			}
			places = append(places, m.In+" "+strings.Join(slots, ", "))
		}
		if len(places) == 0 {
			t.Errorf("%s has no place anywhere", w.Name)
		}
		name := "`" + w.Name + "`"
		if w.By != "" {
			name += " (by `" + w.By + "`)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, w.Type, w.Means, strings.Join(places, "; "))
	}
	want := head + mark + b.String()
	if *updateSettings {
		if err := os.WriteFile(settingsDoc, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(raw) {
		t.Errorf("%s is stale: go test ./internal/bmc/inventory -run TestSettingsDoc -update-settings", settingsDoc)
	}
}
