package sim

// row is one entry of the firmware inventory.
type row struct {
	comp    *component
	id      string
	name    string
	version string
	soft    string // SoftwareId
	related string
	staged  bool
	fixed   bool // never updateable: another view of a component
	state   string
	empty   bool // the version is null
}

func (b *BMC) rowURI(id string) string { return "/redfish/v1/UpdateService/FirmwareInventory/" + id }

// rows is the inventory as it is shown.
func (b *BMC) rows() []row { return b.strange(b.dia.rows(b)) }

// rowResource renders a row.
func (b *BMC) rowResource(r row) obj {
	state := r.state
	if state == "" {
		state = "Enabled"
	}
	o := obj{"@odata.type": b.dia.typ("SoftwareInventory"), "Id": r.id, "Name": r.name, "Version": r.version,
		"Updateable": !r.fixed, "Status": obj{"State": state, "Health": "OK"}}
	if r.empty {
		o["Version"] = nil
	}
	if r.soft != "" {
		o["SoftwareId"] = r.soft
	}
	if r.related != "" {
		o["RelatedItem"] = refs([]string{r.related})
	}
	if b.faults.on("R42") {
		o["ReleaseDate"] = "00:00:00Z"
	}
	if b.dia.types["SoftwareInventory"] == "v1_12_0" {
		o["Staged"] = r.staged
	}
	return o
}

func firmwareRoutes(b *BMC, m map[string]*route) {
	base := "/redfish/v1/UpdateService/FirmwareInventory"
	list := &route{get: func(*call) obj {
		var ids []string
		for _, r := range b.rows() {
			ids = append(ids, b.rowURI(r.id))
		}
		return collection("SoftwareInventoryCollection.SoftwareInventoryCollection", "Firmware Inventory Collection", ids)
	}}
	if b.dia.update.push == base { // Dell's HttpPushUri is the collection itself
		list.post = b.push
	}
	add(b, m, base, list)
	add(b, m, base+"/*", &route{get: func(c *call) obj {
		for _, r := range b.rows() {
			if r.id == c.vars[0] {
				return b.rowResource(r)
			}
		}
		return nil
	}})
}
