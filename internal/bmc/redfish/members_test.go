package redfish

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

const fans = "/redfish/v1/Fans"

func member(i int) string {
	return fmt.Sprintf(`{"@odata.id":"%s/%d","@odata.type":"#Fan.v1_0_0.Fan","Id":"%d","Name":"fan","Reading":%d}`, fans, i, i, i*100)
}

func ref(i int) string { return fmt.Sprintf(`{"@odata.id":"%s/%d"}`, fans, i) }

func collection(count int, next string, members ...string) string {
	s := fmt.Sprintf(`{"@odata.id":%q,"Members@odata.count":%d,"Members":[%s]`, fans, count, strings.Join(members, ","))
	if next != "" {
		s += fmt.Sprintf(`,"Members@odata.nextLink":%q`, next)
	}
	return s + "}"
}

func refs(ids ...int) []string {
	var out []string
	for _, i := range ids {
		out = append(out, ref(i))
	}
	return out
}

func whole8() []string {
	var out []string
	for i := 1; i <= 8; i++ {
		out = append(out, member(i))
	}
	return out
}

const expandQ = "$expand=.($levels=1)"

// What a collection may look like, and that each member is read once, in order, whatever $expand does (R40, R41, R108).
func TestMembers(t *testing.T) {
	plain8 := collection(8, "", refs(1, 2, 3, 4, 5, 6, 7, 8)...)
	dropped := slices.Clone(whole8())
	for i := range dropped { // the same members without Reading
		dropped[i] = strings.Replace(dropped[i], fmt.Sprintf(`,"Reading":%d`, (i+1)*100), "", 1)
	}
	for _, c := range []struct {
		name     string
		set      map[string]string
		expand   bool
		fail     int // status of the expanded read
		want     int
		requests int // beside root and session
		problems int
	}{
		{name: "plain", set: map[string]string{fans: plain8}, want: 8, requests: 9},
		{name: "null members", set: map[string]string{fans: `{"Members":null}`}, requests: 1},
		{name: "pages", set: map[string]string{fans: collection(8, fans+"?$skip=4", refs(1, 2, 3, 4)...), fans + "?$skip=4": collection(8, "", refs(5, 6, 7, 8)...)}, want: 8, requests: 10},
		{name: "pages, relative link", set: map[string]string{fans: collection(8, "?$skip=4", refs(1, 2, 3, 4)...), fans + "?$skip=4": collection(8, "", refs(5, 6, 7, 8)...)}, want: 8, requests: 10},
		{name: "pages that overlap", set: map[string]string{fans: collection(8, fans+"?$skip=4", refs(1, 2, 3, 4, 5, 6, 7, 8)...), fans + "?$skip=4": collection(8, "", refs(5, 6, 7, 8)...)}, want: 8, requests: 10},
		{name: "a loop", set: map[string]string{fans: collection(8, fans, refs(1, 2, 3, 4, 5, 6, 7, 8)...)}, want: 8, requests: 9},
		{name: "a page that is missing", set: map[string]string{fans: collection(8, fans+"/none", refs(1, 2)...)}, want: 2, requests: 4, problems: 1},
		{name: "a page elsewhere", set: map[string]string{fans: collection(8, "https://evil.test/x", refs(1, 2)...)}, want: 2, requests: 3, problems: 1},
		{name: "spelt twice", set: map[string]string{fans: collection(2, "", ref(1), `{"@odata.id":"/redfish/v1/fans/1/"}`, ref(2))}, want: 2, requests: 3},
		{name: "a member that is missing", set: map[string]string{fans: collection(3, "", refs(1, 99, 2)...)}, want: 2, requests: 4, problems: 1},
		{name: "a member elsewhere", set: map[string]string{fans: collection(2, "", ref(1), `{"@odata.id":"https://evil.test/x"}`)}, want: 1, requests: 2, problems: 1},
		{name: "junk members", set: map[string]string{fans: collection(2, "", `null`, `7`, `{"@odata.id":""}`, ref(1))}, want: 1, requests: 2, problems: 1},

		{name: "expanded", expand: true, set: map[string]string{fans + "?" + expandQ: collection(8, "", whole8()...)}, want: 8, requests: 2}, // one sample
		{name: "expanded, fields dropped", expand: true, set: map[string]string{fans + "?" + expandQ: collection(8, "", dropped...)}, want: 8, requests: 9},
		{name: "expanded, some are references", expand: true, set: map[string]string{fans + "?" + expandQ: collection(8, "", append(whole8()[:6], ref(7), ref(8))...)}, want: 8, requests: 4},
		{name: "expanded, some have errors", expand: true, set: map[string]string{fans + "?" + expandQ: collection(8, "", append(whole8()[:7],
			fmt.Sprintf(`{"@odata.id":"%s/8","@odata.type":"x","Id":"8","@Message.ExtendedInfo":[{"MessageId":"Base.1.0.InternalError"}]}`, fans))...)}, want: 8, requests: 3},
		{name: "expanded, fewer", expand: true, set: map[string]string{fans + "?" + expandQ: collection(8, "", whole8()[:5]...), fans: plain8}, want: 8, requests: 1 + 1 + 3},
		{name: "expanded, an error annotation", expand: true, set: map[string]string{fans: plain8, fans + "?" + expandQ: strings.Replace(collection(8, "", whole8()[:5]...), "{",
			`{"@Message.ExtendedInfo":[{"MessageId":"Base.1.0.QueryNotSupported","Message":"no"}],`, 1)}, want: 8, requests: 10},
		{name: "expanded, without ids", expand: true, set: map[string]string{fans: plain8, fans + "?" + expandQ: collection(8, "", `{"Id":"1","@odata.type":"x"}`)}, want: 8, requests: 10},
		{name: "expanded, pages", expand: true, set: map[string]string{fans + "?" + expandQ: collection(8, fans+"?$skip=4", whole8()[:4]...), fans + "?$skip=4": collection(8, "", refs(5, 6, 7, 8)...)}, want: 8, requests: 2 + 4 + 1},
		{name: "expand is ignored", expand: true, set: map[string]string{fans: plain8}, want: 8, requests: 9},
		{name: "expand is refused", expand: true, fail: 400, set: map[string]string{fans: plain8}, want: 8, requests: 10},
		{name: "expand is not implemented", expand: true, fail: 501, set: map[string]string{fans: plain8}, want: 8, requests: 10},
		{name: "expand breaks it", expand: true, fail: 500, set: map[string]string{fans: plain8}, want: 8, requests: 1 + 3 + 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bmc, cl *Client) {
				if c.expand {
					b.set("/redfish/v1", fmt.Sprintf(testRoot, announceExpand))
				}
				for i := 1; i <= 8; i++ {
					b.set(fmt.Sprintf("%s/%d", fans, i), member(i))
				}
				for k, v := range c.set {
					b.set(k, v)
				}
				b.setHook(func(w http.ResponseWriter, r *http.Request, _ int) bool {
					if c.fail > 0 && strings.Contains(r.URL.RawQuery, "$expand") {
						status(c.fail)(w, r)
						return true
					}
					return false
				})
				if _, err := cl.credential(t.Context()); err != nil {
					t.Fatal(err)
				}
				before := cl.Stats().Requests
				rs, problems, err := cl.Members(t.Context(), fans)
				if err != nil {
					t.Fatal(err)
				}
				n := 0
				for i, r := range rs {
					if v, _ := r.Obj.Int("Reading"); v == int64(100*(i+1)) && strings.EqualFold(strings.TrimRight(r.URI, "/"), fmt.Sprintf("%s/%d", fans, i+1)) {
						n++
					}
				}
				if n != c.want || len(rs) != c.want || len(problems) != c.problems {
					t.Errorf("%d of %d members are right, %d wanted; problems %v\n%s", n, len(rs), c.want, problems, strings.Join(b.log, "\n"))
				}
				if got := cl.Stats().Requests - before; got != c.requests {
					t.Errorf("%d requests, want %d:\n%s", got, c.requests, strings.Join(b.log, "\n"))
				}
			})
		})
	}
}

