package firmware_test

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/metalwright/metalwright/firmware"
)

func TestIsPlaceholder(t *testing.T) {
	for _, s := range []string{"", " ", "Not Present", "version not available", `"null"`, "N/A", "NA", "null", "-*", "Unknown", "not applicable"} {
		if !firmware.IsPlaceholder(s) {
			t.Errorf("IsPlaceholder(%q) = false, want true", s)
		}
	}
	for _, s := range []string{"0", "1.4", "00.00", "NA1", "U58 v2.44 (01/17/2025)", "GB200Nvl-24.12-8"} {
		if firmware.IsPlaceholder(s) {
			t.Errorf("IsPlaceholder(%q) = true, want false", s)
		}
	}
}

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		scheme, a, b string
		want         bool
	}{
		{"exact", "GB200Nvl-24.12-8", " gb200nvl-24.12-8 ", true},
		{"exact", "bf-24.10-17", "24.10-17", true},
		{"exact", "1.5.2", "01.05.02", false},
		{"exact", "N/A", "N/A", false},
		{"dell", "iDRAC 7.10.30.05", "7.10.30.5", true},
		{"dell", "6.10.80.00", "6.10.80", true},
		{"dell", "1.8.2", "1.8.20", false},
		{"hpe", "U54 v2.16 (03/01/2024)", "U54 v2.16", true},
		{"hpe", "U54 v2.16 (03/01/2024)", "U58 v2.16 (03/01/2024)", false},
		{"hpe", "iLO 6 v1.66", "1.66 Dec 13 2024", true},
		{"supermicro", "01.05.02", "1.5.2", true},
		{"supermicro", "BIOS Date: 08/04/2023 Ver 1.4", "1.4", true},
		{"supermicro", "1.0b", "1.0", false},
		{"lenovo", "TGBT42S 2.83 2023-07-05", "42S-2.83", true},
		{"lenovo", "U8E122J", "22J-1.51", true},
		{"hex", "0x00 0x0b 0x03 0x04", "0.b.3.4", true},
		{"hex", "97.10.4A.00.1F", "97.10.4a.0.1f", true},
		{"hex", "97.10.4A.00.1F", "97.10.4B.00.1F", false},
		{"dotted", "01.01.03", "1.1.3", true},
		{"semver", "v1.2", "1.2.0", true},
		{"semver", "1.2.3+build.7", "1.2.3", true},
		{"semver", "1.2.3-rc.1", "1.2.3", false},
	} {
		if got := firmware.Equal(c.scheme, c.a, c.b); got != c.want {
			t.Errorf("Equal(%s, %q, %q) = %v, want %v", c.scheme, c.a, c.b, got, c.want)
		}
	}
}

func TestCompare(t *testing.T) {
	const cannot = 99
	for _, c := range []struct {
		scheme, a, b string
		want         int
	}{
		{"dell", "6.00.30.00", "6.10.80.00", -1},
		{"dell", "10.0.0.0", "9.9.9.9", 1},
		{"hpe", "U58 v2.44 (01/17/2025)", "U58 v2.54 (06/04/2025)", -1},
		{"hpe", "U54 v2.44", "U58 v2.54", cannot}, // two ROM families
		{"supermicro", "BIOS Date: 08/04/2023 Ver 1.4", "2.1", -1},
		{"supermicro", "1.0b", "1.0a", 1},
		{"lenovo", "42S-2.83", "44X-2.90", -1},
		{"lenovo", "42S-2.83", "2.90", cannot},
		{"hex", "97.00.6C.00.03", "97.00.72.00.00", -1},
		{"hex", "0ACTV_00.01.022", "0ACTV_00.01.023", cannot},
		{"dotted", "1.31.8", "HGX-22.10-1", cannot},
		{"dotted", "28.39.1002", "28.43.2026", -1},
		{"semver", "1.2.3-rc.2", "1.2.3-rc.10", -1},
		{"semver", "1.2.3-alpha", "1.2.3", -1},
		{"semver", "1.2", "x", cannot},
		{"exact", "HGX-22.10-1-rc34", "HGX-22.10-1-rc36", cannot},
		{"exact", "1.0", "1.0", 0},
		{"dotted", "1.0", "Not Present", cannot},
		{"no such scheme", "1", "2", cannot},
	} {
		got, err := firmware.Compare(c.scheme, c.a, c.b)
		if err != nil {
			got = cannot
			if e := new(firmware.CannotCompareError); !errors.As(err, &e) || e.A != c.a || e.B != c.b {
				t.Errorf("Compare(%s, %q, %q): error %v does not name both versions", c.scheme, c.a, c.b, err)
			}
		}
		if got != c.want {
			t.Errorf("Compare(%s, %q, %q) = %d, %v, want %d", c.scheme, c.a, c.b, got, err, c.want)
		}
	}
}

