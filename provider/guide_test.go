package provider_test

import (
	"fmt"
	"os"
	"regexp"
	"testing"
)

// Every configuration in the guide is one that an engine accepts.
func TestGuide(t *testing.T) {
	needEngine(t)
	t.Parallel()
	text, err := os.ReadFile("../docs/provider.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```hcl\n(.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) < 2 {
		t.Fatalf("%d configurations in the guide", len(blocks))
	}
	l := newLab(t, "node", speed)
	for i, b := range blocks {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			w := newWork(t, l, nil)
			w.write("main.tf", string(b[1]))
			w.run(0, "fmt", "-check", "-diff")
			w.run(0, "validate")
		})
	}
}
