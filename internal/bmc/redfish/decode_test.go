package redfish

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// standard decodes with encoding/json, as the reference.
func standard(b []byte) (map[string]any, error) {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if !json.Valid(b) {
		return nil, errNoObj
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var o map[string]any
	if err := d.Decode(&o); err != nil {
		return nil, err
	}
	if o == nil {
		return nil, errNoObj
	}
	return o, nil
}

var decodeSeeds = []string{
	`{}`, ` {"a":1}`, `{"a":{"b":[1,-2.5e+3,true,false,null,"x"]}}`, `{"a":"é\u00e9\ud83d\ude00\ud83d x\n\/"}`, "{\"a\":\"\xff\"}",
	`{"a":1,"a":{"b":2}}`, `{"a":01}`, `{"a":1.}`, `{"a":-}`, `{"a":tru}`, `{"a"`, `{"a":[1,`, `{"a":"x`, `{"a":"\u12`, `null`, `[1]`, `{} {}`,
	`{"a":1,}`, "\xef\xbb\xbf{\"a\":1}", `{"a":18446744073709551615}`, `{"a":"` + strings.Repeat("l", 100) + `"}`, "{\"a\":\"\t\"}", `{"":""}`, "{\"a\":1}\x00",
}

func FuzzDecodeObject(f *testing.F) {
	for _, s := range decodeSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeObject(b)
		want, wantErr := standard(b)
		if errors.Is(err, errTooDeep) {
			return
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: error %v, encoding/json says %v", b, err, wantErr)
		}
		if err == nil && !reflect.DeepEqual(map[string]any(got), want) {
			t.Fatalf("%q: %v, encoding/json gives %v", b, got, want)
		}
	})
}

func TestDecodeCut(t *testing.T) {
	const whole = `{"a":{"b":[1,2.5,true,"x\u00e9"]},"c":null}`
	for n := 1; n < len(whole); n++ {
		_, err := decodeObject([]byte(whole[:n]))
		if !errors.Is(err, errCut) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
	if _, err := decodeObject([]byte(`{"a" 1}`)); errors.Is(err, errCut) || err == nil {
		t.Errorf("a mistake in the middle is told as %v", err)
	}
}
