package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metalwright/metalwright/internal/blueprint"
	"github.com/metalwright/metalwright/internal/engine"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/survey"
)

func newDiscover(a *app) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "discover [CIDR | ADDRESS | FILE]...", GroupID: "find", Short: "Find BMCs on a network, without logging in",
		Long: `Discover asks every address for a Redfish service and shows vendor, product and the certificate's fingerprint and serial. Nothing of it is
trusted: compare it at the machine, then metalwright bind.` + codes(exitDone, exitError, exitInterrupted),
		Example: "  metalwright discover 10.20.8.0/24\n  metalwright discover --file bmcs.txt --json",
		RunE: func(c *cobra.Command, args []string) error {
			var words []string
			for _, arg := range args {
				if st, err := os.Stat(arg); err == nil && !st.IsDir() {
					file = arg
					continue
				}
				words = append(words, arg)
			}
			found, err := a.discover(c.Context(), words, file)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]any{"format": 1, "found": found})
			}
			var rows [][]string
			silent, n := 0, 0
			for _, f := range found {
				if f.Silent {
					silent++
					continue
				}
				if f.Redfish {
					n++
				}
				rows = append(rows, []string{f.URL, f.Vendor, f.Product, f.RedfishVersion, f.PinSHA256, f.CertSerial, f.Why})
			}
			a.table([]string{"URL", "VENDOR", "PRODUCT", "REDFISH", "CERTIFICATE PIN", "SERIAL", "NOTE"}, rows)
			a.printf("%d of %d addresses are BMCs, %d silent\n", n, len(found), silent)
			return c.Context().Err()
		},
	}
	c.Flags().StringVar(&file, "file", "", "file of addresses, URLs or CIDRs, one a line")
	return c
}

func (a *app) discover(ctx context.Context, words []string, file string) ([]survey.Found, error) {
	if file == "" {
		if len(words) == 0 {
			return nil, errors.New("name a CIDR, an address or a file of addresses")
		}
		return engine.Discover(ctx, words, nil, "", a.progress("asked"))
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return engine.Discover(ctx, words, f, file, a.progress("asked"))
}

// loginFlags say how to be let in where there is no blueprint.
type loginFlags struct {
	urls        []string
	file        string
	username    string
	passwordEnv string
	pin         string
	trustNew    bool
	parallel    int
}

func (f *loginFlags) add(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.urls, "bmc", nil, "address of a BMC (may be repeated)")
	c.Flags().StringVar(&f.file, "bmc-file", "", "file of addresses or CIDRs, one a line")
	c.Flags().StringVar(&f.username, "username", "", "account of the BMCs")
	c.Flags().StringVar(&f.passwordEnv, "password-env", "", "environment variable that holds the password")
}

// direct makes a survey by address of the flags. Certificates are recorded in the state folder of dir.
func (a *app) direct(f *loginFlags, args []string, dir string) (engine.Direct, error) {
	d := engine.Direct{URLs: append(slices.Clone(f.urls), args...), Username: f.username, Pin: f.pin, TrustNew: f.trustNew, Parallel: f.parallel,
		Known: filepath.Join(dir, engine.StateDir, "known_bmcs.json"), Progress: a.progress("read")}
	if f.file != "" {
		file, err := os.Open(f.file)
		if err != nil {
			return d, err
		}
		defer func() { _ = file.Close() }()
		more, diags := survey.ReadAddresses(file, f.file)
		if err := a.report(diags, nil); err != nil {
			return d, err
		}
		d.URLs = append(d.URLs, more...)
	}
	if f.username == "" || f.passwordEnv == "" {
		return d, errors.New("--username and --password-env are needed with --bmc and --bmc-file; a password is never given on the command line")
	}
	password := os.Getenv(f.passwordEnv)
	if password == "" {
		return d, fmt.Errorf("no password: --password-env names %q, which is not set", f.passwordEnv)
	}
	d.Password = func(context.Context) (string, error) { return password, nil }
	return d, nil
}

