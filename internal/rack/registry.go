package rack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
)

// BIOSRegistryInfo is a decoded BIOS attribute registry (DMTF AttributeRegistry), leniently.
type BIOSRegistryInfo struct {
	ID           string               `json:"id"`
	Version      string               `json:"version,omitempty"`
	Attributes   []RegistryAttribute  `json:"attributes"` // in registry order; a name that repeats stands once, the first wins
	Dependencies []RegistryDependency `json:"dependencies,omitempty"`
	Warnings     []string             `json:"warnings,omitempty"`
}

// RegistryAttribute is what may be set. Absent booleans are false except ResetRequired, where nil means "assume yes".
type RegistryAttribute struct {
	Name          string          `json:"name"`
	DisplayName   string          `json:"display_name,omitempty"`
	Help          string          `json:"help,omitempty"` // the registry's own text
	Type          string          `json:"type"`           // Enumeration, String, Integer, Boolean, Password
	Values        []RegistryValue `json:"values,omitempty"`
	LowerBound    *big.Int        `json:"lower_bound,omitempty"`
	UpperBound    *big.Int        `json:"upper_bound,omitempty"`
	Increment     *big.Int        `json:"increment,omitempty"`
	MinLength     *int            `json:"min_length,omitempty"`
	MaxLength     *int            `json:"max_length,omitempty"`
	Expression    string          `json:"expression,omitempty"`
	Default       any             `json:"default,omitempty"`
	ReadOnly      bool            `json:"read_only,omitempty"`
	Immutable     bool            `json:"immutable,omitempty"`
	Hidden        bool            `json:"hidden,omitempty"`
	GrayOut       bool            `json:"gray_out,omitempty"`
	WriteOnly     bool            `json:"write_only,omitempty"`
	ResetRequired *bool           `json:"reset_required,omitempty"`
}

// RegistryValue is one allowed value of an Enumeration.
type RegistryValue struct {
	Name        string `json:"name"`
	DisplayName string `json:"display_name,omitempty"`
}

// RegistryDependency is one Map entry: if the terms hold, Property of Target becomes Value.
type RegistryDependency struct {
	Target   string         `json:"target"`   // Dependency.MapToAttribute
	Property string         `json:"property"` // CurrentValue, ReadOnly, GrayOut, Hidden …
	Value    any            `json:"value"`
	Terms    []RegistryTerm `json:"terms"`
}

// RegistryTerm is one condition. Term joins it to what stands before: AND, OR, or empty where the registry does not say.
type RegistryTerm struct {
	Term      string `json:"term,omitempty"`
	Attribute string `json:"attribute"`
	Property  string `json:"property"`
	Condition string `json:"condition"` // EQU, NEQ, GTR, GEQ, LSS, LEQ
	Value     any    `json:"value"`
}

// Normal turns a decoded JSON scalar into string, bool, int64, float64 or nil; json.Number becomes int64 when it is whole.
func Normal(v any) any {
	switch x := v.(type) {
	case json.Number:
		if i, err := x.Int64(); err == nil {
			return i
		}
		if f, err := x.Float64(); err == nil {
			return f
		}
		return x.String()
	case int:
		return int64(x)
	case int32:
		return int64(x)
	case uint64:
		if x <= 1<<63-1 {
			return int64(x)
		}
		return fmt.Sprint(x)
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = Normal(x[i])
		}
		return out
	default:
		return v
	}
}

func decodeMap(b []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		return nil, err
	}
	for k, v := range m {
		m[k] = Normal(v)
	}
	return m, nil
}

// NormalJSON re-reads field name of object text b with whole numbers as int64; v is returned when it is no number.
func NormalJSON(v any, b []byte, name string) (any, error) {
	if _, ok := v.(float64); !ok {
		return v, nil
	}
	m, err := decodeMap(b)
	if err != nil {
		return nil, err
	}
	return m[name], nil
}

// DecodeFacts reads a JSON object with whole numbers as int64, for types outside this package.
func DecodeFacts(b []byte) (map[string]any, error) { return decodeMap(b) }
