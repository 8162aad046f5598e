package sim

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
)

const (
	shelfURI      = "/redfish/v1/Chassis/powershelf"
	shelfPowerURI = shelfURI + "/PowerSubsystem"
	shelfResetURI = shelfURI + "/Actions/Chassis.Reset"
	suppliesURI   = shelfPowerURI + "/PowerSupplies"
)

// shelfCycle is how long the rails of a shelf are dead in a PowerCycle.
const shelfCycle = 10 * time.Second

// shelf is what is behind the controller of a power shelf; nil on every other BMC.
type shelf struct {
	spec     rack.PowerShelf
	off      bool
	health   []string // of each supply: OK, Warning, Critical; Absent = it was pulled
	capacity float64  // kW of one supply
}

// newShelf makes the controller of one power shelf.
func newShelf(r *Rack, s rack.PowerShelf, hw rack.Hardware, plan []faultPick) (*BMC, error) {
	d := dialects()[dialectLiteon]
	b, err := newController(r, s.Name, d, hw, plan)
	if err != nil {
		return nil, err
	}
	number := func(name string, of *rack.Number, otherwise float64) float64 {
		if n, ok := s.Facts[name]; ok {
			return n.Value
		}
		if of != nil {
			return of.Value
		}
		return otherwise
	}
	b.shelf = &shelf{spec: s, capacity: number("supply_kw", hw.SupplyKW, 5.5)}
	for range int(number("supplies", hw.Supplies, 6)) {
		b.shelf.health = append(b.shelf.health, "OK")
	}
	if b.faults.on(faultSupply) && len(b.shelf.health) > 0 {
		b.shelf.health[0] = "Critical"
	}
	b.comps = []*component{{name: "bmc", version: "r1.3.8", factory: "r1.3.8"}}
	b.logs = newLogs(b)
	user, pass := r.Credentials(s.Name) // of the site from the start: only nodes are claimed
	b.accounts = []*account{{id: accountSpecs[d.name].first, user: user, pass: pass, enabled: true}}
	b.tell, b.subs = newTeller(d), newSubscriptions(d)
	b.routes = shelfRoutes(b)
	return b, nil
}

// working is how many kW the supplies that work can give; none while the shelf is off.
func (s *shelf) working() float64 {
	if s.off {
		return 0
	}
	kw := 0.0
	for _, h := range s.health {
		if h == "OK" {
			kw += s.capacity
		}
	}
	return kw
}

func shelfRoutes(b *BMC) map[string]*route {
	m := map[string]*route{}
	d := b.dia
	add(b, m, "/redfish", &route{open: true, get: func(*call) obj { return obj{"v1": "/redfish/v1/"} }})
	add(b, m, "/redfish/v1", &route{open: true, get: func(*call) obj {
		return obj{"@odata.id": "/redfish/v1", "@odata.type": d.typ("ServiceRoot"), "Id": d.rootID, "Name": d.rootName,
			"RedfishVersion": d.redfish, "UUID": b.uuid, "Chassis": ref("/redfish/v1/Chassis"), "Managers": ref("/redfish/v1/Managers"),
			"Tasks": ref("/redfish/v1/TaskService"), "SessionService": ref("/redfish/v1/SessionService"),
			"AccountService": ref("/redfish/v1/AccountService"), "EventService": ref("/redfish/v1/EventService"),
			"UpdateService": ref("/redfish/v1/UpdateService"), "Registries": ref("/redfish/v1/Registries"),
			"Links": obj{"Sessions": ref(sessionsURI)}}
	}})
	add(b, m, "/redfish/v1/$metadata", &route{open: true, fixed: true, static: metadata(), kind: "application/xml",
		get: func(*call) obj { return nil }})
	add(b, m, "/redfish/v1/odata", &route{open: true, get: func(*call) obj {
		var set []any
		for _, s := range []string{"Chassis", "Managers", "SessionService", "UpdateService"} {
			set = append(set, obj{"name": s, "kind": "Singleton", "url": "/redfish/v1/" + s})
		}
		return obj{"@odata.context": "/redfish/v1/$metadata", "value": set}
	}})
	sessionRoutes(b, m)
	shelfManagerRoutes(b, m)
	shelfChassisRoutes(b, m)
	shelfSupplyRoutes(b, m)
	add(b, m, "/redfish/v1/UpdateService", &route{get: func(*call) obj { return b.updateResource() }})
	firmwareRoutes(b, m)
	taskRoutes(b, m)
	logRoutes(b, m)
	serviceRoutes(b, m)
	return m
}

