package blueprint

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/metalwright/metalwright/internal/diag"
)

// Format gives the canonical form of one HCL file; comments stay, and formatting the result changes nothing. Text that
// does not
// parse comes back as it is, with the reasons.
func Format(name string, src []byte) ([]byte, diag.List) {
	if diags := guard(name, src); diags.HasErrors() {
		return src, diags
	}
	if _, hd := hclsyntax.ParseConfig(src, name, hcl.InitialPos); hd.HasErrors() {
		return src, diag.FromHCL(hd)
	}
	out := bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	// One pass of the formatter can leave work for the next, when it joins what stood apart. It settles after two in
	// practice.
	for range maxFormatPasses {
		next := hclwrite.Format(out)
		if bytes.Equal(next, out) {
			break
		}
		out = next
	}
	if _, hd := hclsyntax.ParseConfig(out, name, hcl.InitialPos); hd.HasErrors() {
		return src, diag.List{{Severity: diag.Error, Summary: bugSummary,
			Detail: "The formatted text would not parse; the file is left as it is. This is a bug in Metalwright."}}
	}
	return out, nil
}

const maxFormatPasses = 8
