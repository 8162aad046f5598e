package firmware_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/metalwright/metalwright/firmware"
	"github.com/metalwright/metalwright/internal/step"
)

// vector finds the recorded packages beside the repository.
func vector(t *testing.T, name string) []byte {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
	}
	p := filepath.Join(dir, "..", "shared", "data", "pldm-fwpkg", name)
	b, err := os.ReadFile(p)
	if errors.Is(err, os.ErrNotExist) {
		if os.Getenv("METALWRIGHT_LAB") == "require" {
			t.Fatalf("recorded package is absent: looked for %s", p)
		}
		t.Skipf("recorded package is absent: looked for %s", p)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const hgx = "nvidia-hgx-h100x8_0002_230517.3.0"

// TestRecordedHGX reads the header of a real package and holds it against what the vendor's own tool prints.
func TestRecordedHGX(t *testing.T) {
	head := vector(t, hgx+".hdr.bin")
	const size = 1023 + 106088192
	p, err := firmware.ParsePackage(headerOnly(head), size)
	if err != nil {
		t.Fatal(err)
	}
	if p.Revision != 1 || p.HeaderSizeBytes != 1023 || len(p.Records) != 6 || len(p.Components) != 7 || p.HeaderCRC != 3701773251 {
		t.Errorf("revision %d, %d bytes, %d records, %d components, checksum %d; want 1, 1023, 6, 7, 3701773251",
			p.Revision, p.HeaderSizeBytes, len(p.Records), len(p.Components), p.HeaderCRC)
	}
	var sum int64
	got := map[uint16]string{}
	for _, c := range p.Components {
		sum += c.SizeBytes
		got[c.ID] = c.Version
		if c.Requested() != step.None {
			t.Errorf("component %#x asks for %v; the real package asks for nothing", c.ID, c.Requested())
		}
	}
	if sum != 106088192 {
		t.Errorf("images add up to %d bytes, want 106088192", sum)
	}
	want := map[uint16]string{0xff00: "00.02.0134.0000_n00", 0x50: "2.11", 0x40: "1.7.5F", 0x10: "HGX-22.10-1-rc36",
		0x20: "96.00.68.00.01", 0x70: "96.10.38.00.01", 0x8000: "1.31.8"}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("components (-want +got):\n%s", d)
	}
	if p.Released.IsZero() {
		t.Error("the release date was not read")
	}
	var meta struct {
		PackageHeaderInformation struct{ PackageVersionString string }
	}
	if err := json.Unmarshal(vector(t, hgx+".all_metadata.json"), &meta); err != nil {
		t.Fatal(err)
	}
	if w := meta.PackageHeaderInformation.PackageVersionString; w != "" && p.Version != w {
		t.Errorf("package version is %q, want %q", p.Version, w)
	}
	if _, err := firmware.ParsePackage(headerOnly(head), size-1); err == nil {
		t.Error("a file that is one byte short of its last image was accepted")
	}
	damage(t, head)
}

// headerOnly answers reads inside the header and fails the rest: revisions 1 to 3 need nothing else.
type headerOnly []byte

func (h headerOnly) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > int64(len(h)) {
		return 0, errors.New("read beyond the header")
	}
	return copy(p, h[off:]), nil
}

// damage flips every bit and cuts at every length: always an error, never a panic.
func damage(t *testing.T, head []byte) {
	t.Helper()
	for i := range len(head) {
		if _, err := firmware.ParseHeader(head[:i]); err == nil {
			t.Fatalf("a header cut to %d of %d bytes was accepted", i, len(head))
		}
		if head[16] == 4 && i >= len(head)-4 {
			continue // the checksum of the payload: ParsePackage holds it against the payload
		}
		for bit := range 8 {
			bad := bytes.Clone(head)
			bad[i] ^= 1 << bit
			if _, err := firmware.ParseHeader(bad); err == nil {
				t.Fatalf("bit %d of byte %d was flipped and nothing was noticed", bit, i)
			}
		}
	}
}

