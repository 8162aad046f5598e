package redfish

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Speculate gives a context under which expanded answers are used before the plain reads that they are held against (R40)
// have come: a survey would wait for these at each of its stages. settled waits for them and tells whether nothing was
// dropped. When it tells false, $expand is off from then on, and everything read under the context has to be read again.
// settled must be called, once.
func (c *Client) Speculate(ctx context.Context) (speculative context.Context, settled func() bool) {
	s := &speculation{}
	return context.WithValue(ctx, speculationKey{}, s), func() bool {
		s.wait.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		return !s.dropped
	}
}

type speculationKey struct{}

type speculation struct {
	wait    sync.WaitGroup
	mu      sync.Mutex
	dropped bool
}

// later holds an expanded resource against its plain form in the background, when ctx is speculative; else it tells false.
// Only its property names are kept: the resource itself may be changed by whoever reads it.
func (c *Client) later(ctx context.Context, uri string, expanded Object) bool {
	s, _ := ctx.Value(speculationKey{}).(*speculation)
	if s == nil {
		return false
	}
	names := slices.Collect(maps.Keys(expanded))
	s.wait.Go(func() {
		plain, err := c.Get(ctx, uri)
		if err != nil { // what cannot be held against a plain read is not believed
			s.reject(c)
			return
		}
		for k, v := range plain.Obj {
			if v != nil && !strings.HasPrefix(k, "@") && !slices.Contains(names, k) {
				s.reject(c)
				return
			}
		}
	})
	return true
}

func (s *speculation) reject(c *Client) {
	c.expand.forbid()
	s.mu.Lock()
	s.dropped = true
	s.mu.Unlock()
}
