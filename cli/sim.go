package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/secret"
	"github.com/metalwright/metalwright/internal/sim"
	"github.com/metalwright/metalwright/internal/sim/recorded"
)

func newSim(a *app) *cobra.Command {
	c := &cobra.Command{Use: "sim", GroupID: "lab", Short: "Simulate a rack, or serve a recorded one",
		Long: `Sim answers as the BMCs of a rack would, in the dialect of their vendors, on loopback: state machines, not canned answers.
Every blueprint can be brought up without hardware.`}
	c.AddCommand(newSimUp(a), newSimServe(a), newSimFaults(a), newSimLedger(a), newSimPoke(a))
	return c
}

func newSimUp(a *app) *cobra.Command {
	var f workspaceFlags
	var listen, power string
	var speed float64
	var seed uint64
	var faults []string
	var latency time.Duration
	var factory bool
	c := &cobra.Command{
		Use:   "up [DIR]",
		Short: "Simulate every node of a blueprint until interrupted",
		Long: `Up starts one BMC over TLS for every node of the blueprint, and the interface of every switch that has an os (NVUE, or SONiC's gNMI),
and writes site.bind.hcl (address, certificate pin, secret reference),
which the other commands read. --speed divides every duration: with 60, a minute passes in a second. --faults plays what real BMCs
do wrong; see metalwright sim faults. --factory leaves the rack as it is delivered: hosts off, and BMCs with the passwords of their
labels, which stand in .metalwright/labels and are named by the bindings. metalwright apply claims such BMCs first.` + codes(exitDone, exitError),
		Example: "  metalwright sim up lab --speed 60\n  metalwright sim up lab --faults R17,R39 --seed 7\n  metalwright sim up lab --factory",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			w, err := a.load(&f, args)
			if err != nil {
				return err
			}
			r, err := sim.New(w.Design, sim.Options{Seed: seed, Speed: speed, Faults: faults, Power: power, Latency: latency, Factory: factory})
			if err != nil {
				return err
			}
			bindings, err := r.Start(listen)
			if err != nil {
				return err
			}
			switches := r.SwitchBindings()
			defer func() { _ = r.Close() }()
			undo, err := a.publishSim(c.Context(), w, r, bindings, switches, speed, seed, factory)
			if err != nil {
				return err
			}
			defer undo()
			path := filepath.Join(w.Dir, engine.BindingsFile)
			err = a.result(map[string]any{"nodes": len(r.Nodes()), "power_shelves": len(r.Shelves()), "switches": len(switches), "bindings": path,
				"speed": speed, "seed": seed, "faults": slices.Concat([]string{}, faults)},
				"simulated rack: %s; bindings in %s; 1 minute passes in %s", simSize(r), path,
				(time.Duration(float64(time.Minute) / speed)).Round(time.Millisecond))
			if err != nil {
				return err
			}
			if factory && !a.json {
				for _, name := range r.Nodes() {
					user, _ := r.FactoryCredentials(name)
					a.printf("factory account of %s: %s, password in %s\n", name, user, filepath.Join(w.Dir, engine.StateDir, "labels", name))
				}
				if os.Getenv(secret.IdentityVariable) == "" {
					a.printf("a key for the escrow of this rack: export %s=%s\n", secret.IdentityVariable, simIdentity(w.Dir))
				}
			}
			if len(faults) > 0 && !a.json {
				a.printf("faults: %s, seed %d\n", strings.Join(faults, ", "), seed)
			}
			<-c.Context().Done()
			return nil
		},
	}
	f.add(c)
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "address of the first BMC; with port 0 each takes a free one")
	c.Flags().Float64Var(&speed, "speed", 1, "divide every duration by this")
	c.Flags().Uint64Var(&seed, "seed", 1, "the only source of chance: passwords, serial numbers, when faults strike")
	c.Flags().StringSliceVar(&faults, "faults", nil, "faults to play: a list of ids, or all")
	c.Flags().BoolVar(&factory, "factory", false, "the rack as it is delivered: hosts off, BMCs with the password of their label, boot from the network, an old volume")
	c.Flags().StringVar(&power, "power", "", "what hosts are at the start: On or Off (default On; Off with --factory)")
	c.Flags().DurationVar(&latency, "latency", 0, "added to every request, before --speed")
	return c
}

