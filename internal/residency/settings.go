package residency

import "github.com/metalwright/metalwright/internal/rack"

// settings judges the servers that a node's controller is told to ask or to send to: time, names and logs tell a lot about
// a site, and must stay on its closed list.
func (c *checker) settings(n rack.Node, s rack.Site, p Profile) {
	if e := n.BMC.Events; e != nil {
		for _, to := range e.Destinations {
			c.use(n.Address, []rack.Address{s.Address}, p, []rack.Site{s}, to, "bmc events",
				c.origin(string(n.Address)+".bmc.events.destinations", e.Origin))
		}
	}
	if n.BMC.Manager == nil {
		return
	}
	for _, w := range rack.SettingWords {
		v, ok := n.BMC.Manager.Settings[w.Name]
		servers, _ := v.Value.([]any)
		if w.Role == "" || !ok {
			continue
		}
		for _, to := range servers {
			if text, isText := to.(string); isText {
				c.use(n.Address, []rack.Address{s.Address}, p, []rack.Site{s}, text, "bmc "+w.Name,
					c.origin(string(n.Address)+".bmc."+w.Name, v.Origin))
			}
		}
	}
}
