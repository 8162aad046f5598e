package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sort"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// Ledger is what a BMC has seen, exactly. Requests = Reads + Writes + log-ins, log-outs and the attempts at them.
type Ledger struct {
	Requests             int            `json:"requests"`
	Reads                int            `json:"reads"`  // GET and HEAD
	Writes               int            `json:"writes"` // PATCH, PUT, POST and DELETE, but for sessions
	Connections          int            `json:"connections"`
	SessionsOpened       int            `json:"sessions_opened"`
	SessionsClosed       int            `json:"sessions_closed"` // by DELETE
	SessionsOpen         int            `json:"sessions_open"`   // at this moment
	FailedLogins         int            `json:"failed_logins"`
	Resets               map[string]int `json:"resets"`  // that took effect: bmc_reset, host_reset, host_power_cycle, aux_cycle
	Boots                int            `json:"boots"`   // times the host began to POST
	Flashes              map[string]int `json:"flashes"` // images accepted, by component
	Pushes               int            `json:"pushes"`  // images received, taken or not
	VolumesCreated       int            `json:"volumes_created"`
	VolumesDeleted       int            `json:"volumes_deleted"`
	DrivesErased         int            `json:"drives_erased,omitempty"`
	SparesSet            int            `json:"spares_set,omitempty"`
	ForeignImported      int            `json:"foreign_imported,omitempty"` // configurations taken over
	ForeignCleared       int            `json:"foreign_cleared,omitempty"`  // configurations thrown away
	ControllersReset     int            `json:"controllers_reset,omitempty"`
	NamespacesCreated    int            `json:"namespaces_created,omitempty"`
	PortsSet             int            `json:"ports_set,omitempty"` // network functions whose settings a boot changed
	TPMClears            int            `json:"tpm_clears,omitempty"`
	KeysReset            int            `json:"keys_reset,omitempty"`            // Secure Boot keys, by ResetKeys
	Subscriptions        int            `json:"subscriptions,omitempty"`         // event subscriptions made
	CertificatesEnrolled int            `json:"certificates_enrolled,omitempty"` // into databases of Secure Boot
	IPMI                 int            `json:"ipmi,omitempty"`                  // commands taken by IPMI
	CertificatesRemoved  int            `json:"certificates_removed,omitempty"`
	Violations           []string       `json:"violations,omitempty"`
	FaultsFired          map[string]int `json:"faults_fired,omitempty"`
}

// VolumeTruth is a local volume as it is.
type VolumeTruth struct {
	Name          string   `json:"name"`
	RAID          string   `json:"raid"`
	Drives        []string `json:"drives"` // serial numbers, sorted
	CapacityBytes int64    `json:"capacity_bytes"`

	StripBytes int64    `json:"strip_bytes,omitempty"`
	Spans      int      `json:"spans,omitempty"`
	ReadCache  string   `json:"read_cache,omitempty"`
	WriteCache string   `json:"write_cache,omitempty"`
	Encrypted  bool     `json:"encrypted,omitempty"`
	Inits      []string `json:"inits,omitempty"`  // initialisations that have ended: Fast, Slow
	Spares     []string `json:"spares,omitempty"` // serial numbers of dedicated spares, sorted
}

// NamespaceTruth is an NVMe namespace as it is.
type NamespaceTruth struct {
	Name          string `json:"name"`
	Drive         string `json:"drive"` // serial number
	CapacityBytes int64  `json:"capacity_bytes"`
	LBABytes      int64  `json:"lba_bytes"`
}

// KeyTruth is the key of a controller: what it is called, and its SHA-256.
type KeyTruth struct {
	ID  string `json:"id"`
	Sum string `json:"sum"`
}

// Truth is the real state of a node, whatever its BMC says.
type Truth struct {
	Power     string              `json:"power"` // On, Off, or a transition
	Stage     string              `json:"stage"` // Redfish BootProgress.LastState
	BMCUp     bool                `json:"bmc_up"`
	BIOS      map[string]any      `json:"bios"`    // what runs
	Pending   map[string]any      `json:"pending"` // what waits for a reset
	BootOrder []string            `json:"boot_order"`
	BootOnce  string              `json:"boot_once,omitempty"`
	BootURI   string              `json:"boot_uri,omitempty"`
	Volumes   []VolumeTruth       `json:"volumes"`
	Foreign   []string            `json:"foreign,omitempty"` // serial numbers of drives that hold another controller's configuration
	Spares    []string            `json:"spares,omitempty"`  // serial numbers of global hot spares
	Keys      map[string]KeyTruth `json:"keys,omitempty"`    // by controller
	Erased    map[string]string   `json:"erased,omitempty"`  // SanitizationType by serial number, of drives that were erased and not used since
	Firmware  map[string]string   `json:"firmware"`          // running version, by component
	Staged    map[string]string   `json:"staged,omitempty"`
	Bricked   []string            `json:"bricked,omitempty"`
	Media     []string            `json:"media,omitempty"` // images inserted
	Light     string              `json:"light,omitempty"` // of the locator: Lit, Blinking, Off

	Namespaces []NamespaceTruth          `json:"namespaces,omitempty"`
	SecureBoot SecureTruth               `json:"secure_boot"`
	Ports      map[string]map[string]any `json:"ports,omitempty"` // settings of network functions, by ADAPTER/PORT
	// EventDestinations are the receivers that events are pushed to, "CONTEXT URL", sorted.
	EventDestinations []string `json:"event_destinations,omitempty"`

	DPUMode string `json:"dpu_mode,omitempty"` // of a BlueField that is shown
	// Settings are the values of the BMC's settings that were written and are real: "URI#/a/pointer" to value.
	Settings map[string]any `json:"settings,omitempty"`
}

