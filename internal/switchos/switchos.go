// Package switchos renders the configuration of switches from a Design: for Cumulus Linux what NVUE takes as a patch, for SONiC tables of
// config_db.json. It also says which part of what a switch has is ours, and what differs. It is pure: the same Design gives the same
// bytes, and nothing here talks to a switch.
package switchos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// Config is what one switch is to be told.
type Config struct {
	Switch string          `json:"switch"`
	OS     string          `json:"os"`   // cumulus, sonic
	File   string          `json:"file"` // name of a file for it: leaf1.nvue.json, leaf1.config_db.json
	Body   json.RawMessage `json:"body"`
}

// Skipped is a switch without a configuration, and why.
type Skipped struct {
	Switch string `json:"switch"`
	Reason string `json:"reason"`
}

// Render gives the configuration of every switch of the fabrics of d, by fabric and in the order of the design; switches without one
// are listed with the reason, never left out.
func Render(d rack.Design) ([]Config, []Skipped) {
	var out []Config
	var skipped []Skipped
	done := map[string]bool{}
	for _, f := range d.Fabrics {
		for _, s := range f.Switches {
			if done[s.Name] {
				continue
			}
			done[s.Name] = true
			v := newView(d, f, s)
			body, file, why := v.render()
			if why != "" {
				skipped = append(skipped, Skipped{s.Name, why})
				continue
			}
			out = append(out, Config{Switch: s.Name, OS: s.OS, File: s.Name + file, Body: body})
		}
	}
	return out, skipped
}

// obj is a JSON object; encoding/json writes its keys sorted.
type obj = map[string]any

// view is one switch and what of the Design it needs.
type view struct {
	rack.FabricSwitch
	fabric rack.Fabric
	site   rack.Site
	ports  []portOf
}

// portOf is a port of the switch with the cable in it.
type portOf struct {
	end, far rack.End
	link     rack.Link
}

func newView(d rack.Design, f rack.Fabric, s rack.FabricSwitch) view {
	v := view{FabricSwitch: s, fabric: f}
	for _, r := range d.Racks {
		for _, x := range d.Sites {
			if r.Address == s.Rack && x.Address == r.Site {
				v.site = x
			}
		}
	}
	for _, o := range d.Fabrics { // a management switch may serve several fabrics
		for _, l := range o.Links {
			switch s.Name {
			case l.A.Device:
				v.ports = append(v.ports, portOf{l.A, l.B, l})
			case l.B.Device:
				v.ports = append(v.ports, portOf{l.B, l.A, l})
			}
		}
	}
	v.ports = slices.DeleteFunc(v.ports, func(p portOf) bool { return p.end.Port == "eth0" })
	return v
}

func (v view) render() (body json.RawMessage, file, why string) {
	switch {
	case v.OS == "":
		return nil, "", "it has no os"
	case v.OS == "mlnx_os" || v.fabric.Protocol == "InfiniBand" && v.Role != "management":
		return nil, "", "InfiniBand switches are set up by the fabric manager; nothing of theirs follows from the Design"
	case v.Role != "management" && v.Loopback == "":
		return nil, "", "it has no address: the fabric needs network = \"NAME\""
	case v.OS == "cumulus":
		return encode(v.nvue()), ".nvue.json", ""
	case v.Role == "management":
		return nil, "", "management switches are rendered for Cumulus only by this version"
	default:
		return encode(v.sonic()), ".config_db.json", ""
	}
}

func encode(o obj) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(o); err != nil {
		panic(fmt.Sprintf("metalwright: internal error: encode a configuration: %v. This is a bug in Metalwright.", err))
	}
	return b.Bytes()
}

// servers gives host and port of the site's endpoints of a role. Only these are written to a switch: the list is closed.
func (v view) servers(role string) [][2]string {
	var out [][2]string
	for _, s := range v.site.Endpoints[role] {
		host, port := s, ""
		if u, err := url.Parse(s); err == nil && strings.Contains(s, "://") {
			host, port = u.Hostname(), u.Port()
		} else if a, err := netip.ParseAddrPort(s); err == nil {
			host, port = a.Addr().String(), fmt.Sprint(a.Port())
		} else if h, p, ok := strings.Cut(s, ":"); ok && !strings.Contains(p, ":") { // of a name; an IPv6 address has more colons
			host, port = h, p
		}
		out = append(out, [2]string{host, port})
	}
	return out
}

// about is the description of a port: label and the other end, as on the cable.
func (p portOf) about() string { return p.link.Label + " " + p.far.Device + " " + p.far.Port }

// mtu is that of an Ethernet fabric that carries RoCE: jumbo frames on every port.
const mtu = 9216
