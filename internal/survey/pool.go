package survey

import (
	"sync"

	"github.com/metalwright/metalwright/internal/rack"
)

// maxShared bounds the table of shared texts; a thousand equal machines have some thousand different ones.
const maxShared = 1 << 17

// pool keeps each text once. A thousand machines of one model say the same thing a thousand times, and their BIOS attributes
// alone would be most of what a survey holds.
type pool struct {
	mu    sync.Mutex
	known map[string]any // the text, boxed once
}

// share replaces the texts of a device, where they are many, by shared ones.
func (p *pool) share(d *rack.Device) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range d.Systems {
		s := &d.Systems[i]
		if s.BIOS != nil {
			s.BIOS.Attributes = p.attributes(s.BIOS.Attributes)
			s.BIOS.Pending = p.attributes(s.BIOS.Pending)
			p.texts(&s.BIOS.Path, &s.BIOS.SettingsPath, &s.BIOS.Registry)
		}
		if s.Boot != nil {
			for j := range s.Boot.Options {
				o := &s.Boot.Options[j]
				p.texts(&o.Reference, &o.Name, &o.Alias, &o.UEFIPath)
			}
			p.list(s.Boot.Order)
			p.list(s.Boot.Targets)
		}
		for j := range s.Drives {
			v := &s.Drives[j]
			p.texts(&v.ID, &v.Path, &v.Model, &v.Media, &v.Protocol, &v.Controller, &v.Bay)
		}
		for j := range s.NICs {
			p.texts(&s.NICs[j].ID, &s.NICs[j].Link)
		}
		p.texts(&s.ID, &s.Path, &s.Manufacturer, &s.Model, &s.BIOSVersion, &s.PowerState)
	}
	for i := range d.Firmware {
		f := &d.Firmware[i]
		p.texts(&f.ID, &f.Name, &f.Version, &f.SoftwareID, &f.State, &f.Path)
	}
	for i := range d.Chassis {
		c := &d.Chassis[i]
		p.texts(&c.ID, &c.Type, &c.Manufacturer, &c.Model, &c.PartNumber)
	}
}

// attributes copies a map so that it is no larger than it must be.
func (p *pool) attributes(in rack.Attributes) rack.Attributes {
	if in == nil {
		return nil
	}
	out := make(rack.Attributes, len(in))
	for k, v := range in {
		if s, ok := v.(string); ok {
			v = p.boxed(s)
		}
		out[p.boxed(k).(string)] = v
	}
	return out
}

func (p *pool) list(l []string) {
	for i := range l {
		p.texts(&l[i])
	}
}

func (p *pool) texts(list ...*string) {
	for _, s := range list {
		*s = p.boxed(*s).(string)
	}
}

func (p *pool) boxed(s string) any {
	if v, ok := p.known[s]; ok {
		return v
	}
	var v any = s
	if len(p.known) < maxShared {
		p.known[s] = v
	}
	return v
}