func newSurvey(a *app) *cobra.Command {
	var f workspaceFlags
	var l loginFlags
	c := &cobra.Command{
		Use: "survey [DIR | --bmc URL... | --bmc-file FILE]", GroupID: "find", Short: "Read everything a rack's BMCs know, and say what could not be read",
		Long: `Survey reads BMCs and changes nothing. What could not be read is a gap with its path and reason; the exit code is 0 only when there is
none. Without --bmc it reads the nodes of the blueprint. --trust-new accepts and records an unknown certificate and refuses a
changed one; --pin names the one to expect.` + codes(exitDone, exitError, exitStopped, exitInterrupted),
		Example: "  metalwright survey lab\n  metalwright survey --bmc https://10.20.8.11 --trust-new --json \\\n    --username admin --password-env BMC_PASSWORD",
		RunE: func(c *cobra.Command, args []string) error {
			o, d, err := a.survey(c.Context(), &f, &l, args)
			if err != nil {
				return err
			}
			if a.json {
				if err := survey.WriteJSON(a.Out, o); err != nil {
					return err
				}
			} else {
				a.showSurvey(d, o)
			}
			if err := c.Context().Err(); err != nil {
				return err
			}
			if len(o.Gaps) > 0 {
				return withCode(exitStopped, fmt.Errorf("%s: not everything could be read", count(len(o.Gaps), "gap")))
			}
			return nil
		},
	}
	f.add(c)
	l.add(c)
	c.Flags().StringVar(&l.pin, "pin", "", "SHA-256 of the public key of the certificate to expect")
	c.Flags().BoolVar(&l.trustNew, "trust-new", false, "accept and record an unknown certificate; a changed one is refused")
	c.Flags().IntVar(&l.parallel, "parallel", 0, "BMCs read at once")
	c.MarkFlagsMutuallyExclusive("pin", "trust-new")
	return c
}

const (
	manyBMCs  = 200       // from here on what was read takes more memory than reading it
	manyBytes = 200 << 20 // 1,000 BMCs hold about 110 MB; the collector works harder before it takes more than this
)

func (a *app) survey(ctx context.Context, f *workspaceFlags, l *loginFlags, args []string) (rack.Observation, rack.Design, error) {
	if len(l.urls) > 0 || l.file != "" {
		d, err := a.direct(l, args, f.dir)
		if err != nil {
			return rack.Observation{}, rack.Design{}, err
		}
		if len(d.URLs) > manyBMCs && os.Getenv("GOMEMLIMIT") == "" {
			debug.SetMemoryLimit(manyBytes)
		}
		o, err := engine.SurveyDirect(ctx, d)
		return o, rack.Design{}, err
	}
	w, err := a.load(f, args)
	if err != nil {
		return rack.Observation{}, rack.Design{}, err
	}
	defer func() { _ = w.Close() }()
	return w.Survey(ctx, engine.SurveyOptions{Progress: a.progress("read")}), w.Design, nil
}

func newBind(a *app) *cobra.Command {
	var f workspaceFlags
	var l loginFlags
	var csv string
	var pairs, confirm []string
	c := &cobra.Command{
		Use: "bind [NODE=SERIAL|MAC|URL]... [--csv FILE]", GroupID: "find", Short: "Tie the nodes of a blueprint to real BMCs: site.bind.hcl",
		Long: `Bind finds the BMC of each node by serial number, MAC address or URL, from arguments or a CSV file (columns node, serial, mac, url, pin,
system, username, credential). It shows fingerprint and serial of every certificate and asks before any password is sent to it;
--confirm FINGERPRINT answers beforehand. What is confirmed once is pinned in site.bind.hcl.

--trust-new trusts on first use, confirmed by serial number: the certificate of a BMC that nobody is bound to yet is taken without a question,
and is pinned only where the machine behind it has the serial number that was given. The password goes to each BMC that is named before its
serial number can be read, so this is for a network that nobody else is on. A changed certificate is refused.` + codes(exitDone, exitError, exitStopped),
		Example: "  metalwright bind a01-n1=S515001 --bmc 10.20.8.11 \\\n    --username admin --password-env BMC_PASSWORD\n  metalwright bind -C lab --csv bmcs.csv \\\n    --username admin --password-env BMC_PASSWORD\n" +
			"  metalwright bind -C lab --csv serials.csv --bmc-file bmcs.txt --trust-new \\\n    --username admin --password-env BMC_PASSWORD",
		RunE: func(c *cobra.Command, args []string) error {
			w, err := a.load(&f, nil)
			if err != nil {
				return err
			}
			defer func() { _ = w.Close() }()
			return a.bind(c.Context(), w, &l, append(pairs, args...), csv, confirm)
		},
	}
	f.add(c)
	l.add(c)
	c.Flags().StringVar(&csv, "csv", "", "table of nodes: node, and any of serial, mac, url, pin, system, username, credential")
	c.Flags().StringSliceVar(&confirm, "confirm", nil, "fingerprints (certificate pins) that were compared beforehand")
	c.Flags().BoolVar(&l.trustNew, "trust-new", false, "take unknown certificates, and bind only machines with the serial numbers given")
	return c
}

