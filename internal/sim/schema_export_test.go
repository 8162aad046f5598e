package sim

import "maps"

// Messages makes every message that this BMC could send, with as many arguments as its text has places.
func (b *BMC) Messages() []any {
	var out []any
	for key := range maps.Keys(texts) {
		if s := series[key]; (s == "idrac" || s == "ilo") && s != b.dia.name {
			continue
		}
		out = append(out, b.msg(key, []string{"a", "b", "c", "d"}[:texts[key].args()]...))
	}
	return out
}
