package redfish

import (
	"fmt"
	"strings"
	"testing"
)

// TestNoCollection tells an empty collection from what is none.
func TestNoCollection(t *testing.T) {
	for text, good := range map[string]bool{`{"Members":[]}`: true, `{"Members":null}`: true, `{"@odata.type":"#FanCollection.FanCollection"}`: true, `{}`: false, `{"Members":{"a":1}}`: false, `{"Id":"x"}`: false} {
		bubble(t, func(t *testing.T, b *bmc, c *Client) {
			b.set(fans, text)
			rs, _, err := c.Members(t.Context(), fans)
			if (err == nil) != good || !good && !IsMalformed(err) || len(rs) > 0 {
				t.Errorf("%s: %v, %v", text, rs, err)
			}
		})
	}
}

// TestSpeculate uses an expanded answer at once, and tells afterwards when it had dropped something (R40).
func TestSpeculate(t *testing.T) {
	for _, drop := range []bool{false, true} {
		bubble(t, func(t *testing.T, b *bmc, c *Client) {
			b.set("/redfish/v1", fmt.Sprintf(testRoot, announceExpand))
			for i := 1; i <= 8; i++ {
				b.set(fmt.Sprintf("%s/%d", fans, i), member(i))
			}
			expanded := collection(8, "", whole8()...)
			if drop {
				expanded = strings.ReplaceAll(expanded, `"Reading"`, `"Misread"`)
			}
			b.set(fans+"?"+expandQ, expanded)
			ctx, settled := c.Speculate(t.Context())
			rs, _, err := c.Members(ctx, fans)
			if err != nil || len(rs) != 8 {
				t.Fatalf("%d members, %v", len(rs), err)
			}
			if settled() == drop {
				t.Errorf("dropped %v, and settled says otherwise", drop)
			}
			if n := c.DeepLevels(t.Context()); (n == 0) != drop {
				t.Errorf("dropped %v, %d levels are still expanded", drop, n)
			}
		})
	}
}