// A collection that cannot be read is an error, not an empty list.
func TestMembersError(t *testing.T) {
	for _, expand := range []bool{false, true} {
		bubble(t, func(t *testing.T, b *bmc, c *Client) {
			if expand {
				b.set("/redfish/v1", fmt.Sprintf(testRoot, announceExpand))
			}
			if rs, _, err := c.Members(t.Context(), fans); !IsNotFound(err) || rs != nil {
				t.Errorf("missing: %v, %v", rs, err)
			}
			b.setHook(answers(http.MethodGet, fans, times(99, status(503))...))
			if rs, _, err := c.Members(t.Context(), fans); !IsTransient(err) || rs != nil {
				t.Errorf("busy: %v, %v", rs, err)
			}
		})
	}
}

// When expanding takes longer than reading singly would, it is given up.
func TestSlowExpandIsGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T, b *bmc, c *Client) {
		b.set("/redfish/v1", fmt.Sprintf(testRoot, announceExpand))
		for i := 1; i <= 8; i++ {
			b.set(fmt.Sprintf("%s/%d", fans, i), member(i))
		}
		b.set(fans, collection(8, "", refs(1, 2, 3, 4, 5, 6, 7, 8)...))
		b.set(fans+"?"+expandQ, collection(8, "", whole8()...))
		b.setHook(func(_ http.ResponseWriter, r *http.Request, _ int) bool {
			d := 50 * time.Millisecond
			if strings.Contains(r.URL.RawQuery, "$expand") {
				d = 20 * time.Second
			}
			time.Sleep(d)
			return false
		})
		for range 5 {
			if rs, _, err := c.Members(t.Context(), fans); err != nil || len(rs) != 8 {
				t.Fatal(len(rs), err)
			}
		}
		expanded := 0
		for _, l := range b.log {
			if strings.Contains(l, "expand") {
				expanded++
			}
		}
		if expanded != 2 {
			t.Errorf("expanded %d times", expanded)
		}
	})
}

