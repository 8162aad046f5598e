package blueprint

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
)

// certificateSpec is the block bmc { certificate { … } }.
var certificateSpec = object(list{"ca"}, "ca_key", "renew_before", "valid_for", "algorithm", "common_name", "names", "organization",
	"unit", "locality", "state", "country", "email")

// The defaults: a month to notice that a renewal did not come about, and a year of validity, which is what browsers and most
// profiles of authorities allow.
const (
	usualRenewBeforeS = 30 * 86400
	usualValidForS    = 365 * 86400
)

var (
	twoLetters = regexp.MustCompile(`^[A-Z]{2}$`)
	hostName   = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)
)

// renewal reads the block of one node.
func (rd *reader) renewal(n *rack.Node) *rack.RenewalSpec {
	e := &rack.RenewalSpec{CA: rd.text("ca"), CAKey: rd.secret("ca_key", "ca_key"), CommonName: rd.text("common_name"),
		Organization: rd.text("organization"), Unit: rd.text("unit"), Locality: rd.text("locality"), State: rd.text("state"),
		Country: rd.text("country"), Email: rd.text("email"), Origin: diag.At(rd.rng)}
	if a := rd.word("algorithm", "algorithm", "", rack.KeyAlgorithms...); a != "" {
		e.Algorithm = a
	}
	e.RenewBeforeS, e.ValidForS = rd.seconds("renew_before", usualRenewBeforeS), rd.seconds("valid_for", usualValidForS)
	if e.RenewBeforeS >= e.ValidForS {
		rd.errorf(rd.rng, "Certificate never valid", "A certificate that is valid for %d hours and renewed %d hours before its end would be "+
			"renewed at once, for ever. Lower renew_before, or raise valid_for.", e.ValidForS/3600, e.RenewBeforeS/3600)
	}
	rd.authority(e)
	names, _ := rd.strs("names", "names")
	for _, s := range names {
		if _, err := netip.ParseAddr(s); err != nil && !hostName.MatchString(s) || slices.Contains(e.Names, s) {
			rd.errorf(rd.at("names"), "Wrong name", "%q is no DNS name and no IP address, or stands there twice.", s)
			continue
		}
		e.Names = append(e.Names, s)
	}
	if e.CommonName == "" {
		e.CommonName = n.Name
	}
	if len(e.CommonName) > 64 { // RFC 5280, ub-common-name
		rd.errorf(rd.rng, "Common name too long", "%q has %d characters; 64 is the most. Give common_name.", e.CommonName, len(e.CommonName))
	}
	if e.Country != "" && !twoLetters.MatchString(e.Country) {
		rd.errorf(rd.at("country"), "Unknown country", "%q is not an ISO 3166-1 code of two capital letters.", e.Country)
	}
	return e
}

// authority checks who signs.
func (rd *reader) authority(e *rack.RenewalSpec) {
	scheme, rest, _ := strings.Cut(e.CA, ":")
	_, _, vault := e.Vault()
	switch {
	case e.CA == "": // wrong, reported
	case scheme == "file" && rest != "":
		if e.CAKey == "" {
			rd.errorf(rd.rng, "Missing attribute", "An authority in a file needs its key by reference: ca_key = secret(\"age:ca/site.key.age\").")
		}
	case vault:
		if e.CAKey != "" {
			rd.errorf(rd.at("ca_key"), "Unexpected attribute", "The key of an authority in Vault stays in Vault: leave ca_key out.")
		}
	default:
		rd.errorf(rd.at("ca"), "Unknown authority", "%q is no authority. Write \"file:PATH\" of its certificate in PEM form, or "+
			"\"vault:MOUNT/sign/ROLE\" of a PKI engine.", e.CA)
	}
}

// seconds reads a duration of whole seconds.
func (rd *reader) seconds(name string, preset int64) int64 {
	v, ok := rd.number(name, name, &durationS)
	if !ok {
		return preset
	}
	if v < 3600 || v > 20*365*86400 {
		rd.errorf(rd.at(name), "Wrong duration", "%q is between one hour and 20 years, as in \"720h\" or \"30d\".", name)
		return preset
	}
	return int64(v)
}
