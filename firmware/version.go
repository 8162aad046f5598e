package firmware

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The schemes by which versions are compared. Exact is the default: versions are opaque, equal or not, and have no order.
const (
	Exact      = "exact"
	Semver     = "semver"     // 1.2.3-rc.1
	Dotted     = "dotted"     // 01.05.02 = 1.5.2
	Dell       = "dell"       // iDRAC 7.10.30.05, 1.8.2
	HPE        = "hpe"        // U58 v2.44 (01/17/2025), 1.66 Dec 13 2024, iLO 6 v1.66
	Supermicro = "supermicro" // 01.05.02, BIOS Date: 08/04/2023 Ver 1.4
	Lenovo     = "lenovo"     // 42S-2.83, TGBT42S 2.83 2023-07-05, U8E122J: the build id decides
	Hex        = "hex"        // 97.10.4A.00.1F, 0x00 0x0b 0x03 0x04
)

// Schemes lists the names that a baseline may give.
func Schemes() []string { return []string{Dell, Dotted, Exact, Hex, HPE, Lenovo, Semver, Supermicro} }

// placeholders are what BMCs write where no version is (quirk R99), in lower case.
var placeholders = []string{"", "-", "-*", "*", "?", "na", "n/a", "null", "nil", "none", "not available", "not applicable",
	"not present", "not installed", "unknown", "undefined", "version not available", "no version", "tbd"}

// IsPlaceholder tells whether s stands for "no version here". Such a value is a gap, never a version.
func IsPlaceholder(s string) bool {
	return slices.Contains(placeholders, strings.ToLower(strings.Trim(strings.TrimSpace(s), `"'()`)))
}

// Equal tells whether two versions are the same under a scheme. A placeholder equals nothing.
func Equal(scheme, a, b string) bool {
	if IsPlaceholder(a) || IsPlaceholder(b) {
		return false
	}
	return Normal(scheme, a) == Normal(scheme, b)
}

// CannotCompareError says that two versions have no order: the scheme has none, or one of them does not fit it. The
// reaction is to ask a person, never to guess "older".
type CannotCompareError struct {
	Scheme, A, B, Why string
}

// Error names both versions.
func (e *CannotCompareError) Error() string {
	return fmt.Sprintf("cannot compare versions %q and %q (%s): %s", e.A, e.B, e.Scheme, e.Why)
}

// Compare orders two versions: -1 when a is older, 0 when they are equal, +1 when a is newer.
func Compare(scheme, a, b string) (int, error) {
	fail := func(why string) (int, error) { return 0, &CannotCompareError{scheme, a, b, why} }
	if IsPlaceholder(a) || IsPlaceholder(b) {
		return fail("one of them is no version")
	}
	na, nb := Normal(scheme, a), Normal(scheme, b)
	if na == nb {
		return 0, nil
	}
	switch scheme {
	case Semver:
		return compareSemver(na, nb, fail)
	case Dotted, Dell, HPE, Supermicro:
		fa, va := splitFamily(na)
		fb, vb := splitFamily(nb)
		if fa != fb {
			return fail("they are of different families")
		}
		return comparePieces(va, vb, 10, fail)
	case Hex:
		return comparePieces(na, nb, 16, fail)
	case Lenovo:
		if !buildID.MatchString(na) || !buildID.MatchString(nb) {
			return fail("one of them has no build id")
		}
		return cmp.Compare(na, nb), nil
	}
	return fail("this scheme has no order")
}

var (
	vNumber       = regexp.MustCompile(`^v([0-9])`)
	supermicroVer = regexp.MustCompile(`\bver(?:sion)?[ .:]*([0-9]+[a-z]?(?:\.[0-9]+[a-z]?)*)`)
	hpeVersion    = regexp.MustCompile(`^(?:ilo *[0-9]+ +)?(?:([a-z][0-9]{2}) )?v?([0-9]+(?:\.[0-9]+)*)(?:[ (].*)?$`)
	dellPrefix    = regexp.MustCompile(`^i?drac[0-9]* ([0-9])`)
	lenovoRow     = regexp.MustCompile(`^([0-9]{2}[a-z])(?:-[0-9.]+)?$`)
	lenovoBuild   = regexp.MustCompile(`^[a-z][a-z0-9]{3}([0-9]{2}[a-z])(?: .*)?$`)
	buildID       = regexp.MustCompile(`^[0-9]{2}[a-z]$`)
	hexBytes      = regexp.MustCompile(`^0x[0-9a-f]{1,2}(?:[ ,]+0x[0-9a-f]{1,2})*$`)
	semver        = regexp.MustCompile(`^([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?(?:-([0-9a-z.-]+))?(?:\+[0-9a-z.-]*)?$`)
)