func shelfManagerRoutes(b *BMC, m map[string]*route) {
	d := b.dia
	add(b, m, "/redfish/v1/Managers", &route{get: func(*call) obj {
		return collection("ManagerCollection.ManagerCollection", "Manager Collection", []string{d.manager()})
	}})
	info := d.manager() + "/ResetActionInfo"
	add(b, m, info, &route{get: func(*call) obj { return b.actionInfo("ResetActionInfo", d.managerResets) }})
	add(b, m, d.manager(), &route{get: func(*call) obj {
		o := obj{"@odata.type": d.typ("Manager"), "Id": d.managerID, "Name": "OpenBmc Manager", "ManagerType": "BMC", "Status": enabled(),
			"FirmwareVersion": b.version("bmc"), "DateTime": stamp(b.clock()), "DateTimeLocalOffset": "+00:00", "PowerState": powerOn,
			"LastResetTime": stamp(b.resetAt), "UUID": b.uuid, "Model": "CM-14MP-1R", "Manufacturer": b.manufacturer(),
			"SerialNumber": b.partSerial("M", 0), "EthernetInterfaces": ref(d.manager() + "/EthernetInterfaces"),
			"Actions": obj{"#Manager.Reset": b.resetAction(d.manager()+"/Actions/Manager.Reset", info, d.managerResets)},
			"Links":   obj{"ManagerForChassis": refs([]string{shelfURI}), "ManagerInChassis": ref(shelfURI)}}
		if b.hasLogs(d.manager()) {
			o["LogServices"] = ref(d.manager() + "/LogServices")
		}
		return o
	}, patch: setClock})
	add(b, m, d.manager()+"/Actions/Manager.Reset", &route{post: resetManager})
	add(b, m, d.manager()+"/EthernetInterfaces", &route{get: func(*call) obj {
		return collection("EthernetInterfaceCollection.EthernetInterfaceCollection", "Ethernet Interface Collection",
			[]string{d.manager() + "/EthernetInterfaces/eth0"})
	}})
	add(b, m, d.manager()+"/EthernetInterfaces/eth0", &route{get: func(*call) obj {
		return obj{"@odata.type": d.typ("EthernetInterface"), "Id": "eth0", "Name": "Manager Ethernet Interface", "Status": enabled(),
			"MACAddress": b.mac(0), "PermanentMACAddress": b.mac(0), "SpeedMbps": 1000, "LinkStatus": "LinkUp", "InterfaceEnabled": true}
	}})
}

func shelfChassisRoutes(b *BMC, m map[string]*route) {
	d, s := b.dia, b.shelf
	add(b, m, "/redfish/v1/Chassis", &route{get: func(*call) obj {
		return collection("ChassisCollection.ChassisCollection", "Chassis Collection", []string{shelfURI})
	}})
	add(b, m, shelfURI, &route{get: func(*call) obj {
		power := powerOn
		if s.off {
			power = powerOff
		}
		return obj{"@odata.type": d.typ("Chassis"), "Id": d.chassisID, "Name": "powershelf", "ChassisType": "Shelf",
			"Manufacturer": b.manufacturer(), "Model": b.model(), "PartNumber": b.model(), "SerialNumber": b.serial, "PowerState": power,
			"MaxPowerWatts": s.capacity * 1000 * float64(len(s.health)), "Status": obj{"State": "Enabled", "Health": s.worst()},
			"PowerSubsystem": ref(shelfPowerURI), "Links": obj{"ManagedBy": refs([]string{d.manager()})},
			"Actions": obj{"#Chassis.Reset": obj{"target": shelfResetURI, "@Redfish.ActionInfo": shelfURI + "/ResetActionInfo"}}}
	}})
	add(b, m, shelfURI+"/ResetActionInfo", &route{get: func(*call) obj { return b.actionInfo("ResetActionInfo", b.shelfResets()) }})
	add(b, m, shelfResetURI, &route{post: resetShelf})
}

// shelfResets are what the rails can be asked: a Lite-On takes PowerCycle alone.
func (b *BMC) shelfResets() []string {
	if b.faults.on(faultSwitchable) {
		return []string{"On", "ForceOff", "PowerCycle"}
	}
	return []string{"PowerCycle"}
}

// worst is the health of the shelf: that of its worst supply.
func (s *shelf) worst() string {
	worst := "OK"
	for _, h := range s.health {
		switch {
		case h == "Critical":
			return h
		case h != "OK":
			worst = "Warning"
		}
	}
	return worst
}

func shelfSupplyRoutes(b *BMC, m map[string]*route) {
	d, s := b.dia, b.shelf
	add(b, m, shelfPowerURI, &route{get: func(*call) obj {
		members := make([]string, len(s.health))
		for i := range members {
			members[i] = supplyURI(i)
		}
		return obj{"@odata.type": d.typ("PowerSubsystem"), "Id": "PowerSubsystem", "Name": "Power Subsystem",
			"Status": obj{"State": "Enabled", "Health": s.worst()}, "PowerSupplies": ref(suppliesURI),
			"PowerSupplyRedundancy": []any{obj{"RedundancyType": "NPlusM", "MaxSupportedInGroup": len(s.health), "MinNeededInGroup": 1,
				"RedundancyGroup": refs(members), "Status": obj{"State": "Enabled", "Health": s.worst()}}}}
	}})
	add(b, m, suppliesURI, &route{get: func(*call) obj {
		var ids []string
		for i := range s.health {
			ids = append(ids, supplyURI(i))
		}
		return collection("PowerSupplyCollection.PowerSupplyCollection", "Power Supply Collection", ids)
	}})
	for i := range s.health {
		add(b, m, supplyURI(i), &route{get: func(*call) obj { return b.supplyResource(i) }})
		add(b, m, supplyURI(i)+"/Metrics", &route{get: func(*call) obj {
			w := b.supplyWatts(i)
			return obj{"@odata.type": d.typ("PowerSupplyMetrics"), "Id": "Metrics", "Name": fmt.Sprintf("Metrics of supply %d", i), "Status": enabled(),
				"OutputPowerWatts": obj{"Reading": w}, "InputPowerWatts": obj{"Reading": w * 1.03}}
		}})
	}
}

