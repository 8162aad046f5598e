package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gofrs/flock"

	"github.com/metalwright/metalwright/internal/bmc"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
	"github.com/metalwright/metalwright/internal/survey"
)

// Direct is a survey of BMCs by their address, without a blueprint.
type Direct struct {
	URLs     []string
	Username string
	Password func(context.Context) (string, error) // asked when a session is needed
	Pin      string                                // one certificate for all; empty = as recorded
	TrustNew bool                                  // accept and record an unknown certificate; a changed one is refused
	Known    string                                // file of recorded certificates
	Parallel int
	Progress func(done, total int)
	Log      *slog.Logger
}

// SurveyDirect reads BMCs by their address.
func SurveyDirect(ctx context.Context, d Direct) (rack.Observation, error) {
	known, err := openKnown(d.Known)
	if err != nil {
		return rack.Observation{}, err
	}
	trust := map[string]redfish.Trust{}
	for _, raw := range d.URLs {
		base, err := BaseURL(raw)
		if err != nil {
			return rack.Observation{}, err
		}
		trust[base] = known.trust(base, d.Pin, d.TrustNew)
	}
	return d.read(ctx, trust), known.save()
}

// read surveys the BMCs of trust, by base URL, through a pool of its own.
func (d Direct) read(ctx context.Context, trust map[string]redfish.Trust) rack.Observation {
	pool := bmc.NewPool()
	login := func(ctx context.Context) (string, string, error) {
		pass, err := d.Password(ctx)
		return d.Username, pass, err
	}
	var targets []survey.Target
	for _, base := range slices.Sorted(maps.Keys(trust)) {
		ep := bmc.Endpoint{URL: base, Trust: trust[base], Login: login}
		targets = append(targets, survey.Target{Address: base, Endpoint: base, Open: func(ctx context.Context) (survey.Reader, error) {
			drv, err := pool.Open(ctx, ep, bmc.Options{Log: d.Log})
			if err != nil {
				return nil, err
			}
			return reader{Driver: drv}, nil
		}})
	}
	return survey.Run(ctx, targets, survey.Options{Parallel: d.Parallel, Progress: d.Progress})
}

// BaseURL makes https://HOST[:PORT] of an address as a person writes it.
func BaseURL(raw string) (string, error) {
	s := strings.TrimSpace(raw)
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" || u.User != nil {
		return "", fmt.Errorf("BMC address %q: want HOST, HOST:PORT or https://HOST[:PORT], without a password in it", redactUserinfo(raw))
	}
	return "https://" + strings.ToLower(u.Host), nil
}

// redactUserinfo hides what stands before an @: somebody put a password there.
func redactUserinfo(s string) string {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		return "…" + s[i:]
	}
	return s
}

// known is the record of certificates that a person or --trust-new accepted: pin by base URL.
type known struct {
	path string
	mu   sync.Mutex
	pins map[string]string
	new  map[string]string
}

func openKnown(path string) (*known, error) {
	k := &known{path: path, pins: map[string]string{}, new: map[string]string{}}
	if path == "" {
		return k, nil
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read recorded certificates %s: %w", path, cause(err))
	}
	if err := json.Unmarshal(b, &k.pins); err != nil {
		return nil, fmt.Errorf("recorded certificates %s: %w", path, err)
	}
	return k, nil
}

func (k *known) trust(base, pin string, trustNew bool) redfish.Trust {
	if p := k.pins[base]; p != "" && pin == "" {
		return redfish.Trust{PinSHA256: p}
	}
	k.mu.Lock()
	accepted := k.new[base]
	k.mu.Unlock()
	if accepted != "" && pin == "" { // accepted a moment ago: from now on it is the one
		return redfish.Trust{PinSHA256: accepted}
	}
	if pin != "" || !trustNew {
		return redfish.Trust{PinSHA256: pin}
	}
	return redfish.Trust{TrustNew: func(c redfish.CertInfo) error {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.new[base] = c.PinSHA256
		return nil
	}}
}

// save adds what was newly accepted, under a lock: several processes may record at the same time.
func (k *known) save() error {
	if len(k.new) == 0 || k.path == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(k.path), 0o700); err != nil {
		return fmt.Errorf("record certificates: %w", cause(err))
	}
	lock := flock.New(k.path + ".lock")
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("record certificates: %w", err)
	}
	defer func() { _ = lock.Unlock() }()
	now, err := openKnown(k.path)
	if err != nil {
		return err
	}
	for base, pin := range k.new {
		if old := now.pins[base]; old != "" && old != pin {
			return step.Fail(step.Trust, fmt.Errorf("the certificate of %s was recorded as another one meanwhile", base), "Compare the fingerprints at the machine.")
		}
		now.pins[base] = pin
	}
	return writeJSON(k.path, now.pins)
}

// Discover asks addresses for a Redfish service, without a login. words are addresses or CIDRs; list holds more, one a line.
func Discover(ctx context.Context, words []string, list io.Reader, listName string, progress func(done, total int)) ([]survey.Found, error) {
	var addresses []string
	for _, w := range words {
		a, err := survey.Addresses(w)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, a...)
	}
	if list != nil {
		more, diags := survey.ReadAddresses(list, listName)
		if err := diags.Err(); err != nil {
			return nil, err
		}
		addresses = append(addresses, more...)
	}
	return survey.Discover(ctx, addresses, probe, progress), nil
}

func probe(ctx context.Context, address string) (survey.Found, error) {
	base, err := BaseURL(address)
	if err != nil {
		return survey.Found{}, err
	}
	p, err := redfish.Probe(ctx, base, nil)
	return survey.Found{URL: base, Redfish: p.Redfish, Vendor: p.Identity.Vendor, Product: p.Identity.Product, RedfishVersion: p.Identity.RedfishVersion,
		UUID: p.Identity.UUID, Dialect: string(p.Identity.Dialect), PinSHA256: p.Cert.PinSHA256, CertSerial: p.Cert.Serial, CertSubject: p.Cert.Subject, Why: p.Why}, err
}

// Certificate fetches what a BMC shows, so that a person can compare it.
func Certificate(ctx context.Context, base string) (redfish.CertInfo, error) {
	u, err := url.Parse(base)
	if err != nil {
		return redfish.CertInfo{}, err
	}
	host := u.Host
	if u.Port() == "" {
		host += ":443"
	}
	return redfish.Fetch(ctx, host, nil)
}

// ReadCandidates surveys BMCs for binding: their serial numbers and MAC addresses. confirmed holds the pin of each, by base URL.
func ReadCandidates(ctx context.Context, d Direct, confirmed map[string]string) ([]survey.Candidate, []rack.Gap, error) {
	trust := map[string]redfish.Trust{}
	for base, pin := range confirmed {
		trust[base] = redfish.Trust{PinSHA256: pin}
	}
	o := d.read(ctx, trust)
	var out []survey.Candidate
	for _, dev := range o.Devices {
		out = append(out, survey.CandidateOf(dev, confirmed[dev.Address]))
	}
	return out, o.Gaps, nil
}