// Normal writes a version in the one form its scheme has for it; a version that does not fit is only trimmed and lowered.
// Normalising twice changes nothing more.
func Normal(scheme, v string) string {
	s := strings.ToLower(strings.Join(strings.Fields(v), " "))
	switch scheme {
	case Semver:
		s = vNumber.ReplaceAllString(s, "$1")
		if m := semver.FindStringSubmatch(s); m != nil {
			s = cmp.Or(trimZeros(m[1]), "0") + "." + cmp.Or(trimZeros(m[2]), "0") + "." + cmp.Or(trimZeros(m[3]), "0")
			if m[4] != "" {
				s += "-" + m[4]
			}
		}
	case Dotted:
		s = pieces(vNumber.ReplaceAllString(s, "$1"), decimalZeros)
	case Dell:
		s = pieces(dellPrefix.ReplaceAllString(s, "$1"), decimalZeros)
	case Supermicro:
		if m := supermicroVer.FindStringSubmatch(s); m != nil {
			s = m[1]
		}
		s = pieces(s, decimalZeros)
	case HPE:
		if m := hpeVersion.FindStringSubmatch(s); m != nil {
			s = pieces(m[2], decimalZeros)
			if m[1] != "" {
				s = m[1] + " v" + s
			}
		}
	case Lenovo:
		for _, re := range []*regexp.Regexp{lenovoRow, lenovoBuild} {
			if m := re.FindStringSubmatch(s); m != nil {
				return m[1]
			}
		}
	case Hex:
		if hexBytes.MatchString(s) {
			s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' }), ".")
			s = strings.ReplaceAll(s, "0x", "")
		}
		s = pieces(s, hexZeros)
	default:
		for strings.HasPrefix(s, "bf-") { // BlueField writes one version with and without it
			s = strings.TrimPrefix(s, "bf-")
		}
	}
	return s
}

var (
	decimalZeros = regexp.MustCompile(`^0+([0-9])`)
	hexZeros     = regexp.MustCompile(`^0+([0-9a-f])`)
)

func trimZeros(s string) string { return decimalZeros.ReplaceAllString(s, "$1") }

// pieces drops the leading zeros of every piece between dots, and zero pieces at the end.
func pieces(s string, zeros *regexp.Regexp) string {
	parts := strings.Split(s, ".")
	for i, p := range parts {
		parts[i] = zeros.ReplaceAllString(p, "$1")
	}
	for len(parts) > 1 && parts[len(parts)-1] == "0" {
		parts = parts[:len(parts)-1]
	}
	return strings.Join(parts, ".")
}

// splitFamily takes "u58 v2.44" apart; a version without a family has "".
func splitFamily(s string) (family, version string) {
	if f, v, ok := strings.Cut(s, " v"); ok {
		return f, v
	}
	return "", s
}

var piece = regexp.MustCompile(`^([0-9]+)([a-z]?)$`)

// comparePieces orders versions piece by piece. Missing pieces count as zero; a letter comes after its number alone.
func comparePieces(a, b string, base int, fail func(string) (int, error)) (int, error) {
	pa, pb := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(pa), len(pb)) {
		na, la, okA := readPiece(pa, i, base)
		nb, lb, okB := readPiece(pb, i, base)
		if !okA || !okB {
			return fail("one of them does not fit the scheme")
		}
		if c := cmp.Or(cmp.Compare(na, nb), strings.Compare(la, lb)); c != 0 {
			return finish(pa, pb, i+1, base, c, fail)
		}
	}
	return 0, nil
}

// finish checks that the rest fits too, so that whether two versions can be compared does not depend on their values.
func finish(pa, pb []string, from, base, result int, fail func(string) (int, error)) (int, error) {
	for i := from; i < max(len(pa), len(pb)); i++ {
		_, _, okA := readPiece(pa, i, base)
		_, _, okB := readPiece(pb, i, base)
		if !okA || !okB {
			return fail("one of them does not fit the scheme")
		}
	}
	return result, nil
}

func readPiece(parts []string, i, base int) (n uint64, letter string, ok bool) {
	if i >= len(parts) {
		return 0, "", true
	}
	digits := parts[i]
	if base == 10 {
		m := piece.FindStringSubmatch(digits)
		if m == nil {
			return 0, "", false
		}
		digits, letter = m[1], m[2]
	}
	n, err := strconv.ParseUint(digits, base, 64)
	return n, letter, err == nil
}

// compareSemver orders by semver.org clause 11; build data does not count.
func compareSemver(a, b string, fail func(string) (int, error)) (int, error) {
	ma, mb := semver.FindStringSubmatch(a), semver.FindStringSubmatch(b)
	if ma == nil || mb == nil {
		return fail("one of them is no semantic version")
	}
	for i := 1; i <= 3; i++ {
		if c := compareNumbers(ma[i], mb[i]); c != 0 {
			return c, nil
		}
	}
	switch {
	case ma[4] == mb[4]:
		return 0, nil
	case ma[4] == "":
		return 1, nil
	case mb[4] == "":
		return -1, nil
	}
	pa, pb := strings.Split(ma[4], "."), strings.Split(mb[4], ".")
	for i := range min(len(pa), len(pb)) {
		if c := comparePre(pa[i], pb[i]); c != 0 {
			return c, nil
		}
	}
	return cmp.Compare(len(pa), len(pb)), nil
}

func comparePre(a, b string) int {
	da, db := strings.Trim(a, "0123456789") == "" && a != "", strings.Trim(b, "0123456789") == "" && b != ""
	switch {
	case da && db:
		return cmp.Or(compareNumbers(a, b), strings.Compare(a, b))
	case da:
		return -1
	case db:
		return 1
	}
	return strings.Compare(a, b)
}

// compareNumbers orders digit strings of any length.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