func supplyURI(i int) string { return suppliesURI + "/" + strconv.Itoa(i) }

func (b *BMC) supplyResource(i int) obj {
	s := b.shelf
	status := obj{"State": "Enabled", "Health": s.health[i]}
	if s.health[i] == supplyAbsent {
		status = obj{"State": supplyAbsent}
	}
	o := obj{"@odata.type": b.dia.typ("PowerSupply"), "Id": strconv.Itoa(i), "Name": fmt.Sprintf("Power Supply %d", i),
		"Manufacturer": b.manufacturer(), "Model": "SP-2552-1R", "SerialNumber": b.partSerial("P", i), "FirmwareVersion": "0x6 / 0x8",
		"HotPluggable": true, "PowerCapacityWatts": s.capacity * 1000, "Metrics": ref(supplyURI(i) + "/Metrics"), "Status": status,
		"Location": obj{"PartLocation": obj{"ServiceLabel": fmt.Sprintf("PSU %d", i), "LocationType": "Bay", "LocationOrdinalValue": i}}}
	if b.faults.on("R113") {
		delete(o, "PowerCapacityWatts")
		o["CapacityWatts"], o["PowerState"] = fmt.Sprint(s.capacity*1000), true
	}
	return o
}

// supplyAbsent is the state of a supply that was pulled.
const supplyAbsent = "Absent"

// supplyWatts shares what the nodes draw over the supplies of the domain that work.
func (b *BMC) supplyWatts(i int) float64 {
	if b.shelf.off || b.shelf.health[i] != "OK" {
		return 0
	}
	return b.rack.busbar.share(b.name, b.now) * 1000 * b.shelf.capacity
}

// resetShelf answers Chassis.Reset. What hangs on the rails loses its power when no other shelf carries it.
func resetShelf(c *call) *answer {
	b := c.b
	kind, _ := c.body["ResetType"].(string)
	switch {
	case kind == "":
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterMissing", "Chassis.Reset", "ResetType"))
	case !slices.Contains(b.shelfResets(), kind):
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterNotSupported", "ResetType", "Chassis.Reset"))
	}
	switch kind {
	case "On":
		b.switchShelf(false, 0)
	case "ForceOff":
		b.switchShelf(true, 0)
	case "PowerCycle":
		b.led.Resets["shelf_cycle"]++
		b.switchShelf(true, shelfCycle)
	}
	return b.done()
}

// switchShelf takes the rails down or brings them up; back is when they come up by themselves. Lock order: a shelf, then its nodes,
// then the busbar.
func (b *BMC) switchShelf(off bool, back time.Duration) {
	b.forget("shelf")
	b.shelf.off = off
	b.changed()
	if off {
		b.logged("Warning", "The rails were switched off.")
	} else {
		b.logged("OK", "The rails were switched on.")
	}
	gives := supply{kw: b.shelf.working()}
	if back > 0 {
		b.after(back, "shelf", func() {
			b.shelf.off = false
			b.logged("OK", "The rails are on again.")
		})
		on := *b.shelf
		on.off = false
		gives.after, gives.from = on.working(), b.now.Add(b.rack.scaled(back))
	}
	b.rack.busbar.update(b.name, gives)
	dead, nodes := b.rack.busbar.dead(b.name, b.now)
	for _, name := range nodes {
		if n := b.rack.nodes[name]; n != nil {
			n.feed(!dead, back)
		}
	}
}

// pokeSupplies breaks, pulls or repairs one supply: "0=Critical".
func (b *BMC) pokeSupplies(p map[string]string) error {
	for id, health := range p {
		i, err := strconv.Atoi(id)
		if b.shelf == nil || err != nil || i < 0 || i >= len(b.shelf.health) {
			return fmt.Errorf("poke %s: no supply %q", b.name, id)
		}
		if !slices.Contains([]string{"OK", "Warning", "Critical", supplyAbsent}, health) {
			return fmt.Errorf("poke %s: supply %s %q: want OK, Warning, Critical or %s", b.name, id, health, supplyAbsent)
		}
		failed := health == "Critical" && b.shelf.health[i] != health
		b.shelf.health[i] = health
		if failed {
			b.event(eventTexts[b.dia.name]["supply"], supplyURI(i), id)
		}
	}
	if len(p) > 0 {
		b.rack.busbar.update(b.name, supply{kw: b.shelf.working()})
	}
	return nil
}