// One resource that hangs does not hold up the others, and the order stays.
func TestGetAll(t *testing.T) {
	bubble(t, func(t *testing.T, b *bmc, c *Client) {
		for i := 1; i <= 8; i++ {
			b.set(fmt.Sprintf("%s/%d", fans, i), member(i))
		}
		b.setHook(func(_ http.ResponseWriter, r *http.Request, _ int) bool {
			if r.URL.Path == fans+"/3" {
				<-r.Context().Done()
			}
			return false
		})
		uris := []string{fans + "/1", fans + "/3", fans + "/none", fans + "/8"}
		rs, problems := c.GetAll(t.Context(), uris)
		if rs[0] == nil || rs[1] != nil || rs[2] != nil || rs[3] == nil || len(problems) != 2 || problems[0].URI != uris[1] || !IsUnreachable(problems[0].Err) || !IsNotFound(problems[1].Err) {
			t.Errorf("%v, %v", rs, problems)
		}
		if rs, problems := c.GetAll(t.Context(), nil); len(rs) != 0 || len(problems) != 0 {
			t.Error("nothing gives something")
		}
	})
}

// When the BMC as a whole is out of reach, the rest is not tried.
func TestGetAllStops(t *testing.T) {
	b := newBMC(t)
	c := b.client()
	if _, err := c.credential(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.srv.Close()
	c.wire.pool.CloseIdleConnections()
	_, problems := c.GetAll(t.Context(), make([]string, 1))
	if len(problems) != 1 {
		t.Error(problems)
	}
	_, problems = c.GetAll(t.Context(), slices.Repeat([]string{thing}, 500))
	if n := c.Stats().Requests; len(problems) != 500 || n > 30 {
		t.Errorf("%d problems, %d requests", len(problems), n)
	}
	c.cred.Store(nil)
}
