package firmware

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"
)

// Spec says what BuildPackage writes: one device record that takes every component.
type Spec struct {
	Revision    uint8 // 1 to 4; 0 is 1
	Version     string
	Released    time.Time // UTC, whole seconds
	Descriptors []Descriptor
	Data        []byte // package data of the record
	Components  []ComponentSpec
}

// ComponentSpec is one image of a Spec.
type ComponentSpec struct {
	Classification uint16
	ID             uint16
	Stamp          uint32
	Activation     uint16
	Version        string
	Image          []byte
}

// maxField is the longest string that a one-byte length can tell.
const maxField = 255

// BuildPackage writes a PLDM firmware package. The same Spec gives the same bytes.
func BuildPackage(s Spec) ([]byte, error) {
	rev := int(s.Revision)
	if rev == 0 {
		rev = 1
	}
	if rev >= len(headerIDs) {
		return nil, fmt.Errorf("build package: there is no revision %d", rev)
	}
	if len(s.Version) > maxField || len(s.Descriptors) == 0 || len(s.Descriptors) > 255 || len(s.Components) == 0 ||
		len(s.Components) > 1024 || len(s.Data) > 0xFFFF {
		return nil, fmt.Errorf("build package %q: it needs one or more descriptors and components, within the limits", s.Version)
	}
	bits := (len(s.Components) + 7) / 8 * 8
	head := append([]byte(nil), headerIDs[rev][:]...)
	head = append(head, byte(rev), 0, 0) // the size is filled in when it is known
	head = append(head, stamp(s.Released)...)
	head = binary.LittleEndian.AppendUint16(head, uint16(bits))
	head = append(head, 1, byte(len(s.Version)))
	head = append(head, s.Version...)
	head = append(head, 1) // one device record
	head = append(head, deviceRecord(s, rev, bits)...)
	if rev >= 2 {
		head = append(head, 0) // no downstream devices
	}
	head = binary.LittleEndian.AppendUint16(head, uint16(len(s.Components)))
	size := len(head) + trailer(rev)
	for _, c := range s.Components {
		size += componentSize(c, rev)
	}
	if size > 0xFFFF {
		return nil, fmt.Errorf("build package %q: a header of %d bytes is too long", s.Version, size)
	}
	binary.LittleEndian.PutUint16(head[17:], uint16(size))
	var payload []byte
	for _, c := range s.Components {
		if len(c.Version) > maxField {
			return nil, fmt.Errorf("build package %q: version of a component is too long", s.Version)
		}
		head = appendComponent(head, c, rev, size+len(payload))
		payload = append(payload, c.Image...)
	}
	sum := crc32.ChecksumIEEE(head)
	head = binary.LittleEndian.AppendUint32(head, sum)
	if rev >= 4 {
		head = binary.LittleEndian.AppendUint32(head, crc32.ChecksumIEEE(payload))
	}
	return append(head, payload...), nil
}

func deviceRecord(s Spec, rev, bits int) []byte {
	r := []byte{0, 0, byte(len(s.Descriptors)), 0, 0, 0, 0, 1, byte(len(s.Version))}
	r = binary.LittleEndian.AppendUint16(r, uint16(len(s.Data)))
	if rev >= 4 {
		r = binary.LittleEndian.AppendUint32(r, 0) // no reference manifest
	}
	bitmap := make([]byte, bits/8)
	for i := range s.Components {
		bitmap[i/8] |= 1 << (i % 8)
	}
	r = append(r, bitmap...)
	r = append(r, s.Version...)
	for _, d := range s.Descriptors {
		r = binary.LittleEndian.AppendUint16(r, d.Type)
		r = binary.LittleEndian.AppendUint16(r, uint16(len(d.Data)))
		r = append(r, d.Data...)
	}
	r = append(r, s.Data...)
	binary.LittleEndian.PutUint16(r, uint16(len(r)))
	return r
}

func componentSize(c ComponentSpec, rev int) int {
	n := 22 + len(c.Version)
	if rev >= 3 {
		n += 4
	}
	return n
}

func appendComponent(b []byte, c ComponentSpec, rev, offset int) []byte {
	b = binary.LittleEndian.AppendUint16(b, c.Classification)
	b = binary.LittleEndian.AppendUint16(b, c.ID)
	b = binary.LittleEndian.AppendUint32(b, c.Stamp)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint16(b, c.Activation)
	b = binary.LittleEndian.AppendUint32(b, uint32(offset))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.Image)))
	b = append(b, 1, byte(len(c.Version)))
	b = append(b, c.Version...)
	if rev >= 3 {
		b = binary.LittleEndian.AppendUint32(b, 0) // no opaque data
	}
	return b
}

// stamp writes PLDM's timestamp104; the zero time is thirteen zero bytes.
func stamp(t time.Time) []byte {
	b := make([]byte, 13)
	if t.IsZero() {
		return b
	}
	t = t.UTC()
	b[5], b[6], b[7], b[8], b[9] = byte(t.Second()), byte(t.Minute()), byte(t.Hour()), byte(t.Day()), byte(t.Month())
	binary.LittleEndian.PutUint16(b[10:], uint16(t.Year()))
	return b
}