// simSecrets writes the passwords of the simulated BMCs where the bindings, or a claim, look for them. Power shelves are not claimed:
// they have the site's password from the start.
func simSecrets(r *sim.Rack, bindings []rack.Binding, state string, factory bool) error {
	for i, b := range bindings {
		folder, pass := "secrets", r.Credentials
		label := factory && !slices.Contains(r.Shelves(), b.Node)
		if label {
			folder, pass = "labels", r.FactoryCredentials
		}
		dir := filepath.Join(state, folder)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		user, p := pass(b.Node)
		if err := os.WriteFile(filepath.Join(dir, b.Node), []byte(p+"\n"), 0o600); err != nil {
			return err
		}
		ref := rack.SecretRef("file:" + filepath.ToSlash(filepath.Join(engine.StateDir, folder, b.Node)))
		bindings[i].Credential = ref
		if label { // what they become says the blueprint
			bindings[i].Username, bindings[i].Credential, bindings[i].FactoryUsername, bindings[i].Factory = "", "", user, ref
		}
	}
	return nil
}

// simIdentity is the age identity for the escrow of a simulated rack: beside it, which no key of real passwords may be.
func simIdentity(dir string) string {
	path := filepath.Join(dir, engine.StateDir, "sim-identity.txt")
	if abs, err := filepath.Abs(path); err == nil { // relative ones begin at the blueprint's folder
		return abs
	}
	return path
}

// publishSim writes bindings, secrets and the simulator's own record; undo removes the record.
func (a *app) publishSim(ctx context.Context, w *engine.Workspace, r *sim.Rack, bindings, switches []rack.Binding, speed float64, seed uint64, factory bool) (func(), error) {
	state := filepath.Join(w.Dir, engine.StateDir)
	err := errors.Join(simSecrets(r, bindings, state, factory), simSecrets(r, switches, state, false))
	if err != nil {
		return nil, err
	}
	bindings = slices.Concat(bindings, switches)
	if factory {
		if err := secret.WriteIdentity(simIdentity(w.Dir)); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(w.Dir, engine.BindingsFile)
	text, err := blueprint.WriteBindings(bindings, w.Sources[engine.BindingsFile])
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	srv := &http.Server{Handler: r.AdminHandler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = srv.Serve(l) }()
	err = engine.WriteSimulated(state, engine.Simulated{PID: os.Getpid(), Admin: "http://" + l.Addr().String(), Speed: speed, Seed: seed, Pins: engine.PinsOf(bindings)})
	if err != nil {
		return nil, errors.Join(err, srv.Close())
	}
	return func() {
		_ = os.Remove(filepath.Join(state, "sim.json"))
		_ = srv.Close()
	}, nil
}

func newSimServe(a *app) *cobra.Command {
	var listen, user, passEnv string
	c := &cobra.Command{
		Use:   "serve TREE",
		Short: "Serve a recorded Redfish tree (a folder or .tar.gz) as it is",
		Long: `Serve answers with the resources of a recorded tree as they are, 404s included, with working sessions and ETags. Writes leave pending
settings, power state and tasks behind. It is for readers; behaviour is what sim up has.` + codes(exitDone, exitError),
		Example: "  metalwright sim serve dgx-h100.tar.gz --listen 127.0.0.1:8443",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			tree, err := recorded.Load(args[0])
			if err != nil {
				return err
			}
			pass := "recorded"
			if passEnv != "" {
				pass = os.Getenv(passEnv)
			}
			l, err := recorded.NewServer(tree, recorded.Options{User: user, Password: pass}).Start(listen)
			if err != nil {
				return err
			}
			defer func() { _ = l.Close() }()
			err = a.result(map[string]any{"resources": tree.Len(), "url": l.URL, "pin_sha256": l.PinSHA256, "username": user},
				"serving %d resources at %s\n  certificate pin %s\n  user %s", tree.Len(), l.URL, l.PinSHA256, user)
			if err != nil {
				return err
			}
			<-c.Context().Done()
			return nil
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "address to listen on")
	c.Flags().StringVar(&user, "username", "admin", "who may log in")
	c.Flags().StringVar(&passEnv, "password-env", "", `environment variable with the password (default: the word "recorded")`)
	return c
}

func newSimFaults(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "faults", Short: "List what the simulator can play: id, dialects, summary", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.printJSON(struct {
					Format int         `json:"format"`
					Faults []faultJSON `json:"faults"`
				}{1, faultsJSON()})
			}
			var rows [][]string
			for _, f := range sim.Faults() {
				who := strings.Join(f.Dialects, ",")
				if who == "" {
					who = "all"
				}
				what := f.Summary
				if f.Always {
					what += " (always)"
				}
				rows = append(rows, []string{f.ID, who, what})
			}
			a.table([]string{"ID", "DIALECTS", "WHAT HAPPENS"}, rows)
			return nil
		},
	}
}

