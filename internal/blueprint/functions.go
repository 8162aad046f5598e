package blueprint

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/metalwright/metalwright/internal/diag"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/residency"
)

// secretType holds a reference to a secret. It converts to nothing, so that no template or comparison can use it.
var secretType = cty.Capsule("secret reference", reflect.TypeFor[rack.SecretRef]())

// functions are those of the cty standard library under their Terraform names, and a few of our own.
var functions = map[string]function.Function{
	"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc, "log": stdlib.LogFunc,
	"max": stdlib.MaxFunc,
	"min": stdlib.MinFunc, "parseint": stdlib.ParseIntFunc, "pow": stdlib.PowFunc, "signum": stdlib.SignumFunc,
	"chomp": stdlib.ChompFunc, "join": stdlib.JoinFunc, "lower": stdlib.LowerFunc, "regex": stdlib.RegexFunc,
	"regexall": stdlib.RegexAllFunc, "split": stdlib.SplitFunc, "strrev": stdlib.ReverseFunc,
	"substr": stdlib.SubstrFunc, "title": stdlib.TitleFunc, "trim": stdlib.TrimFunc,
	"trimprefix": stdlib.TrimPrefixFunc,
	"trimsuffix": stdlib.TrimSuffixFunc, "trimspace": stdlib.TrimSpaceFunc, "upper": stdlib.UpperFunc,
	"chunklist": stdlib.ChunklistFunc, "coalesce": stdlib.CoalesceFunc, "coalescelist": stdlib.CoalesceListFunc,
	"compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc,
	"distinct": stdlib.DistinctFunc,
	"element":  stdlib.ElementFunc, "flatten": stdlib.FlattenFunc, "keys": stdlib.KeysFunc, "lookup": stdlib.LookupFunc,
	"merge": stdlib.MergeFunc, "range": stdlib.RangeFunc, "reverse": stdlib.ReverseListFunc,
	"setintersection": stdlib.SetIntersectionFunc, "setsubtract": stdlib.SetSubtractFunc,
	"setunion": stdlib.SetUnionFunc, "slice": stdlib.SliceFunc, "sort": stdlib.SortFunc, "values": stdlib.ValuesFunc,
	"zipmap": stdlib.ZipmapFunc, "csvdecode": stdlib.CSVDecodeFunc, "jsonencode": stdlib.JSONEncodeFunc,
	"formatdate": stdlib.FormatDateFunc, "timeadd": stdlib.TimeAddFunc,
	"tostring": stdlib.MakeToFunc(cty.String), "tobool": stdlib.MakeToFunc(cty.Bool),
	"tonumber": stdlib.MakeToFunc(cty.Number),
	"tolist":   stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)),
	"toset":    stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
	"tomap":    stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)), "try": tryfunc.TryFunc, "can": tryfunc.CanFunc,

	"format":     limited(stdlib.FormatFunc, formatIsSmall),
	"formatlist": limited(stdlib.FormatListFunc, formatIsSmall),
	"indent":     limited(stdlib.IndentFunc, firstBelow(256)),
	"jsondecode": limited(stdlib.JSONDecodeFunc, textBelow(64<<10)),
	"setproduct": limited(stdlib.SetProductFunc, productIsSmall),

	"length": lengthFunc, "replace": replaceFunc, "index": indexFunc, "sum": sumFunc, "one": oneFunc,
	"alltrue": truthFunc(false), "anytrue": truthFunc(true),
	"startswith": stringTest(strings.HasPrefix), "endswith": stringTest(strings.HasSuffix),
	"strcontains": stringTest(strings.Contains),
	"base64encode": textFunc(func(s string) (string, error) {
		return base64.StdEncoding.EncodeToString([]byte(s)),
			nil
	}),
	"base64decode": textFunc(func(s string) (string, error) {
		b, err := base64.StdEncoding.DecodeString(s)
		return string(b), err
	}),
	"sha256": textFunc(func(s string) (string, error) {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:]), nil
	}),
	"cidrhost": cidrHostFunc, "cidrsubnet": cidrSubnetFunc, "cidrnetmask": textFunc(cidrNetmask),
	"secret": secretFunc, "jurisdiction": jurisdictionFunc,
}

