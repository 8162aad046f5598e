package blueprint

import (
	"slices"
	"strings"
	"testing"
)

// TestEventsBlock: where events are pushed to, and every mistake in it.
func TestEventsBlock(t *testing.T) {
	for body, says := range map[string]string{
		`destinations = ["https://b.example/x", "https://a.example:8443"]`: "",
		`destinations = []`:                                             "",
		`destinations = ["http://a.example/x"]`:                         "over TLS alone",
		`destinations = ["https://user:word@a.example/x"]`:              "without user or password",
		`destinations = ["collector"]`:                                  "is not a URL",
		`destinations = ["https://a.example/x", "https://a.example/x"]`: "stands there twice",
		`destination = ["https://a.example/x"]`:                         `"destinations"`,
	} {
		text := strings.Replace(certificateRack, "certificate {\n      BODY\n    }", "events {\n      "+body+"\n    }", 1)
		text = strings.Replace(text, "country = \"AU\"\n", "country = \"AU\"\n  endpoints {\n    logs = [\"https://a.example\", \"https://b.example\"]\n  }\n", 1)
		bp, diags := Parse(map[string][]byte{"main.mw.hcl": []byte(text)})
		d, more := Resolve(bp, options(t))
		diags = append(diags, more...)
		if says != "" {
			if !diags.HasErrors() || !strings.Contains(diags.Err().Error(), says) {
				t.Errorf("%s: %v", body, diags.Err())
			}
			continue
		}
		if diags.HasErrors() {
			t.Errorf("%s: %v", body, diags.Err())
			continue
		}
		if e := d.Nodes[0].BMC.Events; e == nil || !slices.IsSorted(e.Destinations) || strings.Contains(body, "example") != (len(e.Destinations) == 2) {
			t.Errorf("%s: %+v", body, e)
		}
	}
}
