package sim

import (
	"fmt"

	"github.com/metalwright/metalwright/internal/rack"
)

func (b *BMC) adapterID(i int) string {
	switch b.dia.name {
	case dialectIDRAC:
		return fmt.Sprintf("NIC.Slot.%d", i+3)
	case dialectILO:
		return fmt.Sprintf("DE08%d000", i)
	case dialectXCC:
		return fmt.Sprintf("slot-%d", i+1)
	case dialectAMI:
		return fmt.Sprintf("DevType7_NIC%d", i)
	case dialectOpenBMC:
		return fmt.Sprintf("IO_Board_0_CX7_%d", i)
	}
	return fmt.Sprint(i + 1)
}

func (b *BMC) adapterURI(i int) string { return b.dia.chassis() + "/NetworkAdapters/" + b.adapterID(i) }

// networkRoutes are the adapters under the chassis and the interfaces under the System.
func networkRoutes(b *BMC, m map[string]*route) {
	d := b.dia
	base := d.chassis() + "/NetworkAdapters"
	var ids, eths []string
	for i, n := range b.nics() {
		ids = append(ids, b.adapterURI(i))
		add(b, m, b.adapterURI(i), &route{get: func(*call) obj {
			if d.name == dialectILO && b.faults.on("R11") && b.host.stage != stageOS {
				return nil
			}
			return b.adapterResource(i, n)
		}})
		ports(b, m, i, n)
		uri := d.sys() + "/EthernetInterfaces/" + b.ethernetID(i)
		eths = append(eths, uri)
		add(b, m, uri, &route{get: func(*call) obj {
			return obj{"@odata.type": d.typ("EthernetInterface"), "Id": b.ethernetID(i), "Name": "System Ethernet Interface",
				"MACAddress": b.mac(10 + i), "PermanentMACAddress": b.mac(10 + i), "LinkStatus": "LinkUp", "InterfaceEnabled": true,
				"SpeedMbps": int(portSpeed(n) / 1_000_000), "Status": enabled()}
		}})
	}
	add(b, m, base, &route{get: func(*call) obj {
		return collection("NetworkAdapterCollection.NetworkAdapterCollection", "Network Adapter Collection", ids)
	}})
	switchConnections(b, m)
	add(b, m, d.sys()+"/EthernetInterfaces", &route{get: func(*call) obj {
		return collection("EthernetInterfaceCollection.EthernetInterfaceCollection", "Ethernet Interface Collection", eths)
	}})
}

func (b *BMC) ethernetID(i int) string {
	switch b.dia.name {
	case dialectIDRAC:
		return fmt.Sprintf("NIC.Slot.%d-1-1", i+3)
	case dialectXCC:
		return fmt.Sprintf("NIC%d", i+1)
	case dialectAMI:
		return fmt.Sprintf("EthernetInterface%d", i)
	}
	return fmt.Sprint(i + 1)
}

func portSpeed(n rack.PartFacts) int64 {
	if n.SpeedBps > 0 {
		return n.SpeedBps
	}
	return 100_000_000_000
}

func (b *BMC) adapterResource(i int, n rack.PartFacts) obj {
	d, uri := b.dia, b.adapterURI(i)
	count := max(n.Ports, 1)
	o := obj{"@odata.type": d.typ("NetworkAdapter"), "Id": b.adapterID(i), "Name": "Network Adapter", "Manufacturer": n.Manufacturer,
		"Model": n.Model, "PartNumber": n.Model, "SerialNumber": b.partSerial("N", i), "Status": enabled(),
		"Controllers": []any{obj{"FirmwarePackageVersion": b.version("nic"), "ControllerCapabilities": obj{"NetworkPortCount": count}}}}
	if functionStyleOf(d).shown {
		o["NetworkDeviceFunctions"] = ref(uri + "/NetworkDeviceFunctions")
	}
	if d.has("NetworkPort") {
		o["NetworkPorts"] = ref(uri + "/NetworkPorts")
	} else {
		o["Ports"] = ref(uri + "/Ports")
	}
	return o
}

// ports are NetworkPort resources on Dell, Port resources elsewhere.
func ports(b *BMC, m map[string]*route, i int, n rack.PartFacts) {
	old := b.dia.has("NetworkPort")
	base, schema, typ := b.adapterURI(i)+"/Ports", "Port", "PortCollection.PortCollection"
	if old {
		base, schema, typ = b.adapterURI(i)+"/NetworkPorts", "NetworkPort", "NetworkPortCollection.NetworkPortCollection"
	}
	var ids []string
	for p := range max(n.Ports, 1) {
		id := fmt.Sprint(p + 1)
		if old {
			id = fmt.Sprintf("%s-%d", b.adapterID(i), p+1)
		}
		ids = append(ids, base+"/"+id)
		mac := b.mac(10 + i + 100*p)
		add(b, m, base+"/"+id, &route{get: func(*call) obj {
			o := obj{"@odata.type": b.dia.typ(schema), "Id": id, "Name": "Port " + id, "LinkStatus": "LinkUp", "Status": enabled()}
			if old {
				o["LinkStatus"] = "Up"
				o["AssociatedNetworkAddresses"] = []any{mac}
				o["CurrentLinkSpeedMbps"] = portSpeed(n) / 1_000_000
				b.wired(o, i, p)
				return o
			}
			o["CurrentSpeedGbps"] = portSpeed(n) / 1_000_000_000
			if n.Protocol != "InfiniBand" || b.dia.name == dialectSupermicro { // there every port tells a MAC (recorded)
				o["Ethernet"] = obj{"AssociatedMACAddresses": []any{mac}}
			}
			b.wired(o, i, p)
			return o
		}})
	}
	add(b, m, base, &route{get: func(*call) obj { return collection(typ, "Port Collection", ids) }})
}
