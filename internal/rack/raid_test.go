package rack_test

import (
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/rack"
)

// TestRAID: how many drives make a volume of each type, and how many of them hold data.
func TestRAID(t *testing.T) {
	for _, c := range []struct {
		raid          string
		drives, spans int
		data          int
		problem       string
	}{
		{"RAID0", 1, 0, 1, ""}, {"RAID0", 3, 0, 3, ""}, {"RAID0", 4, 2, 0, "has no spans"},
		{"RAID1", 2, 0, 1, ""}, {"RAID1", 1, 0, 0, "needs 2 drives or more, not 1"},
		{"RAID5", 3, 0, 2, ""}, {"RAID5", 2, 0, 0, "needs 3"}, {"RAID6", 4, 0, 2, ""}, {"RAID6", 3, 0, 0, "needs 4"},
		{"RAID10", 4, 0, 2, ""}, {"RAID10", 6, 3, 3, ""}, {"RAID10", 5, 0, 0, "even number"}, {"RAID10", 8, 3, 0, "spread evenly over 3 spans"},
		{"RAID50", 6, 0, 4, ""}, {"RAID50", 6, 2, 4, ""}, {"RAID50", 9, 3, 6, ""}, {"RAID50", 9, 0, 0, "unless spans"},
		{"RAID50", 8, 4, 0, "2 a span, and a span of RAID50 needs 3"}, {"RAID50", 4, 0, 0, "needs 6"},
		{"RAID60", 8, 2, 4, ""}, {"RAID60", 12, 3, 6, ""}, {"RAID60", 6, 2, 0, "needs 8"}, {"RAID60", 8, 1, 0, "two spans or more"},
		{"raid60", 8, 0, 4, ""}, {"RAID7", 8, 0, 0, "unknown"},
	} {
		got := rack.RAIDProblem(c.raid, c.drives, c.spans)
		if (got == "") != (c.problem == "") || !strings.Contains(got, c.problem) {
			t.Errorf("%s of %d in %d spans: %q, want %q", c.raid, c.drives, c.spans, got, c.problem)
		}
		if n := rack.RAIDData(c.raid, c.drives, c.spans); c.problem == "" && n != c.data {
			t.Errorf("%s of %d in %d spans holds data of %d, want %d", c.raid, c.drives, c.spans, n, c.data)
		}
	}
}
