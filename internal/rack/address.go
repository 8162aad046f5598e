// Package rack holds the nouns of the product: what is wanted (Design), what was seen (Observation) and how both are named.
//
// It is data only: no I/O, no clock, no decision. "Unknown", "absent" and "zero" are three things: what could not be read is
// a Gap, what nobody declared is a nil pointer or an empty slice, and zero is zero.
package rack

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/metalwright/metalwright/internal/diag"
)

// Address names one element of a Design as HCL would: node.gpu["a01-n1"], site.bne1, use.pod1.rack.row_a["a01"].
type Address string

// Digest is "sha256:" followed by 64 hexadecimal digits.
type Digest string

// Short gives the first eight digits, for people.
func (d Digest) Short() string {
	s := strings.TrimPrefix(string(d), "sha256:")
	return s[:min(8, len(s))]
}

// SecretRef says where a secret is, never what it is: "env:NAME", "file:PATH", "age:PATH", "vault:MOUNT/PATH#FIELD".
type SecretRef string

// DigestOf returns the digest of v's canonical JSON. Origins are left out, wherever in v they stand. v must be a value that
// encoding/json can write; maps are written sorted.
func DigestOf(v any) Digest {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("metalwright: internal error: digest of %T: %v. This is a bug in Metalwright.", v, err))
	}
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	cp := reflect.New(t)
	if err := json.Unmarshal(b, cp.Interface()); err != nil {
		panic(fmt.Sprintf("metalwright: internal error: digest of %T: %v. This is a bug in Metalwright.", v, err))
	}
	clearOrigins(cp.Elem())
	b, err = json.Marshal(cp.Interface())
	if err != nil {
		panic(fmt.Sprintf("metalwright: internal error: digest of %T: %v. This is a bug in Metalwright.", v, err))
	}
	sum := sha256.Sum256(b)
	return Digest("sha256:" + hex.EncodeToString(sum[:]))
}

var originType = reflect.TypeFor[diag.Origin]()

// clearOrigins zeroes every diag.Origin reachable from v, which must be settable.
func clearOrigins(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == originType {
			v.SetZero()
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				clearOrigins(v.Field(i))
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			clearOrigins(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			clearOrigins(v.Index(i))
		}
	case reflect.Map:
		if v.IsNil() || v.Type().Elem().Kind() == reflect.Interface {
			return
		}
		for _, k := range v.MapKeys() {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(v.MapIndex(k))
			clearOrigins(e)
			v.SetMapIndex(k, e)
		}
	}
}
