package plan

import (
	"strings"
	"testing"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

func TestRotatePlan(t *testing.T) {
	slots := func(names ...string) []rack.Account {
		var out []rack.Account
		for i, n := range names {
			out = append(out, rack.Account{Path: "/Accounts/" + string(rune('1'+i)), Username: n, Enabled: n != ""})
		}
		return out
	}
	for _, c := range []struct {
		name    string
		length  int
		a       rack.AccountService
		want    int
		refused string
	}{
		{name: "usual", a: rack.AccountService{MinLength: 8}, want: 20},
		{name: "short BMC", a: rack.AccountService{MinLength: 8, MaxLength: 16}, want: 16},
		{name: "long BMC", a: rack.AccountService{MinLength: 24, MaxLength: 40}, want: 24},
		{name: "asked", length: 30, a: rack.AccountService{MaxLength: 32}, want: 30},
		{name: "too long", length: 30, a: rack.AccountService{MaxLength: 20}, refused: "MaxPasswordLength"},
		{name: "too short", length: 9, a: rack.AccountService{MinLength: 10}, refused: "MinPasswordLength"},
		{name: "free slot", a: rack.AccountService{Accounts: slots("", "root", "")}, want: 20},
		{name: "only the first slot", a: rack.AccountService{Accounts: slots("", "root", "a")}, refused: "none of its 3 slots is free"},
		{name: "there already", a: rack.AccountService{Accounts: slots("", "root", "mw")}, want: 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := rack.Node{BMC: rack.BMCSpec{Username: "mw", Account: &rack.AccountSpec{FactoryUsername: "root", FactoryAccount: "delete", Length: c.length}}}
			steps, why := rotate(n, rack.Device{Accounts: &c.a})
			if c.refused != "" {
				if len(steps) != 0 || !strings.Contains(why, c.refused) {
					t.Errorf("%d steps, %q", len(steps), why)
				}
				return
			}
			if why != "" || len(steps) != 1 || steps[0].Args.Length != c.want || steps[0].Activation != step.None || steps[0].Args.Targets[0] != "root" {
				t.Errorf("%+v, %q", steps, why)
			}
		})
	}
	if _, why := rotate(rack.Node{}, rack.Device{}); why == "" {
		t.Error("a node without account was planned")
	}
}