// versions draws strings that look like versions of any vendor, and some that do not.
func versions() *rapid.Generator[string] {
	num := rapid.StringMatching(`0{0,2}[0-9]{1,4}`)
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(num, 1, 5).Draw(t, "pieces"), ".")
		}),
		rapid.StringMatching(`[0-9]{1,2}\.[0-9]{1,2}[a-c]?`),
		rapid.StringMatching(`U5[48] v?[0-9]\.[0-9]{2}( \(0[1-9]/1[0-9]/202[3-5]\))?`),
		rapid.StringMatching(`iLO [56] v[0-9]\.[0-9]{2}`),
		rapid.StringMatching(`(i?DRAC[89]? )?[0-9]\.[0-9]{2}\.[0-9]{2}\.00`),
		rapid.StringMatching(`BIOS Date: 0[1-9]/04/2023 Ver [12]\.[0-9a]{1,2}`),
		rapid.StringMatching(`([A-Z]{4})?[0-9]{2}[A-Z](-[0-9]\.[0-9]{2})?`),
		rapid.StringMatching(`9[67]\.[0-9A-F]{2}\.[0-9A-F]{2}\.00\.0[0-9A-F]`),
		rapid.StringMatching(`(0x0?[0-9a-f]{1,2} ?){1,4}`),
		rapid.StringMatching(`v{0,2}[0-9]\.[0-9](\.[0-9])?(-(rc|alpha)\.?0?[0-9]{0,2})?(\+b[0-9])?`),
		rapid.StringMatching(`(bf-){0,2}[0-9]{2}\.[0-9]{2}-[0-9]`),
		rapid.SampledFrom([]string{"", "N/A", "Not Present", "null", "ver ver 1.2", "0", "00", "..", "v", "1..2", "0ACTV_00.01.022"}),
		rapid.String(),
	)
}

func TestNormalIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scheme := rapid.SampledFrom(firmware.Schemes()).Draw(t, "scheme")
		v := versions().Draw(t, "version")
		once := firmware.Normal(scheme, v)
		if twice := firmware.Normal(scheme, once); twice != once {
			t.Fatalf("Normal(%s, %q) = %q, and of that %q", scheme, v, once, twice)
		}
	})
}

// TestCompareIsTotal checks that, of versions that a scheme can compare, the order is total and agrees with Equal.
func TestCompareIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scheme := rapid.SampledFrom(firmware.Schemes()).Draw(t, "scheme")
		g := versions()
		a, b, c := g.Draw(t, "a"), g.Draw(t, "b"), g.Draw(t, "c")
		ab, errAB := firmware.Compare(scheme, a, b)
		ba, errBA := firmware.Compare(scheme, b, a)
		if (errAB == nil) != (errBA == nil) || errAB == nil && ab != -ba {
			t.Fatalf("Compare(%s, %q, %q) = %d, %v; the other way round %d, %v", scheme, a, b, ab, errAB, ba, errBA)
		}
		if errAB == nil && (ab == 0) != firmware.Equal(scheme, a, b) {
			t.Fatalf("Compare(%s, %q, %q) = %d, but Equal is %v", scheme, a, b, ab, firmware.Equal(scheme, a, b))
		}
		bc, errBC := firmware.Compare(scheme, b, c)
		ac, errAC := firmware.Compare(scheme, a, c)
		if errAB != nil || errBC != nil {
			return
		}
		if errAC != nil {
			// Equal versions that fit no scheme compare with each other; nothing follows from them.
			if ab == 0 || bc == 0 {
				return
			}
			t.Fatalf("%s: %q and %q compare, %q and %q compare, but %q and %q do not: %v", scheme, a, b, b, c, a, c, errAC)
		}
		if ab <= 0 && bc <= 0 && ac > 0 || ab >= 0 && bc >= 0 && ac < 0 {
			t.Fatalf("%s: %q, %q, %q are not in one order: %s", scheme, a, b, c, fmt.Sprint(ab, bc, ac))
		}
	})
}

// TestCompareNumbersAsNumbers draws numeric versions and holds the order against plain arithmetic.
func TestCompareNumbersAsNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 9999)
		a := [3]int{n.Draw(t, "a0"), n.Draw(t, "a1"), n.Draw(t, "a2")}
		b := [3]int{n.Draw(t, "b0"), n.Draw(t, "b1"), n.Draw(t, "b2")}
		want := cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]), cmp.Compare(a[2], b[2]))
		sa, sb := fmt.Sprintf("%d.%02d.%d", a[0], a[1], a[2]), fmt.Sprintf("%d.%d.%d", b[0], b[1], b[2])
		for _, scheme := range []string{"dotted", "dell", "supermicro", "semver"} {
			if got, err := firmware.Compare(scheme, sa, sb); err != nil || got != want {
				t.Fatalf("Compare(%s, %s, %s) = %d, %v, want %d", scheme, sa, sb, got, err, want)
			}
		}
	})
}
