package inventory_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/sim/recorded"
)

// TestRecordedOffers: what the controllers of real machines are taken to offer beside volumes, and that a survey reads nothing of it.
func TestRecordedOffers(t *testing.T) {
	written := &rack.Action{Style: rack.StyleStandard}
	mr := rack.ControllerOffer{Dedicate: written, Globalise: written, Unspare: written,
		Volume: &rack.VolumeOffer{Strips: []int64{65536, 131072, 262144, 524288, 1048576}, StripKey: "StripSizeBytes", ReadCache: []string{"Off", "ReadAhead"},
			WriteCache: []string{"ProtectedWriteBack", "UnprotectedWriteBack", "WriteThrough"}, MaxSpans: 16, Initialize: []string{"Fast", "Slow"}}}
	seen := map[string]bool{}
	for _, path := range trees(t) {
		name := treeName(path)
		if !slices.Contains([]string{"hpe-dl380a-gen11-ilo6-h100nvl", "dell-r750-idrac9-6.00", "lenovo-sr670v2-xcc-2.83", "nvidia-gb200-nvl"}, name) {
			continue
		}
		seen[name] = true
		t.Run(name, func(t *testing.T) {
			tree, err := recorded.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			plain, _ := readTree(t, tree, inventory.Options{})
			d, _ := readTree(t, tree, inventory.Options{Facets: []rack.Facet{rack.FacetDrives}})
			host, _ := plain.Host()
			for _, c := range host.Controllers {
				if c.Offer != nil {
					t.Errorf("a survey read what %s offers", c.ID)
				}
			}
			host, _ = d.Host()
			for _, c := range host.Controllers {
				if c.Offer == nil {
					t.Errorf("what %s offers was not read", c.ID)
					continue
				}
				want := &rack.ControllerOffer{} // nothing: no RAID controller hangs on the recorded Dell, Lenovo and NVIDIA machines
				if c.Name == "HPE MR416i-o Gen11" {
					both := mr
					both.Reset = &rack.Action{Target: c.Path + "/Actions/Storage.ResetToDefaults", Style: rack.StyleStandard}
					want = &both
				}
				if diff := cmp.Diff(want, c.Offer); diff != "" {
					t.Errorf("%s (-want +got):\n%s", c.ID, diff)
				}
				if c.Offer.Namespace || c.Offer.SetKey != nil {
					t.Errorf("%s is taken to offer %+v", c.ID, c.Offer)
				}
			}
			for _, v := range host.Volumes {
				if name == "hpe-dl380a-gen11-ilo6-h100nvl" && (v.Detail == nil || v.Detail.StripBytes != 65536 || v.Detail.WriteCache != "ProtectedWriteBack" ||
					!slices.Equal(v.Detail.Writable, []string{"ReadCachePolicy", "WriteCachePolicy"}) || !slices.Equal(v.Detail.Initialize, []string{"Fast", "Slow"})) {
					t.Errorf("%s: %+v", v.Name, v.Detail)
				}
			}
		})
	}
	if len(seen) != 4 {
		t.Errorf("read only %v", seen)
	}
}
