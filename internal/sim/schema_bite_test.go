package sim_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/metalwright/metalwright/internal/sim"
)

// TestSchemasBite plants one wrong thing after the other into true answers; each has to be found.
func TestSchemasBite(t *testing.T) {
	d := needsDMTF(t)
	eachDialect(t, sim.Options{Seed: 13}, func(p *probe) {
		p.login()
		sys := link(p.system())
		for name, spoil := range map[string]func(o obj){
			"an unknown property":        func(o obj) { o["Colour"] = "red" },
			"an unknown word":            func(o obj) { o["PowerState"] = "Warm" },
			"a wrong type":               func(o obj) { o["ProcessorSummary"].(obj)["Count"] = "two" },
			"an unknown part":            func(o obj) { o["Boot"].(obj)["Shoe"] = 44 },
			"no name":                    func(o obj) { delete(o, "Name") },
			"a link that is text":        func(o obj) { o["Bios"] = link(o, "Bios") },
			"a link with more":           func(o obj) { o["Bios"].(obj)["Model"] = "x" },
			"a link without its list":    func(o obj) { o["Links"].(obj)["Chassis"] = obj{"@odata.id": "/x"} },
			"a date that is none":        func(o obj) { o["LastResetTime"] = "yesterday" },
			"a property of a later time": func(o obj) { o["@odata.type"] = "#ComputerSystem.v1_0_0.ComputerSystem" },
			"a type that is not there":   func(o obj) { o["@odata.type"] = "#ComputerSystem.v9_0_0.ComputerSystem" },
			"no type":                    func(o obj) { delete(o, "@odata.type") },
		} {
			o := p.get(sys)
			spoil(o)
			raw, err := json.Marshal(o)
			if err != nil {
				p.t.Fatal(err)
			}
			if len(d.check(raw)) == 0 {
				p.t.Errorf("%s is not found", name)
			}
		}
		if bad := d.check(p.must(http.StatusOK, "GET", sys, nil).raw); len(bad) > 0 {
			p.t.Errorf("the true answer is refused: %v", bad)
		}
		for name, m := range map[string]obj{
			"an unknown message":      {"MessageId": "Base.1.12.Hooray", "MessageArgs": []any{}},
			"an unknown registry":     {"MessageId": "Bass.1.12.Success", "MessageArgs": []any{}},
			"too few arguments":       {"MessageId": "Base.1.12.PropertyUnknown", "MessageArgs": []any{}},
			"a wrong severity":        {"MessageId": "Base.1.12.Success", "MessageSeverity": "Critical"},
			"a message of the future": {"MessageId": "Base.1.12.OperationNotAllowed"},
			"no message id":           {"MessageId": "Success"},
		} {
			if len(d.checkMessages(obj{"Messages": []any{m}}, nil)) == 0 {
				p.t.Errorf("%s is not found", name)
			}
		}
	})
}
