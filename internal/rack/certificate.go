package rack

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/diag"
)

// FacetCertificates is how a controller's certificate can be replaced: its certificate service, its HTTPS certificates, and on some
// BMCs what the actions take. About four requests a node.
const FacetCertificates Facet = "certificates"

// RenewalSpec says that the HTTPS certificate of a controller is signed by the site's authority and renewed in time. The key is
// made on the controller and never leaves it.
type RenewalSpec struct {
	CA           string      `json:"ca"`                     // file:PATH of the authority's certificate, or vault:MOUNT/sign/ROLE
	CAKey        SecretRef   `json:"ca_key,omitempty"`       // of a file: authority
	CommonName   string      `json:"common_name"`            // of the subject; empty in the blueprint = the node's name
	Names        []string    `json:"names,omitempty"`        // DNS names and IP addresses besides the common name and the bound address
	Organization string      `json:"organization,omitempty"` // O
	Unit         string      `json:"unit,omitempty"`         // OU
	Locality     string      `json:"locality,omitempty"`     // L
	State        string      `json:"state,omitempty"`        // ST
	Country      string      `json:"country,omitempty"`      // C, two letters; empty in the blueprint = that of the site
	Email        string      `json:"email,omitempty"`
	Algorithm    string      `json:"algorithm,omitempty"` // one of KeyAlgorithms; empty = what the controller makes by itself
	RenewBeforeS int64       `json:"renew_before_s"`      // seconds before the end in which it is renewed
	ValidForS    int64       `json:"valid_for_s"`         // seconds that a new one is valid for
	Origin       diag.Origin `json:"origin,omitzero"`
}

// RenewBefore is how long before its end a certificate is renewed.
func (s RenewalSpec) RenewBefore() time.Duration { return time.Duration(s.RenewBeforeS) * time.Second }

// ValidFor is how long a new certificate is valid.
func (s RenewalSpec) ValidFor() time.Duration { return time.Duration(s.ValidForS) * time.Second }

// Vault gives mount and role of an authority in Vault; ok is false for one in a file.
func (s RenewalSpec) Vault() (mount, role string, ok bool) {
	rest, ok := strings.CutPrefix(s.CA, "vault:")
	if !ok {
		return "", "", false
	}
	mount, role, ok = strings.Cut(rest, "/sign/")
	return mount, role, ok && mount != "" && role != "" && !strings.Contains(role, "/") && !strings.Contains(rest, "..")
}

// KeyAlgorithms are the keys that may be asked for.
var KeyAlgorithms = []string{"rsa-2048", "rsa-3072", "rsa-4096", "ecdsa-p256", "ecdsa-p384"}

// Certificate is the one that a controller shows in its TLS handshake.
type Certificate struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Serial    string    `json:"serial"`     // hexadecimal
	PinSHA256 string    `json:"pin_sha256"` // of its public key
	SHA256    string    `json:"sha256"`     // of the whole certificate
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
}

// SelfSigned tells whether nobody but the controller vouches for it.
func (c Certificate) SelfSigned() bool { return c.Subject == c.Issuer }

// CertificateService is how a controller lets its HTTPS certificate be replaced.
type CertificateService struct {
	Form        string   `json:"form"`                   // FormRedfish or FormHPE; empty = it has neither
	GenerateCSR string   `json:"generate_csr,omitempty"` // target of the action; empty = not offered
	Install     string   `json:"install,omitempty"`      // target of ReplaceCertificate or ImportCertificate; empty = not offered
	Collection  string   `json:"collection,omitempty"`   // of the HTTPS certificates
	Resource    string   `json:"resource,omitempty"`     // the certificate in use, or HPE's HttpsCert; empty = none listed
	Algorithms  []string `json:"algorithms,omitempty"`   // KeyPairAlgorithm, as allowed; empty = not told
	Curves      []string `json:"curves,omitempty"`       // KeyCurveId, as allowed
	MinBits     int64    `json:"min_bits,omitempty"`     // KeyBitLength; 0 = not told
	MaxBits     int64    `json:"max_bits,omitempty"`
	Required    []string `json:"required,omitempty"` // parameters that a request must have
	Plain       bool     `json:"plain,omitempty"`    // names keys RSA and EC, as OpenSSL does, and tells no list
	AfterReset  bool     `json:"after_reset,omitempty"`
	Restarts    bool     `json:"restarts,omitempty"` // restarts by itself when one is installed
	Issuer      string   `json:"issuer,omitempty"`   // subject of the authority that the blueprint names, where it is known beforehand
	Pending     int      `json:"pending,omitempty"`  // certificates of ours that were trusted before their installation and are not proven yet
}

// The forms of a certificate service.
const (
	FormRedfish = "redfish" // CertificateService (DSP0268)
	FormHPE     = "hpe"     // HpeHttpsCert, below the manager's SecurityService
)

// Lacks says what a controller has not got of what a replacement needs, or "".
func (s CertificateService) Lacks() string {
	switch {
	case s.Form == "":
		return "It has no certificate service."
	case s.GenerateCSR == "":
		return "It offers no GenerateCSR: the key would have to be made elsewhere."
	case s.Install == "":
		return "It offers no action that replaces the certificate."
	case s.Resource == "":
		return "It lists no HTTPS certificate that could be replaced."
	}
	return ""
}

// openSSLCurves are the names of curves that bmcweb takes.
var openSSLCurves = map[string]string{"256": "prime256v1", "384": "secp384r1"}

