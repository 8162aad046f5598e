package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/metalwright/metalwright/internal/residency"
)

var locationType = map[string]attr.Type{"country": types.StringType, "site": types.StringType, "rack": types.StringType, "position_u": types.Int64Type}

func placeFunctions() []*fn {
	one := func(name, what string) function.StringParameter {
		return function.StringParameter{Name: name, MarkdownDescription: what}
	}
	return []*fn{
		{name: "parse_location", summary: "Take a location apart", doc: "`\"AU/bne1/a01/u12\"` as country, site, rack and lowest unit.",
			params: []function.Parameter{one("location", "COUNTRY/SITE/RACK/uN.")}, returns: function.ObjectReturn{AttributeTypes: locationType},
			run: func(ctx context.Context, args function.ArgumentsData) (any, *function.FuncError) {
				var s string
				if err := args.Get(ctx, &s); err != nil {
					return nil, err
				}
				l, err := parseLocation(s)
				if err != nil {
					return nil, wrong(0, err)
				}
				return l, nil
			}},
		{name: "in_jurisdiction", summary: "Whether an endpoint is on a site's closed list",
			doc:     "Whether the host of a URL, or an address, is that of one of the endpoints or lies in one of the networks (in CIDR form) of the list. No name server is asked.",
			params:  []function.Parameter{one("endpoint", "A URL, `host:port`, host or address."), function.ListParameter{Name: "closed_list", ElementType: types.StringType, MarkdownDescription: "Endpoints and networks of the site."}},
			returns: function.BoolReturn{},
			run: func(ctx context.Context, args function.ArgumentsData) (any, *function.FuncError) {
				var e string
				var list []string
				if err := args.Get(ctx, &e, &list); err != nil {
					return nil, err
				}
				return onList(e, list), nil
			}},
		{name: "mac_normalize", summary: "A MAC address as the state holds it", doc: "Six bytes in lower case, divided by colons, from any usual form.",
			params: []function.Parameter{one("mac", "A MAC address.")}, returns: function.StringReturn{},
			run: func(ctx context.Context, args function.ArgumentsData) (any, *function.FuncError) {
				var s string
				if err := args.Get(ctx, &s); err != nil {
					return nil, err
				}
				m, err := normalMAC(s)
				if err != nil {
					return nil, wrong(0, err)
				}
				return m, nil
			}},
		{name: "slurm_nodes", summary: "Host names as Slurm writes them", doc: "A list of host names as one hostlist: `a01-n[1-4],a01-n7`. Leading zeros count.",
			params: []function.Parameter{function.ListParameter{Name: "hosts", ElementType: types.StringType, MarkdownDescription: "Host names."}}, returns: function.StringReturn{},
			run: func(ctx context.Context, args function.ArgumentsData) (any, *function.FuncError) {
				var hosts []string
				if err := args.Get(ctx, &hosts); err != nil {
					return nil, err
				}
				return slurmNodes(hosts), nil
			}},
		{name: "redact", summary: "JSON without what could be a secret", doc: "The JSON text with the value of every member whose name speaks of a password, token, key or secret replaced by `(redacted)`.",
			params: []function.Parameter{one("json", "A JSON text.")}, returns: function.StringReturn{},
			run: func(ctx context.Context, args function.ArgumentsData) (any, *function.FuncError) {
				var s string
				if err := args.Get(ctx, &s); err != nil {
					return nil, err
				}
				out, err := redacted(s)
				if err != nil {
					return nil, wrong(0, err)
				}
				return out, nil
			}},
	}
}

type location struct {
	Country string `tfsdk:"country"`
	Site    string `tfsdk:"site"`
	Rack    string `tfsdk:"rack"`
	U       int64  `tfsdk:"position_u"`
}