func newSimLedger(a *app) *cobra.Command {
	var f workspaceFlags
	c := &cobra.Command{
		Use: "ledger [DIR]", Short: "What simulated BMCs counted: requests, sessions, resets, flashes", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.simulated(&f, args)
			if err != nil {
				return err
			}
			var ledgers map[string]sim.Ledger
			if err := adminCall(c.Context(), http.MethodGet, s.Admin+"/ledger", nil, &ledgers); err != nil {
				return err
			}
			if a.json {
				return a.printJSON(struct {
					Format int                   `json:"format"`
					Nodes  map[string]sim.Ledger `json:"nodes"`
				}{1, ledgers})
			}
			var rows [][]string
			for _, name := range sortedKeys(ledgers) {
				l := ledgers[name]
				rows = append(rows, []string{name, fmt.Sprint(l.Requests), fmt.Sprint(l.Writes), fmt.Sprint(l.SessionsOpened), fmt.Sprint(l.SessionsOpen),
					countWords(l.Resets), countWords(l.Flashes), fmt.Sprint(len(l.Violations))})
			}
			a.table([]string{"NODE", "REQUESTS", "WRITES", "SESSIONS", "OPEN", "RESETS", "FLASHES", "VIOLATIONS"}, rows)
			return nil
		},
	}
	f.add(c)
	return c
}

