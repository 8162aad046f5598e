package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/function"
)

// fn is a provider function: pure, and asked of a provider that is not configured.
type fn struct {
	name, summary, doc string
	params             []function.Parameter
	rest               function.Parameter // nil = none
	returns            function.Return
	run                func(ctx context.Context, args function.ArgumentsData) (any, *function.FuncError)
}

var _ function.Function = (*fn)(nil)

func (f *fn) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = f.name
}

func (f *fn) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{Summary: f.summary, MarkdownDescription: f.doc, Parameters: f.params, VariadicParameter: f.rest, Return: f.returns}
}

func (f *fn) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	v, err := f.run(ctx, req.Arguments)
	if err == nil {
		err = resp.Result.Set(ctx, v)
	}
	resp.Error = function.ConcatFuncErrors(resp.Error, err)
}

// Functions implements provider.ProviderWithFunctions.
func (p *metalwright) Functions(context.Context) []func() function.Function {
	var out []func() function.Function
	for _, f := range append(firmwareFunctions(), placeFunctions()...) {
		out = append(out, func() function.Function { return f })
	}
	return out
}

// wrong is a mistake in an argument.
func wrong(arg int64, err error) *function.FuncError {
	return function.NewArgumentFuncError(arg, sentence(err.Error()))
}
