package provider

import (
	"encoding/json"
	"math/big"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// plain turns a value of the core into maps, lists, texts, bools and whole numbers. Nulls are left out of objects and maps. known is
// false when some part of it is not known yet.
func plain(v tftypes.Value) (out any, known bool, err error) {
	if !v.IsKnown() {
		return nil, false, nil
	}
	if v.IsNull() {
		return nil, true, nil
	}
	switch t := v.Type(); {
	case t.Is(tftypes.String):
		var s string
		err = v.As(&s)
		return s, true, err
	case t.Is(tftypes.Bool):
		var b bool
		err = v.As(&b)
		return b, true, err
	case t.Is(tftypes.Number):
		var f big.Float
		err = v.As(&f)
		return json.Number(f.Text('f', -1)), true, err
	case t.Is(tftypes.Object{}), t.Is(tftypes.Map{}):
		var m map[string]tftypes.Value
		if err := v.As(&m); err != nil {
			return nil, true, err
		}
		res, all := map[string]any{}, true
		for k, e := range m {
			x, known, err := plain(e)
			if err != nil {
				return nil, true, err
			}
			all = all && known
			if x != nil {
				res[k] = x
			}
		}
		return res, all, nil
	}
	var l []tftypes.Value
	if err := v.As(&l); err != nil {
		return nil, true, err
	}
	res, all := []any{}, true
	for _, e := range l {
		x, known, err := plain(e)
		if err != nil {
			return nil, true, err
		}
		all = all && known
		res = append(res, x)
	}
	return res, all, nil
}

// text gives a text of a plain object; empty when there is none.
func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

// only keeps some keys of a plain object, under other names where that is said.
func only(m map[string]any, keys ...[2]string) map[string]any {
	out := map[string]any{}
	for _, k := range keys {
		if v, ok := m[k[0]]; ok {
			out[k[1]] = v
		}
	}
	return out
}

// whole gives a whole number of a plain object.
func whole(m map[string]any, key string) (int, error) {
	n, _ := m[key].(json.Number)
	v, err := n.Int64()
	return int(v), err
}
