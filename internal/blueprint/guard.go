package blueprint

import (
	"bytes"
	"errors"
	"reflect"
	"regexp"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/metalwright/metalwright/internal/diag"
)

// hugeNumber matches numbers whose decimal form would not fit in memory: an exponent of four digits or more.
var hugeNumber = regexp.MustCompile(`(?i)[0-9.]e[+-]?0*[1-9][0-9]{3,}`)

// hugeText is the same for a text that would be converted as a whole: a digest such as "be9e0791639" is none.
var hugeText = regexp.MustCompile(`(?i)^[+-]?[0-9.]*e[+-]?0*[1-9][0-9]{3,}$`)

// maxDigits bounds the digits of a number.
const maxDigits = 512

// guard refuses text that would make the HCL parser or evaluator recurse or allocate without bound. It reads tokens
// only. A
// stack overflow cannot be recovered from in Go, so this stands before the parser.
func guard(name string, src []byte) diag.List {
	if len(src) > maxFileBytes {
		return diag.List{errorAt(hcl.Range{Filename: name, Start: hcl.InitialPos, End: hcl.InitialPos},
			"File too large",
			"The file has %d bytes; %d are allowed.", len(src), maxFileBytes)}
	}
	if bytes.HasPrefix(src, []byte("\xef\xbb\xbf")) {
		return diag.List{errorAt(hcl.Range{Filename: name, Start: hcl.InitialPos, End: hcl.InitialPos},
			"Byte order mark",
			"The file starts with a UTF-8 byte order mark. Save it as UTF-8 without one.")}
	}
	tokens, _ := hclsyntax.LexConfig(src, name, hcl.InitialPos) // the parser reports what is wrong with tokens
	type level struct {
		count     int
		separates bool // newlines end an expression here
	}
	stack := []level{{separates: true}}
	for i, t := range tokens {
		top := &stack[len(stack)-1]
		switch t.Type {
		case hclsyntax.TokenOBrace:
			isFor := i+1 < len(tokens) && tokens[i+1].Type == hclsyntax.TokenIdent && string(tokens[i+1].Bytes) == "for"
			top.count++
			stack = append(stack, level{separates: !isFor})
		case hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp,
			hclsyntax.TokenTemplateControl,
			hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			top.count++
			stack = append(stack, level{})
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd,
			hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			if len(stack) > 1 {
				stack = stack[:len(stack)-1]
			}
		case hclsyntax.TokenComma:
			top.count = 0
		case hclsyntax.TokenNewline, hclsyntax.TokenComment:
			if top.separates && bytes.HasSuffix(t.Bytes, []byte("\n")) {
				top.count = 0
			}
		case hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit, hclsyntax.TokenNumberLit:
			huge := hugeText
			if t.Type == hclsyntax.TokenNumberLit {
				huge = hugeNumber
			}
			if huge.Match(t.Bytes) || t.Type == hclsyntax.TokenNumberLit && len(t.Bytes) > maxDigits {
				return diag.List{errorAt(t.Range, "Number too large", "Numbers have at most three digits in their "+
					"exponent and %d in all.",
					maxDigits)}
			}
		default:
			top.count++
		}
		if len(stack) > maxNesting {
			return diag.List{errorAt(t.Range, "Nested too deeply", "Brackets, templates and blocks may be nested %d "+
				"deep.", maxNesting)}
		}
		if stack[len(stack)-1].count > maxSegment {
			return diag.List{errorAt(t.Range, "Expression too long", "One expression may have %d tokens. Use locals.",
				maxSegment)}
		}
	}
	return nil
}

// budget bounds the iterations of all for expressions of one Resolve.
type budget struct{ left int }

// errBudget is the panic by which a for expression stops at once; scope.value recovers it.
type errBudget struct{}

var budgetType = cty.Capsule("budget", reflect.TypeFor[budget]())

const budgetVar = "\x00budget" // no identifier, so no expression can name it

// counted is an expression that takes one from the budget each time it is evaluated.
type counted struct{ *hclsyntax.ParenthesesExpr }

// Value implements hclsyntax.Expression.
func (c counted) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	for x := ctx; x != nil; x = x.Parent() {
		if v, ok := x.Variables[budgetVar]; ok {
			b := v.EncapsulatedValue().(*budget)
			b.left--
			if b.left < 0 {
				panic(errBudget{})
			}
			break
		}
	}
	return c.Expression.Value(ctx)
}

// countIterations wraps what each for expression evaluates per element, so that nested ones cannot run for ever. The
// wrapper
// is a parenthesis to everything that walks the tree.
func countIterations(body *hclsyntax.Body) {
	hclsyntax.VisitAll(body, func(n hclsyntax.Node) hcl.Diagnostics {
		if f, ok := n.(*hclsyntax.ForExpr); ok {
			if f.CondExpr != nil {
				f.CondExpr = wrap(f.CondExpr)
			}
			f.ValExpr = wrap(f.ValExpr)
		}
		return nil
	})
}

func wrap(e hclsyntax.Expression) hclsyntax.Expression {
	return counted{&hclsyntax.ParenthesesExpr{Expression: e, SrcRange: e.Range()}}
}

var errTooLarge = errors.New("value too large")

// tooLarge tells whether a value has too many elements or too long a string or number. It stops at the limit.
func tooLarge(v cty.Value) bool {
	elements, size := 0, 0
	v, _ = v.UnmarkDeep()
	err := cty.Walk(v, func(_ cty.Path, x cty.Value) (bool, error) {
		elements++
		if x.Type() == cty.String && x.IsKnown() && !x.IsNull() {
			size += len(x.AsString())
		}
		if elements > maxValueElements || size > maxStringBytes {
			return false, errTooLarge
		}
		return true, nil
	})
	return err != nil
}