func parseLocation(s string) (location, error) {
	parts := strings.Split(s, "/")
	if len(parts) != 4 || slices.Contains(parts, "") {
		return location{}, fmt.Errorf("%q is not COUNTRY/SITE/RACK/uN", s)
	}
	if !residency.ValidCountry(parts[0]) {
		return location{}, fmt.Errorf("%q is not an ISO 3166-1 alpha-2 country code", parts[0])
	}
	u, ok := strings.CutPrefix(strings.ToLower(parts[3]), "u")
	n, err := strconv.Atoi(u)
	if !ok || err != nil || n < 1 {
		return location{}, fmt.Errorf("%q is not a rack unit: uN with N from 1", parts[3])
	}
	return location{parts[0], parts[1], parts[2], int64(n)}, nil
}

// onList tells whether an endpoint is on a closed list of endpoints and networks.
func onList(endpoint string, list []string) bool {
	host := residency.Host(endpoint)
	ip, notIP := netip.ParseAddr(host)
	return host != "" && slices.ContainsFunc(list, func(e string) bool {
		if p, err := netip.ParsePrefix(e); err == nil {
			return notIP == nil && p.Contains(ip)
		}
		return residency.Host(e) == host
	})
}

var macDigits = regexp.MustCompile(`^[0-9a-fA-F]{12}$`)

func normalMAC(s string) (string, error) {
	if bare := strings.NewReplacer(":", "", "-", "", ".", "").Replace(s); macDigits.MatchString(bare) {
		var b net.HardwareAddr
		for i := 0; i < 12; i += 2 {
			n, err := strconv.ParseUint(bare[i:i+2], 16, 8)
			if err != nil {
				return "", err
			}
			b = append(b, byte(n))
		}
		return b.String(), nil
	}
	return "", fmt.Errorf("%q is not a MAC address of six bytes", s)
}

var trailingNumber = regexp.MustCompile(`^(.*?)([0-9]+)$`)

// slurmNodes folds host names that differ in their last number only, as scontrol show hostlist does.
func slurmNodes(hosts []string) string {
	type key struct {
		prefix string
		width  int // of the number, when it has leading zeros
	}
	groups, alone := map[key][]int{}, []string{}
	var order []key
	for _, h := range hosts {
		m := trailingNumber.FindStringSubmatch(h)
		n := 0
		var err error
		if m != nil {
			n, err = strconv.Atoi(m[2])
		}
		if m == nil || err != nil {
			alone = append(alone, h)
			continue
		}
		k := key{m[1], len(m[2])}
		if m[2][0] != '0' && !slices.ContainsFunc(hosts, func(o string) bool { // n9 and n10 are of one group unless zeros lead
			x := trailingNumber.FindStringSubmatch(o)
			return x != nil && x[1] == m[1] && len(x[2]) == len(m[2]) && x[2][0] == '0'
		}) {
			k.width = 0
		}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], n)
	}
	var out []string
	for _, k := range order {
		out = append(out, folded(k.prefix, k.width, groups[k]))
	}
	slices.Sort(alone)
	return strings.Join(append(out, slices.Compact(alone)...), ",")
}

func folded(prefix string, width int, numbers []int) string {
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	word := func(n int) string { return fmt.Sprintf("%0*d", width, n) }
	var parts []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, word(numbers[i]))
		} else {
			parts = append(parts, word(numbers[i])+"-"+word(numbers[j]))
		}
		i = j + 1
	}
	if len(numbers) == 1 {
		return prefix + parts[0]
	}
	return prefix + "[" + strings.Join(parts, ",") + "]"
}

var secretName = regexp.MustCompile(`(?i)pass|secret|token|credential|private|apikey|api_key|community|(^|[_-])key$`)

// redacted takes the values of members with telling names out of a JSON text.
func redacted(text string) (string, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return "", errors.New("it is not a JSON text")
	}
	out, err := json.Marshal(withoutSecrets(v))
	return string(out), err
}

func withoutSecrets(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			if secretName.MatchString(k) && e != nil {
				x[k] = "(redacted)"
			} else {
				x[k] = withoutSecrets(e)
			}
		}
	case []any:
		for i, e := range x {
			x[i] = withoutSecrets(e)
		}
	}
	return v
}
