package fabric

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// Read recognises what a file tells of neighbours, and reads it: lldpctl's JSON (json and json0), SONiC's APPL_DB, NetQ's topology
// graph, ibnetdiscover, and the tables of EOS and NX-OS. Where the file does not say whose neighbours they are, it is named after
// them: leaf1.json. What cannot be read is an error, never nothing.
func Read(file string, data []byte) (rack.Cables, error) {
	name := stem(file)
	text := bytes.TrimSpace(data)
	if len(text) == 0 {
		return rack.Cables{}, fmt.Errorf("%s is empty", file)
	}
	read := readText
	if text[0] == '{' || text[0] == '[' {
		read = readJSON
	}
	out, err := read(name, text)
	if err != nil {
		return rack.Cables{}, fmt.Errorf("%s: %w", file, err)
	}
	for i := range out.Seen {
		out.Seen[i].Source = file
	}
	for i := range out.Unread {
		out.Unread[i].Address = file
	}
	return out, nil
}

// stem is the name of a file without folder and endings: lldp/leaf1.lldp.json tells of leaf1.
func stem(file string) string {
	s := path.Base(strings.ReplaceAll(file, "\\", "/"))
	for {
		ext := path.Ext(s)
		switch ext {
		case ".json", ".txt", ".out", ".lldp", ".raw", ".log", ".json0":
			s = strings.TrimSuffix(s, ext)
			continue
		}
		return s
	}
}

func readJSON(name string, text []byte) (rack.Cables, error) {
	if !json.Valid(text) {
		return rack.Cables{}, fmt.Errorf("it is no whole JSON document")
	}
	if text[0] == '[' {
		return readNetQ(text)
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(text, &top); err != nil {
		return rack.Cables{}, err
	}
	if raw, ok := top["lldp"]; ok {
		return readLLDPCtl(name, raw)
	}
	for k := range top {
		if strings.HasPrefix(k, sonicTable) {
			return readSONiC(name, top)
		}
	}
	return rack.Cables{}, fmt.Errorf("it is JSON, and neither lldpctl's nor SONiC's APPL_DB nor a graph of NetQ")
}

func readText(name string, text []byte) (rack.Cables, error) {
	s := strings.ReplaceAll(string(text), "\r\n", "\n")
	switch {
	case strings.Contains(s, "switchguid=") || strings.Contains(s, "caguid=") || strings.HasPrefix(s, "#\n# Topology file"):
		return readIBNet(s)
	case strings.Contains(s, "LLDP neighbors:"):
		return readEOS(name, s)
	case strings.Contains(s, "Local Port id:"):
		return readNXOSDetail(name, s)
	case strings.Contains(s, "Device ID") && strings.Contains(s, "Local Intf"):
		return readNXOSTable(name, s)
	}
	return rack.Cables{}, fmt.Errorf("it is no table of neighbours that is known: lldpctl -f json, SONiC APPL_DB, NetQ, ibnetdiscover, " +
		"show lldp neighbors of EOS or NX-OS")
}
