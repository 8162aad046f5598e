package rack

// Job is one entry of a BMC's job queue, or of its tasks where it has no queue.
type Job struct {
	ID       string `json:"id"`
	Path     string `json:"path"`
	Name     string `json:"name"`
	Phase    string `json:"phase"`   // waiting, running, done, failed, unknown
	Percent  int    `json:"percent"` // -1 = not told
	Says     string `json:"says,omitempty"`
	Firmware bool   `json:"firmware,omitempty"` // it writes firmware, or will
}

// The words of Locator.State.
const (
	LEDOff   = "Off"
	LEDLit   = "Lit"
	LEDBlink = "Blinking"
)

// Locator is the light that finds a machine in its rack.
type Locator struct {
	Path  string   `json:"path"`            // of the resource that it is written on
	State string   `json:"state"`           // Lit, Blinking, Off; empty = the BMC does not tell
	Can   []string `json:"can"`             // what may be asked of it
	Plain bool     `json:"plain,omitempty"` // LocationIndicatorActive: on or off, and the BMC decides how it shows
}

// Dump is a way to have the vendor's own diagnostic data collected.
type Dump struct {
	Path   string `json:"path"`             // of the log service, or of the archive itself
	Target string `json:"target,omitempty"` // of CollectDiagnosticData; empty = the archive is there already and is only fetched
	Type   string `json:"type,omitempty"`   // DiagnosticDataType: Manager, OEM …
	OEM    string `json:"oem,omitempty"`    // OEMDiagnosticDataType, with type OEM
	Name   string `json:"name"`
}
