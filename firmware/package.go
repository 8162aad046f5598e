package firmware

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/metalwright/metalwright/internal/step"
)

// Package is the header of a PLDM firmware update package (DSP0267), revisions 1 to 4.
type Package struct {
	Revision        uint8
	HeaderSizeBytes int
	Released        time.Time // zero when the header holds no sensible date
	Version         string
	Records         []DeviceRecord // firmware devices
	Downstream      []DeviceRecord // devices behind them; revision 2 and later
	Components      []Component
	HeaderCRC       uint32
	PayloadCRC      uint32 // revision 4
}

// DeviceRecord says which device takes which components.
type DeviceRecord struct {
	Descriptors []Descriptor
	Options     uint32
	Version     string // of the set of components
	Components  []int  // indices into Package.Components
	Data        []byte // package data, handed to the device as it is
	Manifest    []byte // reference manifest; revision 4
}

// Descriptor identifies a device: type (DSP0267 table 7) and value.
type Descriptor struct {
	Type uint16
	Data []byte
}

// Component is one image within the package.
type Component struct {
	Classification uint16
	ID             uint16
	Stamp          uint32 // comparison stamp
	Options        uint16
	Activation     uint16 // requested activation bits
	Offset         int64
	SizeBytes      int64
	Version        string
	Opaque         []byte // revision 3 and later
}

// Requested is the reset class that the package asks for. It is a floor, not the answer: real packages ask for nothing where
// a power cycle is needed, so the stronger of this and the baseline's class counts.
func (c Component) Requested() step.Activation {
	switch {
	case c.Activation&(1<<5) != 0:
		return step.ACCycle
	case c.Activation&(1<<4) != 0:
		return step.HostPowerCycle
	case c.Activation&(1<<3) != 0:
		return step.HostReset
	}
	return step.None // automatic, self-contained, or specific to the medium
}

// headerIDs are the package header identifiers by revision (DSP0267 1.0, 1.1, 1.2, 1.3).
var headerIDs = [...][16]byte{
	1: {0xF0, 0x18, 0x87, 0x8C, 0xCB, 0x7D, 0x49, 0x43, 0x98, 0x00, 0xA0, 0x2F, 0x05, 0x9A, 0xCA, 0x02},
	2: {0x12, 0x44, 0xD2, 0x64, 0x8D, 0x7D, 0x47, 0x18, 0xA0, 0x30, 0xFC, 0x8A, 0x56, 0x58, 0x7D, 0x5A},
	3: {0x31, 0x19, 0xCE, 0x2F, 0xE8, 0x0A, 0x4A, 0x99, 0xAF, 0x6D, 0x46, 0xF8, 0xB1, 0x21, 0xF6, 0xBF},
	4: {0x7B, 0x29, 0x1C, 0x99, 0x6D, 0xB6, 0x42, 0x08, 0x80, 0x1B, 0x02, 0x02, 0x6E, 0x46, 0x3C, 0x78},
}

// fixedHeader is UUID, revision and header size: what must be read to know how much more there is.
const fixedHeader = 19

// ErrNotPackage says that a file does not begin as a PLDM firmware package does.
var ErrNotPackage = errors.New("not a PLDM firmware package")

// ParsePackage reads and checks the header of a package of size bytes: checksums, bounds, and that every image lies inside
// the file. It reads the header only, and of revision 4 the payload once for its checksum.
func ParsePackage(r io.ReaderAt, size int64) (Package, error) {
	head := make([]byte, fixedHeader)
	if size < fixedHeader {
		return Package{}, fmt.Errorf("read package header: %d bytes: %w", size, ErrNotPackage)
	}
	if err := readFull(r, head, 0); err != nil {
		return Package{}, fmt.Errorf("read package header: %w", err)
	}
	n := int64(binary.LittleEndian.Uint16(head[17:]))
	if _, err := revisionOf(head); err != nil {
		return Package{}, err
	}
	if n < fixedHeader || n > size {
		return Package{}, fmt.Errorf("read package header: it says %d bytes, the file has %d", n, size)
	}
	head = make([]byte, n) // at most 65535: the field is 16 bits wide
	if err := readFull(r, head, 0); err != nil {
		return Package{}, fmt.Errorf("read package header: %w", err)
	}
	p, err := ParseHeader(head)
	if err != nil {
		return Package{}, err
	}
	for i, c := range p.Components {
		if c.Offset < n || c.SizeBytes > size-c.Offset {
			return Package{}, fmt.Errorf("read package: image of component %d (%s) is at %d, %d bytes: not inside the file",
				i, c.Version, c.Offset, c.SizeBytes)
		}
	}
	if p.Revision < 4 {
		return p, nil
	}
	sum := crc32.NewIEEE()
	if _, err := io.Copy(sum, io.NewSectionReader(r, n, size-n)); err != nil {
		return Package{}, fmt.Errorf("read package payload: %w", err)
	}
	if sum.Sum32() != p.PayloadCRC {
		return Package{}, fmt.Errorf("check package payload: checksum is %08x, the header says %08x", sum.Sum32(), p.PayloadCRC)
	}
	return p, nil
}

