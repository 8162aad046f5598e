package sim

import "maps"

// Told are the events that this BMC has told, as it would send them.
func (b *BMC) Told() [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance()
	var out [][]byte
	for _, e := range b.tell.list {
		out = append(out, encode(b.message(e, "a context")))
	}
	return out
}

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
