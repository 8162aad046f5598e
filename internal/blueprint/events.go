package blueprint

import (
	"net/url"
	"slices"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// eventsSpec is the block bmc { events { … } }.
var eventsSpec = object(list{"destinations"})

// events reads where a controller shall push its events.
func (rd *reader) events() *rack.EventSpec {
	e := &rack.EventSpec{Destinations: []string{}, Origin: diag.At(rd.rng)}
	urls, _ := rd.strs("destinations", "destinations")
	for _, s := range urls {
		u, err := url.Parse(s)
		switch {
		case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" || len(s) > 255:
			rd.errorf(rd.at("destinations"), "Wrong URL", "%q is not a URL such as \"https://collector.bne1.example/redfish\" (without user or "+
				"password): events tell a lot about a site, and are pushed over TLS alone.", s)
		case slices.Contains(e.Destinations, s):
			rd.errorf(rd.at("destinations"), "Wrong URL", "%q stands there twice.", s)
		default:
			e.Destinations = append(e.Destinations, s)
		}
	}
	slices.Sort(e.Destinations)
	return e
}