func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func revisionOf(head []byte) (int, error) {
	for rev := 1; rev < len(headerIDs); rev++ {
		if string(head[:16]) != string(headerIDs[rev][:]) {
			continue
		}
		if int(head[16]) != rev {
			return 0, fmt.Errorf("read package header: identifier of revision %d, but it says revision %d", rev, head[16])
		}
		return rev, nil
	}
	return 0, fmt.Errorf("read package header: unknown identifier %X: %w", head[:16], ErrNotPackage)
}

// ParseHeader reads a header alone, without the images. It must be the whole header and nothing else.
func ParseHeader(head []byte) (Package, error) {
	if len(head) < fixedHeader {
		return Package{}, fmt.Errorf("read package header: %d bytes: %w", len(head), ErrNotPackage)
	}
	rev, err := revisionOf(head)
	if err != nil {
		return Package{}, err
	}
	c := &cursor{b: head, rev: rev}
	c.take(17, "identifier")
	p := Package{Revision: uint8(rev), HeaderSizeBytes: int(c.u16("header size"))}
	if p.HeaderSizeBytes != len(head) {
		return Package{}, fmt.Errorf("read package header: it says %d bytes, there are %d", p.HeaderSizeBytes, len(head))
	}
	if err := checkHeaderSum(head, &p); err != nil {
		return Package{}, err
	}
	c.b = head[:len(head)-trailer(rev)]
	p.Released = timestamp(c.take(13, "release date"))
	bits := int(c.u16("component bitmap length"))
	if c.err == nil && (bits == 0 || bits%8 != 0) {
		return Package{}, fmt.Errorf("read package header: component bitmap of %d bits is no multiple of 8", bits)
	}
	kind, n := c.u8("version type"), c.u8("version length")
	p.Version = c.text(kind, int(n), "package version")
	for range int(c.u8("device record count")) {
		p.Records = append(p.Records, c.record(bits, false))
	}
	if rev >= 2 {
		for range int(c.u8("downstream record count")) {
			p.Downstream = append(p.Downstream, c.record(bits, true))
		}
	}
	for range int(c.u16("component count")) {
		if c.err != nil {
			break
		}
		p.Components = append(p.Components, c.component())
	}
	if c.err != nil {
		return Package{}, c.err
	}
	if rest := len(c.b) - c.at; rest != 0 {
		return Package{}, fmt.Errorf("read package header: %d bytes are left over after the components", rest)
	}
	return p, checkIndices(p)
}

// trailer is the size of the checksums at the end of the header.
func trailer(rev int) int {
	if rev >= 4 {
		return 8
	}
	return 4
}

func checkHeaderSum(head []byte, p *Package) error {
	end := len(head) - trailer(int(p.Revision))
	if end < fixedHeader {
		return fmt.Errorf("read package header: %d bytes hold no checksum", len(head))
	}
	p.HeaderCRC = binary.LittleEndian.Uint32(head[end:])
	if p.Revision >= 4 {
		p.PayloadCRC = binary.LittleEndian.Uint32(head[end+4:])
	}
	if sum := crc32.ChecksumIEEE(head[:end]); sum != p.HeaderCRC {
		return fmt.Errorf("check package header: checksum is %08x, the header says %08x", sum, p.HeaderCRC)
	}
	return nil
}

// checkIndices holds the bitmaps of the records against the list of components.
func checkIndices(p Package) error {
	for _, records := range [][]DeviceRecord{p.Records, p.Downstream} {
		for i, r := range records {
			for _, n := range r.Components {
				if n >= len(p.Components) {
					return fmt.Errorf("read package header: device record %d names component %d of %d", i, n, len(p.Components))
				}
			}
		}
	}
	return nil
}

// cursor reads little-endian fields and remembers the first thing that did not fit.
type cursor struct {
	b   []byte
	at  int
	rev int
	err error
}

// take hands out the next n bytes, or nil when they are not there.
func (c *cursor) take(n int, what string) []byte {
	if c.err != nil {
		return nil
	}
	if n < 0 || n > len(c.b)-c.at {
		c.err = fmt.Errorf("read package header: %s at byte %d needs %d bytes, %d are left", what, c.at, n, len(c.b)-c.at)
		return nil
	}
	out := c.b[c.at : c.at+n : c.at+n]
	c.at += n
	return out
}