func newSimPoke(a *app) *cobra.Command {
	var f workspaceFlags
	var bios, firmware, foreign, locked, spare, config []string
	var power, drop, cable, location string
	var supplies []string
	var peril sim.Poke
	c := &cobra.Command{
		Use:   "poke DIR NODE",
		Short: "Change a simulated node or switch behind everybody's back",
		Example: "  metalwright sim poke lab dell --bios SriovGlobalEnable=Disabled\n  metalwright sim poke lab gb200 --leak\n" +
			"  metalwright sim poke fab leaf1 --config 'interface swp1 link mtu=1500'",
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.simulated(&f, args[:1])
			if err != nil {
				return err
			}
			body := sim.Poke{Power: power, DropVolume: drop, Cable: cable, Foreign: foreign, Locked: locked, Spare: spare,
				Leak: peril.Leak, Hot: peril.Hot, DeadSupply: peril.DeadSupply, Well: peril.Well, Tell: peril.Tell}
			body.Location = location
			if body.Config, err = settingPairs(config); err != nil {
				return err
			}
			if body.BIOS, err = pairs(bios); err != nil {
				return err
			}
			parts, err := pairs(supplies)
			if err != nil {
				return err
			}
			for k, v := range parts {
				if body.Supplies == nil {
					body.Supplies = map[string]string{}
				}
				body.Supplies[k] = fmt.Sprint(v)
			}
			fw, err := pairs(firmware)
			if err != nil {
				return err
			}
			for k, v := range fw {
				if body.Firmware == nil {
					body.Firmware = map[string]string{}
				}
				body.Firmware[k] = fmt.Sprint(v)
			}
			if err := adminCall(c.Context(), http.MethodPost, s.Admin+"/poke?node="+url.QueryEscape(args[1]), body, nil); err != nil {
				return fmt.Errorf("change node %s: %w", args[1], err)
			}
			return a.result(map[string]any{"node": args[1]}, "changed %s behind everybody's back", args[1])
		},
	}
	f.add(c)
	c.Flags().StringArrayVar(&bios, "bios", nil, "ATTRIBUTE=VALUE (may be repeated)")
	c.Flags().StringArrayVar(&firmware, "firmware", nil, "COMPONENT=VERSION (may be repeated)")
	c.Flags().StringVar(&power, "power", "", "On or Off")
	c.Flags().StringVar(&drop, "drop-volume", "", "name of a volume that vanishes")
	c.Flags().StringVar(&location, "location", "", "where its chassis says that it stands: RACK/U")
	c.Flags().StringArrayVar(&supplies, "supply", nil, "of a power shelf: ID=OK, Warning, Critical or Absent (may be repeated)")
	c.Flags().StringSliceVar(&foreign, "foreign", nil, "bays of free drives that come from another controller")
	c.Flags().StringSliceVar(&locked, "locked", nil, "bays of free drives that are locked by a key which nobody here has")
	c.Flags().StringSliceVar(&spare, "spare", nil, "bays of free drives that somebody makes global hot spares")
	c.Flags().BoolVar(&peril.Leak, "leak", false, "a leak detector is Critical from now on")
	c.Flags().BoolVar(&peril.Hot, "hot", false, "its inlet is above the critical limit from now on")
	c.Flags().IntVar(&peril.DeadSupply, "dead-supply", 0, "number of the power supply that fails, from 1")
	c.Flags().BoolVar(&peril.Well, "well", false, "leak, heat and dead supply are over")
	c.Flags().StringVar(&peril.Tell, "tell", "", "its BMC tells what is not so: leak, hot or supply")
	c.Flags().StringArrayVar(&config, "config", nil, "of a switch: PATH=JSON, null takes it away (may be repeated)")
	c.Flags().StringVar(&cable, "cable", "", "the cable of its first rail: swap, pull or fix")
	return c
}

// simulated finds the simulator that runs behind a blueprint.
func (a *app) simulated(f *workspaceFlags, args []string) (*engine.Simulated, error) {
	w, err := a.load(f, args)
	if err != nil {
		return nil, err
	}
	if s := w.Simulated(); s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("no simulator runs behind %s: start one with metalwright sim up %s", w.Dir, w.Dir)
}

func adminCall(ctx context.Context, method, url string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the simulator: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode/100 != 2 {
		var msg [512]byte
		n, _ := res.Body.Read(msg[:])
		return fmt.Errorf("the simulator refuses: %s", strings.TrimSpace(string(msg[:n])))
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(out)
}

// pairs reads NAME=VALUE; true, false and whole numbers become what they look like.
func pairs(list []string) (map[string]any, error) {
	if len(list) == 0 {
		return nil, nil
	}
	out := map[string]any{}
	for _, s := range list {
		k, v, ok := strings.Cut(s, "=")
		if !ok || k == "" {
			return nil, fmt.Errorf("%q: want NAME=VALUE", s)
		}
		var n int64
		switch {
		case v == "true" || v == "false":
			out[k] = v == "true"
		case json.Unmarshal([]byte(v), &n) == nil:
			out[k] = n
		default:
			out[k] = v
		}
	}
	return out, nil
}

func countWords(m map[string]int) string {
	var out []string
	for _, k := range sortedKeys(m) {
		if m[k] > 0 {
			out = append(out, fmt.Sprintf("%d %s", m[k], k))
		}
	}
	if len(out) == 0 {
		return "-"
	}
	return strings.Join(out, ", ")
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