func (a *app) bind(ctx context.Context, w *engine.Workspace, l *loginFlags, args []string, csv string, confirmed []string) error {
	wants, err := a.wants(args, csv)
	if err != nil {
		return err
	}
	for _, want := range wants {
		if want.URL != "" && !slices.Contains(l.urls, want.URL) {
			l.urls = append(l.urls, want.URL)
		}
		if want.Pin != "" {
			confirmed = append(confirmed, want.Pin)
		}
	}
	if l.trustNew {
		if err := serialsGiven(wants); err != nil {
			return err
		}
	}
	d, err := a.direct(l, nil, w.Dir)
	if err != nil {
		return err
	}
	pins := map[string]string{}
	in := bufio.NewReader(a.In)
	for _, raw := range d.URLs {
		base, err := engine.BaseURL(raw)
		if err != nil {
			return err
		}
		confirm := func() (string, error) { return a.confirm(ctx, in, base, confirmed) }
		if l.trustNew {
			confirm = func() (string, error) { return a.firstUse(ctx, w, base) }
		}
		pin, err := confirm()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			a.say("%s: %v", base, err)
			continue
		}
		pins[base] = pin
	}
	found, gaps, err := engine.ReadCandidates(ctx, d, pins)
	if err != nil {
		return err
	}
	bindings, diags := survey.Bind(w.Bindable(), wants, found)
	if err := a.report(diags, w.Sources); err != nil {
		for _, g := range gaps {
			a.say("%s %s: %s", g.Address, g.Path, g.Reason)
		}
		return err
	}
	if err := unpinned(bindings); err != nil {
		return err
	}
	a.sayMachines(bindings, found)
	return a.writeBindings(w, bindings, l)
}

// writeBindings keeps the bindings of nodes that were not named.
func (a *app) writeBindings(w *engine.Workspace, bindings []rack.Binding, l *loginFlags) error {
	named := map[string]bool{}
	for i := range bindings {
		b := &bindings[i]
		named[b.Node] = true
		if b.Username == "" {
			b.Username = l.username
		}
		if b.Credential == "" {
			b.Credential = rack.SecretRef("env:" + l.passwordEnv)
		}
	}
	n := len(bindings)
	for _, name := range sortedKeys(w.Bindings) {
		if !named[name] {
			bindings = append(bindings, w.Bindings[name])
		}
	}
	slices.SortFunc(bindings, func(x, y rack.Binding) int { return strings.Compare(x.Node, y.Node) })
	text, err := blueprint.WriteBindings(bindings, w.Sources[engine.BindingsFile])
	if err != nil {
		return err
	}
	path := filepath.Join(w.Dir, engine.BindingsFile)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return err
	}
	return a.result(map[string]any{"file": path, "bound": n}, "bound %s in %s", count(n, "node"), path)
}

// wants reads NODE=SERIAL, NODE=MAC, NODE=URL and the table.
func (a *app) wants(args []string, csv string) ([]survey.Want, error) {
	var out []survey.Want
	for _, arg := range args {
		node, key, ok := strings.Cut(arg, "=")
		if !ok || node == "" || key == "" {
			return nil, fmt.Errorf("%q: want NODE=SERIAL, NODE=MAC or NODE=URL", arg)
		}
		want := survey.Want{Node: node}
		switch {
		case strings.Contains(key, "://"):
			want.URL = key
		case strings.Count(key, ":") == 5 || strings.Count(key, "-") == 5:
			want.MAC = key
		default:
			want.Serial = key
		}
		out = append(out, want)
	}
	if csv == "" {
		if len(out) == 0 {
			return nil, errors.New("name nodes as NODE=SERIAL, or give --csv FILE")
		}
		return out, nil
	}
	f, err := os.Open(csv)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	more, diags := survey.ReadCSV(f, csv)
	if err := a.report(diags, nil); err != nil {
		return nil, err
	}
	return append(out, more...), nil
}

// confirm shows a BMC's certificate and asks, unless its pin was compared beforehand.
func (a *app) confirm(ctx context.Context, in *bufio.Reader, base string, confirmed []string) (string, error) {
	cert, err := engine.Certificate(ctx, base)
	if err != nil {
		return "", err
	}
	a.say("%s shows certificate serial %s, issued to %s", base, cert.Serial, cert.Subject)
	a.say("  SHA-256 of its public key %s", cert.PinSHA256)
	for _, c := range confirmed {
		if strings.EqualFold(strings.ReplaceAll(c, ":", ""), cert.PinSHA256) {
			return cert.PinSHA256, nil
		}
	}
	fmt.Fprintf(a.Err, "metalwright: is this what the machine itself shows? type yes: ")
	line, err := answer(ctx, in)
	if strings.TrimSpace(line) != "yes" {
		if err != nil {
			return "", errors.New("certificate not confirmed: nobody answered; use --confirm with its fingerprint")
		}
		return "", errors.New("certificate not confirmed; nothing was sent to it")
	}
	return cert.PinSHA256, nil
}