// Poke is a change behind everybody's back: drift. Only what is set happens.
type Poke struct {
	BIOS       map[string]any            `json:"bios,omitempty"`
	Firmware   map[string]string         `json:"firmware,omitempty"`
	Power      string                    `json:"power,omitempty"`
	DropVolume string                    `json:"drop_volume,omitempty"` // name
	Foreign    []string                  `json:"foreign,omitempty"`     // bays of free drives that come from another controller
	Locked     []string                  `json:"locked,omitempty"`      // bays of free drives that are locked by a key nobody here has
	Spare      []string                  `json:"spare,omitempty"`       // bays of free drives that somebody makes global hot spares
	Volume     *PokeVolume               `json:"volume,omitempty"`      // somebody makes one of free drives
	EjectMedia bool                      `json:"eject_media,omitempty"`
	BootOrder  []string                  `json:"boot_order,omitempty"`
	Ports      map[string]map[string]any `json:"ports,omitempty"`       // settings of network functions, by ADAPTER/PORT
	SecureMode string                    `json:"secure_mode,omitempty"` // SetupMode: somebody took the keys away; UserMode: the vendor's are back
	Leak       bool                      `json:"leak,omitempty"`        // from now on a detector is Critical, as with R92
	Cable      string                    `json:"cable,omitempty"`       // of the first rail: swap, pull or fix
	Hot        bool                      `json:"hot,omitempty"`         // the inlet is above its critical limit
	DeadSupply int                       `json:"dead_supply,omitempty"` // number of the power supply that fails, from 1
	Well       bool                      `json:"well,omitempty"`        // leak, heat and dead supply are over; nobody tells it
	Tell       string                    `json:"tell,omitempty"`        // an event without its cause: leak, hot or supply
	Subscribe  []string                  `json:"subscribe,omitempty"`   // CONTEXT and URL of an event subscription that somebody makes
	EventsOff  bool                      `json:"events_off,omitempty"`  // the event service is switched off
	Flood      int                       `json:"flood,omitempty"`       // so many events that mean nothing, at once
	// Location is what the chassis says of its place: RACK/U.
	Location string `json:"location,omitempty"`
	// Supplies are those of a power shelf, by id: OK, Warning, Critical, or Absent when it was pulled.
	Supplies map[string]string `json:"supplies,omitempty"`
	// Config are settings of a switch, by path; their values are JSON, and null takes a setting away.
	Config map[string]string `json:"config,omitempty"`
	// Settings are bodies of writes to resources of settings, by URI.
	Settings map[string]map[string]any `json:"settings,omitempty"`
}

// PokeVolume is a volume that somebody makes of the free drives in some bays.
type PokeVolume struct {
	Name string   `json:"name"`
	RAID string   `json:"raid"`
	Bays []string `json:"bays"`
}

// Ledger returns a copy of the counts.
func (b *BMC) Ledger() Ledger {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance()
	b.expireSessions()
	l := b.led
	l.Resets = maps.Clone(l.Resets)
	l.Flashes = maps.Clone(l.Flashes)
	l.Violations = slices.Clone(l.Violations)
	l.SessionsOpen = len(b.sessions)
	l.FaultsFired = b.faults.counts()
	return l
}

