package sim

import "fmt"

// pokePeril lets the machine leak, get hot or lose a supply, and tells of it.
func (b *BMC) pokePeril(p Poke) error {
	if p.DeadSupply < 0 || p.DeadSupply > b.supplies() {
		return fmt.Errorf("poke %s: power supply %d: it has %d", b.name, p.DeadSupply, b.supplies())
	}
	if p.EventsOff {
		b.tell.enabled = false
	}
	if len(p.Subscribe) == 2 {
		b.subscribeTo(p.Subscribe[0], p.Subscribe[1])
	}
	if p.Well {
		b.wet, b.tell.hot, b.tell.dead = false, false, 0
	}
	if p.Leak && !b.wet {
		b.wet = true
		b.happened("leak", leakID(1), "Leakage Detected")
	}
	if p.Hot && !b.tell.hot {
		b.tell.hot = true
		b.happened("hot")
	}
	if p.DeadSupply > 0 {
		b.tell.dead = p.DeadSupply
		b.happened("supply")
	}
	switch p.Tell {
	case "":
	case "hot", "supply":
		b.happened(p.Tell)
	case "leak":
		if eventTexts[b.dia.name]["leak"].id == "" {
			return fmt.Errorf("poke %s: it tells no leaks", b.name)
		}
		b.happened("leak", leakID(1), "Leakage Detected")
	default:
		return fmt.Errorf("poke %s: tell %q: want leak, hot or supply", b.name, p.Tell)
	}
	for range p.Flood {
		b.event(eventText{"Base.1.0.Success", "OK", "Nothing has happened."}, "")
	}
	return nil
}

// supplies is how many power supplies the machine has.
func (b *BMC) supplies() int {
	if b.hw.Supplies != nil {
		return int(b.hw.Supplies.Value)
	}
	return 2
}
