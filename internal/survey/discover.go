package survey

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/diag"
)

const (
	discoverParallel = 128             // addresses asked at once: half of them are silent and cost the timeout
	discoverTimeout  = 5 * time.Second // of one address; a BMC that needs longer to say its name is found by survey
	maxAddresses     = 1 << 16         // of one CIDR: a /16
)

// Found is what an address says of itself without a login. None of it is trusted: a person compares the certificate, then
// binds it.
type Found struct {
	Address        string `json:"address"` // as asked
	URL            string `json:"url,omitempty"`
	Redfish        bool   `json:"redfish"`
	Vendor         string `json:"vendor,omitempty"`
	Product        string `json:"product,omitempty"`
	RedfishVersion string `json:"redfish_version,omitempty"`
	UUID           string `json:"uuid,omitempty"`
	Dialect        string `json:"dialect,omitempty"`
	PinSHA256      string `json:"pin_sha256,omitempty"`
	CertSerial     string `json:"certificate_serial,omitempty"`
	CertSubject    string `json:"certificate_subject,omitempty"`
	Why            string `json:"why,omitempty"` // why it is no Redfish service, or did not answer
	Silent         bool   `json:"silent,omitempty"`
}

// Probe asks one address for its service root, without credential. An error means that nothing answers there.
type Probe func(ctx context.Context, address string) (Found, error)

// Discover asks every address, bounded, and gives what answered, in the order of the addresses. Silent addresses are in the
// result too, marked, so that a list of expected ones can be held against it.
func Discover(ctx context.Context, addresses []string, probe Probe, progress func(done, total int)) []Found {
	out := make([]Found, len(addresses))
	var mu sync.Mutex
	done := 0
	slots := make(chan struct{}, discoverParallel)
	var wg sync.WaitGroup
	for i, a := range addresses {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			out[i] = ask(ctx, a, probe)
			mu.Lock()
			defer mu.Unlock()
			done++
			if progress != nil {
				progress(done, len(addresses))
			}
		})
	}
	wg.Wait()
	return out
}

func ask(ctx context.Context, address string, probe Probe) Found {
	ctx, cancel := context.WithTimeout(ctx, discoverTimeout)
	defer cancel()
	f, err := probe(ctx, address)
	f.Address = address
	if err != nil {
		f.Silent, f.Redfish, f.Why = true, false, err.Error()
	}
	return f
}

// ReadAddresses reads a list: one address, URL or CIDR a line; # starts a comment. Every bad line is told.
func ReadAddresses(r io.Reader, file string) ([]string, diag.List) {
	var out []string
	var diags diag.List
	sc := bufio.NewScanner(r)
	for line := 1; sc.Scan(); line++ {
		text, _, _ := strings.Cut(sc.Text(), "#")
		for _, f := range strings.Fields(text) {
			more, err := Addresses(f)
			if err != nil {
				diags = append(diags, diag.Diagnostic{Severity: diag.Error, Summary: "Unreadable address", Detail: err.Error(),
					Subject: at(file, line, len(text))})
				continue
			}
			out = append(out, more...)
		}
	}
	if err := sc.Err(); err != nil {
		diags = append(diags, diag.Diagnostic{Severity: diag.Error, Summary: "Unreadable address list", Detail: err.Error()})
	}
	return unique(out), diags
}

func unique(in []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(in, func(s string) bool {
		dup := seen[s]
		seen[s] = true
		return dup
	})
}

// Addresses expands one word: a CIDR to its host addresses, anything else to itself. Network and broadcast address of an
// IPv4 network are left out.
func Addresses(word string) ([]string, error) {
	if !strings.Contains(word, "/") || strings.Contains(word, "://") {
		if strings.TrimSpace(word) == "" {
			return nil, fmt.Errorf("an address is empty")
		}
		return []string{word}, nil
	}
	p, err := netip.ParsePrefix(word)
	if err != nil {
		return nil, fmt.Errorf("%q is no network in CIDR form, such as 10.20.8.0/24", word)
	}
	p = p.Masked()
	bits := p.Addr().BitLen() - p.Bits()
	if bits > 16 {
		return nil, fmt.Errorf("network %s has more than %d addresses; give smaller networks, or a file of addresses", p, maxAddresses)
	}
	var out []string
	for a := p.Addr(); p.Contains(a); a = a.Next() {
		out = append(out, a.String())
		if !a.Next().IsValid() {
			break
		}
	}
	if p.Addr().Is4() && len(out) > 2 {
		out = out[1 : len(out)-1]
	}
	return out, nil
}

// at is a whole line of a file.
func at(file string, line, length int) diag.Origin {
	var r diag.Range
	r.Filename = file
	r.Start.Line, r.Start.Column = line, 1
	r.End.Line, r.End.Column = line, length+1
	return diag.At(r)
}
