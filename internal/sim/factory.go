package sim

import "slices"

// asDelivered leaves a node as it comes out of its crate, beside the accounts of newAccounts: the network is booted from before the
// disk, ports boot or are of another protocol than a fabric wants, and drives hold a volume that somebody else made.
func (b *BMC) asDelivered() {
	isDisk := func(ref string) bool {
		return slices.ContainsFunc(b.boot.options, func(o bootOption) bool { return o.ref == ref && o.alias == "Hdd" })
	}
	slices.SortStableFunc(b.boot.order, func(x, y string) int {
		switch {
		case isDisk(x) == isDisk(y):
			return 0
		case isDisk(x):
			return 1
		}
		return -1
	})
	st := functionStyleOf(b.dia)
	for _, f := range b.functions {
		switch {
		case st.settings != "" && slices.Contains(st.types, "InfiniBand"): // adapters of both protocols are shipped in either
			f.cur["NetDevFuncType"] = "InfiniBand"
		case st.attributes:
			f.cur["LegacyBootProto"] = "PXE"
		}
	}
	if b.dia.name == dialectXCC {
		b.oldVolume()
	}
}

// oldVolume puts a mirror of an earlier life on the first two drives of the first controller that makes volumes.
func (b *BMC) oldVolume() {
	for _, c := range b.store {
		if !c.raid || len(c.drives) < 2 {
			continue
		}
		v := &volume{id: "1", name: "VD_0", raid: "RAID1", ctl: c, drives: slices.Clone(c.drives[:2]), capacity: c.drives[0].facts.CapacityBytes}
		b.id("volume", 0) // its number is taken
		c.volumes = append(c.volumes, v)
		for _, d := range v.drives {
			d.volume = v
		}
		return
	}
}