// Truth returns the real state.
func (b *BMC) Truth() Truth {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance()
	t := Truth{
		Power: b.host.power, Stage: b.host.bootStage(), BMCUp: !b.down(), BIOS: maps.Clone(b.bios.cur),
		Pending: maps.Clone(b.bios.pend), BootOrder: slices.Clone(b.boot.order), BootOnce: b.boot.onceTarget(), BootURI: b.boot.uri,
		Firmware: map[string]string{}, Staged: map[string]string{},
	}
	t.SecureBoot, t.Ports, t.Light = b.secure.truth(), b.functionTruth(), b.lit()
	if b.dpu != nil {
		t.DPUMode = b.dpu.mode
	}
	for _, c := range b.comps {
		t.Firmware[c.name] = c.version
		if c.staged != "" {
			t.Staged[c.name] = c.staged
		}
		if c.bricked {
			t.Bricked = append(t.Bricked, c.name)
		}
	}
	for _, s := range b.store {
		for _, d := range s.drives {
			if d.erased != "" {
				if t.Erased == nil {
					t.Erased = map[string]string{}
				}
				t.Erased[d.serial] = d.erased
			}
		}
		for _, v := range s.volumes {
			t.Volumes = append(t.Volumes, b.volumeTruth(v))
		}
		b.storeTruth(s, &t)
	}
	sort.Slice(t.Volumes, func(i, j int) bool { return t.Volumes[i].Name < t.Volumes[j].Name })
	for _, s := range b.media {
		if s.image != "" {
			t.Media = append(t.Media, s.image)
		}
	}
	t.Settings = b.settingTruth()
	t.EventDestinations = b.eventDestinations()
	return t
}

// Poke changes the node behind everybody's back. Nothing is counted.
func (b *BMC) Poke(p Poke) error {
	if p.Cable != "" {
		if err := b.rack.Cable(b.name, p.Cable); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance()
	b.changed()
	for uri, body := range p.Settings {
		b.put(uri, body)
	}
	for name, v := range p.BIOS {
		a := b.dia.registry.find(name)
		if a == nil {
			return fmt.Errorf("poke %s: no BIOS attribute %q", b.name, name)
		}
		v = rack.Normal(v)
		if f, ok := v.(float64); ok { // JSON from POST /poke
			v = int64(f)
		}
		b.bios.cur[name] = v
	}
	for name, v := range p.Firmware {
		c := b.component(name)
		if c == nil {
			return fmt.Errorf("poke %s: no component %q", b.name, name)
		}
		c.version = v
	}
	switch p.Power {
	case "":
	case powerOn:
		if b.shelf != nil {
			b.switchShelf(false, 0)
		} else if b.host.power != powerOn {
			b.startHost(step.HostPowerCycle)
		}
	case powerOff:
		if b.shelf != nil {
			b.switchShelf(true, 0)
			break
		}
		b.stopHost()
		b.host.offByClient = false
	default:
		return fmt.Errorf("poke %s: power %q: want On or Off", b.name, p.Power)
	}
	if p.DropVolume != "" && !b.dropVolume(p.DropVolume) {
		return fmt.Errorf("poke %s: no volume %q", b.name, p.DropVolume)
	}
	if err := b.pokeDrives(p); err != nil {
		return err
	}
	if p.EjectMedia {
		for _, s := range b.media {
			s.eject()
		}
	}
	if p.BootOrder != nil {
		b.boot.order = slices.Clone(p.BootOrder)
	}
	if err := b.pokePorts(p.Ports); err != nil {
		return err
	}
	if err := b.pokeLocation(p.Location); err != nil {
		return err
	}
	if err := b.pokeSupplies(p.Supplies); err != nil {
		return err
	}
	switch p.SecureMode {
	case "":
	case setupMode:
		b.secure.keys, b.secure.revoked = map[string][]string{}, 0
		b.secure.judge()
	case userMode:
		b.secure.vendorKeys()
		b.secure.judge()
	default:
		return fmt.Errorf("poke %s: secure_mode %q: want %s or %s", b.name, p.SecureMode, setupMode, userMode)
	}
	if p.Leak && b.dia.leaks == 0 {
		return fmt.Errorf("poke %s: it has no leak detectors", b.name)
	}
	return b.pokePeril(p)
}

// violate records that something happened which no careful client does.
func (b *BMC) violate(format string, args ...any) {
	b.led.Violations = append(b.led.Violations, fmt.Sprintf(format, args...))
}

// AdminHandler serves GET /ledger, GET /truth and POST /poke?node=NAME, for the command line. It asks for no log-in: listen
// on loopback only.
func (r *Rack) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	show := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /ledger", func(w http.ResponseWriter, _ *http.Request) { show(w, r.Ledger()) })
	mux.HandleFunc("GET /truth", func(w http.ResponseWriter, _ *http.Request) { show(w, r.Truth()) })
	mux.HandleFunc("POST /poke", func(w http.ResponseWriter, req *http.Request) {
		if s := r.Switch(req.URL.Query().Get("node")); s != nil {
			r.pokeSwitch(w, req, s)
			return
		}
		b := r.BMC(req.URL.Query().Get("node"))
		if b == nil {
			http.Error(w, "no such node", http.StatusNotFound)
			return
		}
		var p Poke
		if err := json.NewDecoder(http.MaxBytesReader(w, req.Body, 1<<20)).Decode(&p); err != nil {
			http.Error(w, "read the poke: "+err.Error(), http.StatusBadRequest)
			return
		}
		if err := b.Poke(p); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		show(w, b.Truth())
	})
	return mux
}
