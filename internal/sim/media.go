package sim

import (
	"net/http"
	"path"
	"slices"
	"strings"
)

// slot is a virtual media device.
type slot struct {
	spec  slotSpec
	image string
	lying bool // R23: it says Inserted although it is empty; R78: it says inserted although nothing is mounted
}

func newSlots(b *BMC) []*slot {
	var out []*slot
	for _, s := range b.dia.slots {
		out = append(out, &slot{spec: s})
	}
	return out
}

func (s *slot) eject() { s.image = "" }

// mediaRoutes hangs the slots under the Manager, the System, or both.
func mediaRoutes(b *BMC, m map[string]*route) {
	for _, home := range b.dia.mediaHome {
		base := b.dia.manager() + "/VirtualMedia"
		if home == "system" {
			base = b.dia.sys() + "/VirtualMedia"
		}
		add(b, m, base, &route{get: func(*call) obj {
			var ids []string
			for _, s := range b.media {
				ids = append(ids, base+"/"+s.spec.id)
			}
			return collection("VirtualMediaCollection.VirtualMediaCollection", "Virtual Media Collection", ids)
		}})
		for _, s := range b.media {
			uri := base + "/" + s.spec.id
			r := &route{get: func(*call) obj { return b.slotResource(s, uri) }}
			if !b.dia.mediaByAct {
				r.patch = func(c *call) *answer { return b.patchSlot(c, s) }
			}
			add(b, m, uri, r)
			if b.dia.mediaByAct {
				add(b, m, uri+"/Actions/VirtualMedia.InsertMedia", &route{post: func(c *call) *answer { return b.insert(c, s) }})
				add(b, m, uri+"/Actions/VirtualMedia.EjectMedia", &route{post: func(c *call) *answer { return b.ejectMedia(c, s) }})
			}
		}
	}
}

func (b *BMC) slotResource(s *slot, uri string) obj {
	o := obj{"@odata.type": b.dia.typ("VirtualMedia"), "Id": s.spec.id, "Name": "Virtual Removable Media",
		"MediaTypes": texts2list(s.spec.types), "Inserted": s.image != "" || s.lying, "Image": nil, "ImageName": nil,
		"ConnectedVia": "NotConnected", "WriteProtected": true}
	if s.image != "" {
		o["Image"], o["ImageName"], o["ConnectedVia"] = s.image, path.Base(s.image), "URI"
	}
	if b.dia.mediaByAct {
		acts := obj{"#VirtualMedia.InsertMedia": obj{"target": uri + "/Actions/VirtualMedia.InsertMedia"}}
		if s.image != "" || !b.dia.ejectHidden {
			acts["#VirtualMedia.EjectMedia"] = obj{"target": uri + "/Actions/VirtualMedia.EjectMedia"}
		}
		o["Actions"] = acts
	}
	return o
}

// insert answers InsertMedia.
func (b *BMC) insert(c *call, s *slot) *answer {
	image, _ := c.body["Image"].(string)
	if image == "" {
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterMissing", "VirtualMedia.InsertMedia", "Image"))
	}
	if !strings.Contains(image, "://") {
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterValueFormatError", image, "Image", "VirtualMedia.InsertMedia"))
	}
	if s.image != "" {
		return b.fail(http.StatusInternalServerError, b.msg("ResourceInUse"))
	}
	if a := b.faults.refuseInsert(c, s, image); a != nil {
		return a
	}
	s.image, s.lying = image, false
	b.changed()
	return b.done()
}

func (b *BMC) ejectMedia(c *call, s *slot) *answer {
	if b.faults.on("R12") && len(strings.TrimSpace(string(c.raw))) == 0 {
		return b.fail(http.StatusUnsupportedMediaType, b.msg("UnrecognizedRequestBody"))
	}
	if s.image == "" && !s.lying {
		return b.fail(http.StatusBadRequest, b.msg("NoOperation"))
	}
	if b.host.power == powerOn && s.image != "" && b.boot.from == s.image && b.faults.on("R76") {
		b.violate("media was ejected under the host that runs from it")
	}
	s.eject()
	s.lying = b.faults.fire("R23", c)
	b.changed()
	return b.done()
}

// patchSlot is how a slot without actions is driven: Image set or null.
func (b *BMC) patchSlot(c *call, s *slot) *answer {
	for k := range c.body {
		if !slices.Contains([]string{"Image", "Inserted", "WriteProtected", "UserName", "Password", "TransferMethod", "TransferProtocolType"}, k) {
			return b.fail(http.StatusBadRequest, b.msg("PropertyUnknown", k))
		}
	}
	image, isText := c.body["Image"].(string)
	if _, given := c.body["Image"]; !given {
		if in, isBool := c.body["Inserted"].(bool); isBool && !in {
			s.eject()
		}
		b.changed()
		return b.done()
	}
	if isText && image != "" {
		if s.image != "" && s.image != image {
			return b.fail(http.StatusConflict, b.msg("ResourceInUse"))
		}
		s.image = image
	} else {
		s.eject()
	}
	b.changed()
	return b.done()
}