// KeyRequest gives the parameters of GenerateCSR that ask for a key, or why this controller makes no such key. An empty algorithm
// asks for nothing. What a controller does not let one choose is not sent: the request it makes is looked at instead.
func (s CertificateService) KeyRequest(algorithm string) (parameters map[string]any, problem string) {
	family, size, _ := strings.Cut(algorithm, "-")
	told := len(s.Algorithms) > 0 || s.MaxBits > 0
	switch {
	case algorithm == "":
		return nil, ""
	case family == "rsa" && (s.Plain || told):
		return s.rsaRequest(size)
	case family == "rsa" && size == "2048":
		return nil, "" // what all of them make by themselves
	case family == "ecdsa" && s.Plain:
		return map[string]any{"KeyPairAlgorithm": "EC", "KeyCurveId": openSSLCurves[strings.TrimPrefix(size, "p")]}, ""
	case family == "ecdsa" && len(s.Algorithms) > 0:
		return s.curveRequest(strings.TrimPrefix(size, "p"))
	}
	return nil, fmt.Sprintf("Its key cannot be chosen: %s is wanted, and it makes RSA keys of its own choice.", algorithm)
}

func (s CertificateService) rsaRequest(size string) (map[string]any, string) {
	var bits int64
	if _, err := fmt.Sscan(size, &bits); err != nil {
		return nil, fmt.Sprintf("%q is no length of a key.", size)
	}
	out := map[string]any{}
	switch {
	case s.Plain && bits != 2048: // bmcweb takes this one length
		return nil, fmt.Sprintf("It makes RSA keys of 2048 bits only, not of %d.", bits)
	case s.MaxBits > 0 && (bits > s.MaxBits || bits < s.MinBits):
		return nil, fmt.Sprintf("It makes RSA keys of %d to %d bits, not of %d.", s.MinBits, s.MaxBits, bits)
	case s.Plain:
		out["KeyPairAlgorithm"] = "RSA"
	}
	if len(s.Algorithms) > 0 {
		i := slices.IndexFunc(s.Algorithms, func(a string) bool { return strings.Contains(strings.ToUpper(a), "RSA") })
		if i < 0 {
			return nil, "It makes no RSA key; it lists " + strings.Join(s.Algorithms, ", ") + "."
		}
		out["KeyPairAlgorithm"] = s.Algorithms[i]
	}
	if s.Plain || s.MaxBits > 0 {
		out["KeyBitLength"] = bits
	}
	return out, ""
}

func (s CertificateService) curveRequest(size string) (map[string]any, string) {
	i := slices.IndexFunc(s.Algorithms, func(a string) bool { return strings.Contains(strings.ToUpper(a), "EC") })
	if i < 0 {
		return nil, "It makes no elliptic-curve key; it lists " + strings.Join(s.Algorithms, ", ") + "."
	}
	j := slices.IndexFunc(s.Curves, func(c string) bool { return strings.Contains(c, size) })
	if j < 0 && len(s.Curves) > 0 {
		return nil, fmt.Sprintf("It makes no key on the curve P-%s; it lists %s.", size, strings.Join(s.Curves, ", "))
	}
	out := map[string]any{"KeyPairAlgorithm": s.Algorithms[i]}
	if j >= 0 {
		out["KeyCurveId"] = s.Curves[j]
	}
	return out, ""
}

// Trusted lists the pins of a binding: that of the certificate in use, and those of certificates that are being installed.
func (b Binding) Trusted() []string {
	if b.PinSHA256 == "" {
		return nil
	}
	return append([]string{b.PinSHA256}, strings.Fields(b.NextPins)...)
}

// CertificateOf is what the certificate of a node is to be, with what the design says elsewhere filled in; false when it is left as
// it is.
func (d Design) CertificateOf(n Node) (RenewalSpec, bool) {
	if n.BMC.Certificate == nil {
		return RenewalSpec{}, false
	}
	s := *n.BMC.Certificate
	if s.CommonName == "" {
		s.CommonName = n.Name
	}
	for _, r := range d.Racks {
		for _, site := range d.Sites {
			if s.Country == "" && r.Address == n.Rack && site.Address == r.Site {
				s.Country = site.Country
			}
		}
	}
	return s, true
}

// Subject gives the parts of the subject by the names that GenerateCSR has for them (DSP0268, CertificateService).
func (s RenewalSpec) Subject() map[string]string {
	out := map[string]string{}
	for k, v := range map[string]string{"CommonName": s.CommonName, "Organization": s.Organization, "OrganizationalUnit": s.Unit,
		"City": s.Locality, "State": s.State, "Country": s.Country, "Email": s.Email} {
		if v != "" {
			out[k] = v
		}
	}
	return out
}

// subjectAttributes are the blueprint's words for parts of a subject.
var subjectAttributes = map[string]string{"CommonName": "common_name", "Organization": "organization", "OrganizationalUnit": "unit",
	"City": "locality", "State": "state", "Country": "country", "Email": "email"}

// Missing lists, in the blueprint's words, the parts of the subject that a controller demands and the blueprint does not give.
func (s RenewalSpec) Missing(required []string) []string {
	var out []string
	have := s.Subject()
	for _, r := range required {
		if word := subjectAttributes[r]; word != "" && have[r] == "" {
			out = append(out, word)
		}
	}
	slices.Sort(out)
	return out
}
