package engine

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/metalwright/metalwright/internal/apply"
)

// sessionFiles keeps the URIs of open sessions, one file a process and BMC, so that a later run deletes what a killed
// one left open (quirks R1, R67). A URI is no secret: the token is not in it. What cannot be written is left out: it is
// a courtesy to the BMC, and the next login works without it.
type sessionFiles struct {
	dir string
	who apply.Holder
}

type sessionFile struct {
	Holder apply.Holder `json:"holder"`
	BMC    string       `json:"bmc"`
	URIs   []string     `json:"uris"`
}

// Left implements bmc.Sessions.
func (s sessionFiles) Left(bmc string) []string {
	files, err := filepath.Glob(filepath.Join(s.dir, hex.EncodeToString([]byte(bmc))+"-*.json"))
	if err != nil {
		return nil
	}
	var out []string
	for _, path := range files {
		var f sessionFile
		if readJSON(path, &f) != nil || apply.Alive(f.Holder) {
			continue
		}
		out = append(out, f.URIs...)
		_ = os.Remove(path) // they are this process's to close now: it keeps them until they are
	}
	return out
}

// Keep implements bmc.Sessions.
func (s sessionFiles) Keep(bmc string, uris []string) {
	path := filepath.Join(s.dir, hex.EncodeToString([]byte(bmc))+fmt.Sprintf("-%d.json", s.who.PID))
	if len(uris) == 0 {
		_ = os.Remove(path)
		return
	}
	text, err := json.Marshal(sessionFile{Holder: s.who, BMC: bmc, URIs: uris})
	if err != nil || os.MkdirAll(s.dir, 0o700) != nil {
		return
	}
	// Not synced, so that it is there at once: after a power cut of this machine sessions run out by themselves.
	if os.WriteFile(path+".new", text, 0o600) == nil {
		_ = os.Rename(path+".new", path)
	}
}