// limited puts a bound on the arguments of a function whose result grows faster than they do.
func limited(f function.Function, check func([]cty.Value) error) function.Function {
	spec := &function.Spec{Params: f.Params(), VarParam: f.VarParam()}
	spec.Type = func(args []cty.Value) (cty.Type, error) {
		if err := check(args); err != nil {
			return cty.DynamicPseudoType, err
		}
		return f.ReturnTypeForValues(args)
	}
	spec.Impl = func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(args) }
	return function.New(spec)
}

var wideVerb = regexp.MustCompile(`%[^a-zA-Z%]*[0-9]{4,}`)

func formatIsSmall(args []cty.Value) error {
	if len(args) > 0 {
		if s, ok := plainString(args[0]); ok && wideVerb.MatchString(s) {
			return errors.New("the width of a verb may have three digits")
		}
	}
	return nil
}

func firstBelow(limit int64) func([]cty.Value) error {
	return func(args []cty.Value) error {
		v, _ := args[0].Unmark()
		if v.IsKnown() && !v.IsNull() && v.Type() == cty.Number &&
			v.AsBigFloat().Cmp(big.NewFloat(float64(limit))) > 0 {
			return fmt.Errorf("at most %d is allowed", limit)
		}
		return nil
	}
}

func textBelow(limit int) func([]cty.Value) error {
	return func(args []cty.Value) error {
		if s, ok := plainString(args[0]); ok && (len(s) > limit || hugeNumber.MatchString(s)) {
			return fmt.Errorf("the text is longer than %d bytes or has a number too large", limit)
		}
		return nil
	}
}

func productIsSmall(args []cty.Value) error {
	n := 1
	for _, a := range args {
		a, _ = a.Unmark()
		if a.IsKnown() && !a.IsNull() && a.CanIterateElements() {
			n *= max(a.LengthInt(), 1)
		}
		if n > maxValueElements {
			return fmt.Errorf("the product has more than %d elements", maxValueElements)
		}
	}
	return nil
}

func plainString(v cty.Value) (string, bool) {
	v, _ = v.Unmark()
	if v.Type() != cty.String || v.IsNull() || !v.IsKnown() {
		return "", false
	}
	return v.AsString(), true
}

func textFunc(f func(string) (string, error)) function.Function {
	return function.New(&function.Spec{Params: []function.Parameter{{Name: "text", Type: cty.String}},
		Type: function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, err := f(args[0].AsString())
			return cty.StringVal(s), err
		}})
}

func stringTest(f func(s, part string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "text", Type: cty.String}, {Name: "part", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(f(args[0].AsString(), args[1].AsString())), nil
		}})
}

// anything is a parameter that takes every value, so that the function decides.
func anything(name string) function.Parameter {
	return function.Parameter{Name: name, Type: cty.DynamicPseudoType, AllowUnknown: true, AllowDynamicType: true}
}

var lengthFunc = function.New(&function.Spec{Params: []function.Parameter{anything("value")},
	Type: func(args []cty.Value) (cty.Type, error) {
		t := args[0].Type()
		if t != cty.DynamicPseudoType && t != cty.String && !t.IsCollectionType() && !t.IsTupleType() &&
			!t.IsObjectType() {
			return cty.Number, errors.New("a string, a collection, an object or a tuple is wanted")
		}
		return cty.Number, nil
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v := args[0]
		t := v.Type()
		switch {
		case t.IsTupleType():
			return cty.NumberIntVal(int64(t.Length())), nil
		case t.IsObjectType():
			return cty.NumberIntVal(int64(len(t.AttributeTypes()))), nil
		case !v.IsKnown():
			return cty.UnknownVal(cty.Number), nil
		case t == cty.String:
			return stdlib.Strlen(v)
		}
		return v.Length(), nil
	}})

var replaceFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "text", Type: cty.String}, {Name: "part", Type: cty.String}, {Name: "by",
		Type: cty.String}},
	Type: function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		part := args[1].AsString()
		if len(args[0].AsString())*max(len(args[2].AsString()), 1) > 64<<20 {
			return cty.UnknownVal(cty.String), errors.New("the result may become too long")
		}
		if len(part) > 1 && part[0] == '/' && part[len(part)-1] == '/' {
			return stdlib.RegexReplace(args[0], cty.StringVal(part[1:len(part)-1]), args[2])
		}
		return stdlib.Replace(args[0], args[1], args[2])
	}})

var indexFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}, {Name: "value",
		Type: cty.DynamicPseudoType}},
	Type: function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if t := args[0].Type(); !t.IsListType() && !t.IsTupleType() {
			return cty.UnknownVal(cty.Number), errors.New("a list or tuple is wanted")
		}
		for i, e := range args[0].AsValueSlice() {
			eq, err := stdlib.Equal(e, args[1])
			if err != nil {
				return cty.UnknownVal(cty.Number), err
			}
			if !eq.IsKnown() {
				return cty.UnknownVal(cty.Number), nil
			}
			if eq.True() {
				return cty.NumberIntVal(int64(i)), nil
			}
		}
		return cty.UnknownVal(cty.Number), errors.New("the value is not in the list")
	}})

var sumFunc = function.New(&function.Spec{Params: []function.Parameter{anything("numbers")},
	Type: function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if !args[0].IsKnown() {
			return cty.UnknownVal(cty.Number), nil
		}
		if t := args[0].Type(); !t.IsListType() && !t.IsSetType() && !t.IsTupleType() {
			return cty.UnknownVal(cty.Number), errors.New("a list, set or tuple of numbers is wanted")
		}
		total, known := cty.Zero, true
		for _, e := range args[0].AsValueSlice() {
			n, err := convert.Convert(e, cty.Number)
			if err != nil || n.IsNull() {
				return cty.UnknownVal(cty.Number), errors.New("every element has to be a number")
			}
			if known = known && n.IsKnown(); known {
				total = total.Add(n)
			}
		}
		if !known {
			return cty.UnknownVal(cty.Number), nil
		}
		return total, nil
	}})

var oneFunc = function.New(&function.Spec{Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type: function.StaticReturnType(cty.DynamicPseudoType),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if t := args[0].Type(); !t.IsListType() && !t.IsSetType() && !t.IsTupleType() {
			return cty.DynamicVal, errors.New("a list, set or tuple is wanted")
		}
		switch args[0].LengthInt() {
		case 0:
			return cty.NullVal(cty.DynamicPseudoType), nil
		case 1:
			return args[0].AsValueSlice()[0], nil
		}
		return cty.DynamicVal, errors.New("there is more than one element")
	}})

// truthFunc is anytrue (any true) or alltrue (no false). What is unknown does not hide a value that decides.
func truthFunc(any bool) function.Function {
	return function.New(&function.Spec{Params: []function.Parameter{anything("list")},
		Type: function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if !args[0].IsKnown() {
				return cty.UnknownVal(cty.Bool), nil
			}
			if t := args[0].Type(); !t.IsListType() && !t.IsSetType() && !t.IsTupleType() {
				return cty.UnknownVal(cty.Bool), errors.New("a list, set or tuple of bools is wanted")
			}
			unknown := false
			for _, e := range args[0].AsValueSlice() {
				b, err := convert.Convert(e, cty.Bool)
				switch {
				case err != nil:
					return cty.UnknownVal(cty.Bool), errors.New("every element has to be a bool")
				case !b.IsKnown():
					unknown = true
				case b.IsNull() && !any:
					return cty.False, nil
				case !b.IsNull() && b.True() == any:
					return cty.BoolVal(any), nil
				}
			}
			if unknown {
				return cty.UnknownVal(cty.Bool), nil
			}
			return cty.BoolVal(!any), nil
		}})
}

var cidrHostFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "prefix", Type: cty.String}, {Name: "hostnum", Type: cty.Number}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		p, err := netip.ParsePrefix(args[0].AsString())
		if err != nil {
			return cty.UnknownVal(cty.String), fmt.Errorf("%q is not a prefix such as 10.20.8.0/22", args[0].AsString())
		}
		n, acc := args[1].AsBigFloat().Int(nil)
		if acc != big.Exact {
			return cty.UnknownVal(cty.String), errors.New("hostnum is a whole number")
		}
		a, err := hostAddr(p, n)
		if err != nil {
			return cty.UnknownVal(cty.String), err
		}
		return cty.StringVal(a.String()), nil
	}})