func (c *cursor) u8(what string) uint8 {
	if b := c.take(1, what); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u16(what string) uint16 {
	if b := c.take(2, what); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) u32(what string) uint32 {
	if b := c.take(4, what); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// bytes copies a field of declared length, so that a Package does not hold on to its file; empty is nil.
func (c *cursor) bytes(n int, what string) []byte {
	if b := c.take(n, what); len(b) > 0 {
		return append([]byte(nil), b...)
	}
	return nil
}

// text reads a string of a DSP0267 string type: 1 ASCII, 2 UTF-8, 3 UTF-16, 4 UTF-16LE, 5 UTF-16BE; 0 is unknown.
func (c *cursor) text(kind uint8, n int, what string) string {
	b := c.take(n, what)
	if kind < 3 || kind > 5 {
		return strings.ToValidUTF8(strings.TrimRight(string(b), "\x00"), "�")
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if kind == 5 || kind == 3 && len(b) > 1 && b[0] == 0xFE && b[1] == 0xFF {
		order = binary.BigEndian
	}
	var units []uint16
	for i := 0; i+1 < len(b); i += 2 {
		units = append(units, order.Uint16(b[i:]))
	}
	return strings.Trim(string(utf16.Decode(units)), "\x00\ufeff")
}

// record reads a firmware or downstream device record. Both begin with their length; all fields must fit and fill it.
func (c *cursor) record(bits int, downstream bool) DeviceRecord {
	start := c.at
	n := int(c.u16("record length"))
	if c.err != nil {
		return DeviceRecord{}
	}
	c.at = start
	in := &cursor{b: c.take(n, "device record"), rev: c.rev, err: c.err}
	in.take(2, "record length")
	count := int(in.u8("descriptor count"))
	r := DeviceRecord{Options: in.u32("option flags")}
	kind, size := in.u8("set version type"), in.u8("set version length")
	data := int(in.u16("package data length"))
	manifest := 0
	if in.rev >= 4 {
		manifest = int(min(in.u32("manifest length"), 1<<30))
	}
	for i, b := range in.take(bits/8, "applicable components") {
		for bit := range 8 {
			if b&(1<<bit) != 0 {
				r.Components = append(r.Components, i*8+bit)
			}
		}
	}
	r.Version = in.text(kind, int(size), "set version")
	if downstream && r.Options&1 != 0 {
		in.u32("minimum comparison stamp")
	}
	for range count {
		t, l := in.u16("descriptor type"), in.u16("descriptor length")
		r.Descriptors = append(r.Descriptors, Descriptor{t, in.bytes(int(l), "descriptor")})
	}
	r.Data = in.bytes(data, "package data")
	r.Manifest = in.bytes(manifest, "reference manifest")
	if in.err == nil && in.at != len(in.b) {
		in.err = fmt.Errorf("read package header: device record at byte %d is %d bytes longer than its fields",
			start, len(in.b)-in.at)
	}
	c.err = in.err
	return r
}

func (c *cursor) component() Component {
	out := Component{Classification: c.u16("classification"), ID: c.u16("component identifier"), Stamp: c.u32("stamp"),
		Options: c.u16("component options"), Activation: c.u16("requested activation"),
		Offset: int64(c.u32("image offset")), SizeBytes: int64(c.u32("image size"))}
	kind, n := c.u8("version type"), c.u8("version length")
	out.Version = c.text(kind, int(n), "component version")
	if c.rev >= 3 {
		out.Opaque = c.bytes(int(min(c.u32("opaque length"), 1<<30)), "opaque data")
	}
	return out
}

// timestamp reads PLDM's timestamp104 (DSP0240): offset in minutes, microseconds, seconds … year, and a resolution byte.
func timestamp(b []byte) time.Time {
	if len(b) < 13 {
		return time.Time{}
	}
	offset := int16(binary.LittleEndian.Uint16(b))
	micro := int(b[2]) | int(b[3])<<8 | int(b[4])<<16
	sec, mins, hour, day, month, year := int(b[5]), int(b[6]), int(b[7]), int(b[8]), int(b[9]), int(binary.LittleEndian.Uint16(b[10:]))
	if sec > 60 || mins > 59 || hour > 23 || day < 1 || day > 31 || month < 1 || month > 12 || year < 1970 || year > 9999 {
		return time.Time{}
	}
	return time.Date(year, time.Month(month), day, hour, mins, sec, micro*1000, time.UTC).Add(-time.Duration(offset) * time.Minute)
}