func TestRecordedOpenBMC(t *testing.T) {
	for name, records := range map[string]int{"ValidPkgSingleDescriptorSingleComponent": 1,
		"ValidPkgMultipleDescriptorsMultipleComponents": 3} {
		head := vector(t, "openbmc-pldm-test-"+name+".hdr.bin")
		p, err := firmware.ParseHeader(head)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(p.Records) != records || len(p.Records[0].Descriptors) == 0 || len(p.Components) == 0 {
			t.Errorf("%s: %d records, %d components; want %d records", name, len(p.Records), len(p.Components), records)
		}
		damage(t, head)
	}
	for _, name := range []string{"InvalidPkgBadChecksum", "InvalidPkgHeaderInfoIncomplete", "InvalidPkgNotSupportedHeaderFormat"} {
		head := vector(t, "openbmc-pldm-test-"+name+".hdr.bin")
		if _, err := firmware.ParsePackage(bytes.NewReader(head), int64(len(head))); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func spec(rev uint8) firmware.Spec {
	return firmware.Spec{Revision: rev, Version: "set-1", Released: time.Date(2026, 11, 1, 12, 30, 5, 0, time.UTC), Data: []byte{9, 8},
		Descriptors: []firmware.Descriptor{{Type: 1, Data: []byte{0xDE, 0x10, 0, 0}}, {Type: 0xFFFF, Data: []byte("\x01\x02xyabc")}},
		Components: []firmware.ComponentSpec{
			{Classification: 10, ID: 0x10, Stamp: 7, Activation: 1 << 3, Version: "1.2.3", Image: []byte("first")},
			{Classification: 10, ID: 0x20, Activation: 1 << 5, Version: "4", Image: bytes.Repeat([]byte{1}, 300)},
		}}
}

func TestBuildAndParse(t *testing.T) {
	for rev := uint8(1); rev <= 4; rev++ {
		s := spec(rev)
		b, err := firmware.BuildPackage(s)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := firmware.BuildPackage(s)
		if !bytes.Equal(b, again) {
			t.Errorf("revision %d: two builds differ", rev)
		}
		p, err := firmware.ParsePackage(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatalf("revision %d: %v", rev, err)
		}
		want := firmware.DeviceRecord{Descriptors: s.Descriptors, Version: "set-1", Components: []int{0, 1}, Data: []byte{9, 8}}
		if d := gocmp.Diff([]firmware.DeviceRecord{want}, p.Records); d != "" {
			t.Errorf("revision %d: records (-want +got):\n%s", rev, d)
		}
		if p.Revision != rev || p.Version != "set-1" || !p.Released.Equal(s.Released) || len(p.Components) != 2 {
			t.Errorf("revision %d: %+v", rev, p)
		}
		c := p.Components[1]
		if img := b[c.Offset : c.Offset+c.SizeBytes]; !bytes.Equal(img, s.Components[1].Image) || c.Version != "4" || c.ID != 0x20 {
			t.Errorf("revision %d: second component is %+v", rev, c)
		}
		if p.Components[0].Requested() != step.HostReset || c.Requested() != step.ACCycle {
			t.Errorf("revision %d: requested %v, %v", rev, p.Components[0].Requested(), c.Requested())
		}
		damage(t, b[:p.HeaderSizeBytes])
		if _, err := firmware.ParsePackage(bytes.NewReader(b[:len(b)-1]), int64(len(b)-1)); err == nil {
			t.Errorf("revision %d: a file without its last byte was accepted", rev)
		}
	}
}

func TestPayloadChecksum(t *testing.T) {
	b, err := firmware.BuildPackage(spec(4))
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if _, err := firmware.ParsePackage(bytes.NewReader(b), int64(len(b))); err == nil {
		t.Error("a flipped bit in the payload of revision 4 was not noticed")
	}
}

// reseal makes the header checksum right again, so that a test reaches what stands behind it.
func reseal(head []byte) []byte {
	binary.LittleEndian.PutUint32(head[len(head)-4:], crc32.ChecksumIEEE(head[:len(head)-4]))
	return head
}

func TestParseRefusesNonsense(t *testing.T) {
	good, err := firmware.BuildPackage(spec(1))
	if err != nil {
		t.Fatal(err)
	}
	p, _ := firmware.ParsePackage(bytes.NewReader(good), int64(len(good)))
	head := good[:p.HeaderSizeBytes]
	for name, edit := range map[string]func([]byte){
		"revision of another identifier": func(b []byte) { b[16] = 2 },
		"bitmap of 7 bits":               func(b []byte) { b[32] = 7 },
		"version longer than the header": func(b []byte) { b[35] = 255 },
		"record longer than the header":  func(b []byte) { b[42], b[43] = 0xFF, 0xFF },
		"record of one byte":             func(b []byte) { b[42], b[43] = 1, 0 },
	} {
		bad := bytes.Clone(head)
		edit(bad)
		if _, err := firmware.ParseHeader(reseal(bad)); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := firmware.ParsePackage(bytes.NewReader([]byte("not a package, but long enough")), 30); !errors.Is(err, firmware.ErrNotPackage) {
		t.Errorf("a text file gave %v, want ErrNotPackage", err)
	}
	if _, err := firmware.ParsePackage(bytes.NewReader(nil), 1<<40); err == nil {
		t.Error("a reader with nothing in it was accepted")
	}
	if _, err := firmware.BuildPackage(firmware.Spec{Version: "x"}); err == nil {
		t.Error("a package without components was built")
	}
}

func TestBuildParseProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := firmware.Spec{Revision: uint8(rapid.IntRange(1, 4).Draw(t, "revision")),
			Version:     rapid.StringMatching(`[ -~]{0,40}`).Draw(t, "version"),
			Descriptors: []firmware.Descriptor{{Type: 2, Data: rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "descriptor")}}}
		for range rapid.IntRange(1, 20).Draw(t, "components") {
			s.Components = append(s.Components, firmware.ComponentSpec{ID: rapid.Uint16().Draw(t, "id"),
				Activation: rapid.Uint16().Draw(t, "activation"), Version: rapid.StringMatching(`[ -~]{0,20}`).Draw(t, "v"),
				Image: rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "image")})
		}
		b, err := firmware.BuildPackage(s)
		if err != nil {
			t.Fatal(err)
		}
		p, err := firmware.ParsePackage(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if p.Version != s.Version || len(p.Components) != len(s.Components) {
			t.Fatalf("%q, %d components; want %q, %d", p.Version, len(p.Components), s.Version, len(s.Components))
		}
		for i, c := range p.Components {
			if !bytes.Equal(b[c.Offset:c.Offset+c.SizeBytes], s.Components[i].Image) || c.Version != s.Components[i].Version {
				t.Fatalf("component %d came back as %+v", i, c)
			}
		}
	})
}

func FuzzParsePackage(f *testing.F) {
	for rev := uint8(1); rev <= 4; rev++ {
		b, err := firmware.BuildPackage(spec(rev))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, true)
	}
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, b []byte, fix bool) {
		if n := int(headerLen(b)); fix && n > 23 && n <= len(b) {
			end := n - 4
			if b[16] == 4 {
				end = n - 8
			}
			binary.LittleEndian.PutUint32(b[end:], crc32.ChecksumIEEE(b[:end]))
		}
		p, err := firmware.ParsePackage(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for _, c := range p.Components {
			if c.Offset < int64(p.HeaderSizeBytes) || c.Offset+c.SizeBytes > int64(len(b)) {
				t.Fatalf("image at %d, %d bytes, lies outside the file of %d", c.Offset, c.SizeBytes, len(b))
			}
		}
		for _, r := range p.Records {
			for _, i := range r.Components {
				if i >= len(p.Components) {
					t.Fatalf("record names component %d of %d", i, len(p.Components))
				}
			}
		}
	})
}

func headerLen(b []byte) uint16 {
	if len(b) < 19 {
		return 0
	}
	return binary.LittleEndian.Uint16(b[17:])
}

var _ io.ReaderAt = headerOnly(nil)