// hostAddr gives the nth address of a prefix; a negative n counts from its end.
func hostAddr(p netip.Prefix, n *big.Int) (netip.Addr, error) {
	p = p.Masked()
	bits := p.Addr().BitLen() - p.Bits()
	size := new(big.Int).Lsh(big.NewInt(1), uint(bits))
	if n.Sign() < 0 {
		n = new(big.Int).Add(size, n)
	}
	if n.Sign() < 0 || n.Cmp(size) >= 0 {
		return netip.Addr{}, fmt.Errorf("%s has no host number %s", p, n)
	}
	raw := p.Addr().AsSlice()
	sum := new(big.Int).Add(new(big.Int).SetBytes(raw), n)
	a, _ := netip.AddrFromSlice(sum.FillBytes(make([]byte, len(raw))))
	return a, nil
}

var cidrSubnetFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "prefix", Type: cty.String}, {Name: "newbits", Type: cty.Number},
		{Name: "netnum", Type: cty.Number}},
	Type: function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		p, err := netip.ParsePrefix(args[0].AsString())
		if err != nil {
			return cty.UnknownVal(cty.String), fmt.Errorf("%q is not a prefix such as 10.20.8.0/22", args[0].AsString())
		}
		bits, acc1 := args[1].AsBigFloat().Int64()
		n, acc2 := args[2].AsBigFloat().Int64()
		room := p.Addr().BitLen() - p.Bits()
		if acc1 != big.Exact || acc2 != big.Exact || bits < 0 || bits > int64(room) || n < 0 || bits < 63 &&
			n >= 1<<bits {
			return cty.UnknownVal(cty.String), fmt.Errorf("%s has no such subnet", p)
		}
		shift := uint(room) - uint(bits)
		a, err := hostAddr(p, new(big.Int).Lsh(big.NewInt(n), shift))
		if err != nil {
			return cty.UnknownVal(cty.String), err
		}
		return cty.StringVal(a.String() + "/" + strconv.Itoa(p.Bits()+int(bits))), nil
	}})

func cidrNetmask(s string) (string, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() {
		return "", fmt.Errorf("%q is not an IPv4 prefix such as 10.20.8.0/22", s)
	}
	m := uint32(math.MaxUint32) << (32 - p.Bits())
	return netip.AddrFrom4([4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)}).String(), nil
}

// secretRef is the form of a reference: a scheme and a place. Its value is never read here.
var secretRef = regexp.MustCompile(`^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|age:.+|vault:[^#]+(#.+)?)$`)

var secretFunc = function.New(&function.Spec{Params: []function.Parameter{{Name: "reference", Type: cty.String}},
	Type: function.StaticReturnType(secretType),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		ref := rack.SecretRef(args[0].AsString())
		if !secretRef.MatchString(string(ref)) {
			// The text is not repeated: it might be the secret itself.
			return cty.UnknownVal(secretType), errors.New("a reference is env:NAME, file:PATH, age:PATH or " +
				"vault:MOUNT/PATH#FIELD")
		}
		return cty.CapsuleVal(secretType, &ref), nil
	}})

var jurisdictionFunc = function.New(&function.Spec{Params: []function.Parameter{anything("of")},
	Type: function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return jurisdictionOf(args[0], 0) }})

// jurisdictionOf reads a country code, or finds the one of a region, site, rack or node.
func jurisdictionOf(v cty.Value, depth int) (cty.Value, error) {
	v, _ = v.Unmark()
	if !v.IsKnown() {
		return cty.UnknownVal(cty.String), nil
	}
	if s, ok := plainString(v); ok {
		code := strings.ToUpper(s)
		if !residency.ValidJurisdiction(code) {
			return cty.UnknownVal(cty.String), fmt.Errorf("%q is no ISO 3166-1 code and not EU.%s", s,
				diag.DidYouMean(code, residency.Jurisdictions()))
		}
		return cty.StringVal(code), nil
	}
	if !v.IsNull() && v.Type().IsObjectType() && depth < 4 {
		for _, name := range []string{"country", "jurisdiction", "site", "rack"} {
			if v.Type().HasAttribute(name) {
				return jurisdictionOf(v.GetAttr(name), depth+1)
			}
		}
	}
	return cty.UnknownVal(cty.String), errors.New("a country code, a region, a site, a rack or a node is wanted")
}
