package redfish

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxShared is up to which length a text is kept once per answer: in an expanded collection every member repeats the same
// keys and most of the same words.
const (
	maxShared    = 64
	sharedPlaces = 256 // a text goes to one place by its looks; what else went there before is forgotten
)

var (
	errTooDeep = fmt.Errorf("nested more than %d deep", maxDepth)
	errNoObj   = errors.New("not a JSON object")
	errCut     = errors.New("the JSON ends too early")
)

// decodeObject reads one JSON object (RFC 8259): numbers kept as text, depth bounded, nothing after it but space. It gives
// what encoding/json gives with UseNumber, in a third of the time: decoding is most of what a survey of many BMCs costs.
func decodeObject(b []byte) (Object, error) {
	d := decoder{b: bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))}
	c := d.space()
	if c != '{' {
		if c == 0 {
			return nil, errCut
		}
		if _, err := d.value(c); err != nil {
			return nil, err
		}
		return nil, errNoObj
	}
	v, err := d.object()
	if err != nil {
		return nil, err
	}
	if d.space() != 0 {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

// DecodeObject reads one JSON object that did not come as the answer to a request, with the limits that hold for those.
func DecodeObject(b []byte) (Object, error) { return decodeObject(b) }

// decoder walks over one text.
type decoder struct {
	b      []byte
	i      int
	depth  int
	pairs  []pair // members of the objects that are open: a map is made when its size is known
	shared [sharedPlaces]struct {
		text  string
		boxed any
	}
}

type pair struct {
	key   string
	value any
}

// space skips space and gives the next byte without taking it; 0 at the end.
func (d *decoder) space() byte {
	for d.i < len(d.b) {
		switch c := d.b[d.i]; c {
		case ' ', '\t', '\n', '\r':
			d.i++
		case 0:
			return 1 // no JSON, and not the end
		default:
			return c
		}
	}
	return 0
}

func (d *decoder) bad() error {
	if d.i >= len(d.b) {
		return errCut
	}
	return fmt.Errorf("no JSON at byte %d", d.i)
}

func (d *decoder) value(c byte) (any, error) {
	switch c {
	case '{':
		o, err := d.object()
		return map[string]any(o), err
	case '[':
		return d.list()
	case '"':
		return d.text()
	case 't':
		return true, d.word("true")
	case 'f':
		return false, d.word("false")
	case 'n':
		return nil, d.word("null")
	}
	return d.number()
}

func (d *decoder) word(w string) error {
	for k := range len(w) {
		if d.i >= len(d.b) || d.b[d.i] != w[k] {
			return d.bad()
		}
		d.i++
	}
	return nil
}

func (d *decoder) enter() error {
	if d.depth++; d.depth > maxDepth {
		return errTooDeep
	}
	d.i++
	return nil
}

func (d *decoder) object() (Object, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	open := len(d.pairs)
	if d.space() == '}' {
		d.i++
		d.depth--
		return Object{}, nil
	}
	for {
		if d.space() != '"' {
			return nil, d.bad()
		}
		k, err := d.text()
		if err != nil {
			return nil, err
		}
		if d.space() != ':' {
			return nil, d.bad()
		}
		d.i++
		v, err := d.value(d.space())
		if err != nil {
			return nil, err
		}
		d.pairs = append(d.pairs, pair{k.(string), v})
		switch d.space() {
		case ',':
			d.i++
		case '}':
			d.i++
			d.depth--
			o := make(Object, len(d.pairs)-open)
			for _, p := range d.pairs[open:] {
				o[p.key] = p.value
			}
			d.pairs = d.pairs[:open]
			return o, nil
		default:
			return nil, d.bad()
		}
	}
}

func (d *decoder) list() (any, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	l := []any{}
	if d.space() == ']' {
		d.i++
		d.depth--
		return l, nil
	}
	for {
		v, err := d.value(d.space())
		if err != nil {
			return nil, err
		}
		l = append(l, v)
		switch d.space() {
		case ',':
			d.i++
		case ']':
			d.i++
			d.depth--
			return l, nil
		default:
			return nil, d.bad()
		}
	}
}

// number takes a number by the grammar and keeps its text.
func (d *decoder) number() (any, error) {
	start := d.i
	digits := func() bool {
		n := d.i
		for d.i < len(d.b) && d.b[d.i] >= '0' && d.b[d.i] <= '9' {
			d.i++
		}
		return d.i > n
	}
	at := func(c byte) bool { return d.i < len(d.b) && d.b[d.i] == c }
	if at('-') {
		d.i++
	}
	if at('0') {
		d.i++
	} else if !digits() {
		return nil, d.bad()
	}
	if at('.') {
		d.i++
		if !digits() {
			return nil, d.bad()
		}
	}
	if at('e') || at('E') {
		d.i++
		if at('+') || at('-') {
			d.i++
		}
		if !digits() {
			return nil, d.bad()
		}
	}
	return json.Number(d.b[start:d.i]), nil
}

// text takes a string, boxed.
func (d *decoder) text() (any, error) {
	d.i++
	start := d.i
	for d.i < len(d.b) {
		switch c := d.b[d.i]; {
		case c == '"':
			raw := d.b[start:d.i]
			d.i++
			return d.share(raw), nil
		case c == '\\' || c >= utf8.RuneSelf:
			return d.hardText(start)
		case c < ' ':
			return nil, d.bad()
		}
		d.i++
	}
	return nil, errCut
}

func (d *decoder) share(raw []byte) any {
	n := len(raw)
	if n == 0 || n > maxShared {
		return string(raw)
	}
	at := &d.shared[(n*31+int(raw[0])+int(raw[n-1])*7+int(raw[n/2])*67+int(raw[n/4])*131)%sharedPlaces]
	if at.text == string(raw) {
		return at.boxed
	}
	at.text = string(raw)
	at.boxed = at.text
	return at.boxed
}

// hardText takes a string with escapes or bytes beyond ASCII; bytes that are no UTF-8 become U+FFFD.
func (d *decoder) hardText(start int) (any, error) {
	var s strings.Builder
	s.Write(d.b[start:d.i])
	for d.i < len(d.b) {
		switch c := d.b[d.i]; {
		case c == '"':
			d.i++
			return s.String(), nil
		case c == '\\':
			r, err := d.escape()
			if err != nil {
				return nil, err
			}
			s.WriteRune(r)
		case c < ' ':
			return nil, d.bad()
		case c < utf8.RuneSelf:
			s.WriteByte(c)
			d.i++
		default:
			r, n := utf8.DecodeRune(d.b[d.i:])
			s.WriteRune(r)
			d.i += n
		}
	}
	return nil, errCut
}

var escapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (d *decoder) escape() (rune, error) {
	d.i++
	if d.i >= len(d.b) {
		return 0, errCut
	}
	if r, ok := escapes[d.b[d.i]]; ok {
		d.i++
		return r, nil
	}
	if d.b[d.i] != 'u' {
		return 0, d.bad()
	}
	r, err := d.hex4(d.i + 1)
	if err != nil {
		return 0, err
	}
	d.i += 5
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if d.i+1 < len(d.b) && d.b[d.i] == '\\' && d.b[d.i+1] == 'u' {
		low, err := d.hex4(d.i + 2)
		if err != nil {
			return 0, err
		}
		if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
			d.i += 6
			return both, nil
		}
	}
	return utf8.RuneError, nil
}

func (d *decoder) hex4(at int) (rune, error) {
	if at+4 > len(d.b) {
		d.i = len(d.b)
		return 0, errCut
	}
	n, err := strconv.ParseUint(string(d.b[at:at+4]), 16, 32)
	if err != nil {
		return 0, d.bad()
	}
	return rune(n), nil
}
