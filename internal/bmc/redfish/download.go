package redfish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

const (
	downloadBase = 2 * time.Minute // a BMC may pack the archive only when it is asked for
	downloadRate = 64 << 10        // bytes a second, the slowest that is waited for
)

// Download writes what stands at a link of this BMC to w, as it is: an archive, not a resource. It is not tried again,
// because w holds what came; more than limit bytes are an error. It gives how much was written.
func (c *Client) Download(ctx context.Context, link string, w io.Writer, limit int64) (int64, error) {
	uri, err := c.resolve(rootURI, link)
	if err != nil {
		return 0, err
	}
	if err := c.alive(ctx); err != nil { // so that a session that ran out is not found half-way
		return 0, err
	}
	cred, err := c.credential(ctx)
	if err != nil {
		return 0, err
	}
	if err := c.limit.acquire(ctx); err != nil {
		return 0, err
	}
	defer c.limit.release()
	tctx, cancel := context.WithTimeout(ctx, downloadBase+time.Duration(limit/downloadRate)*time.Second)
	defer cancel()
	q := call{method: http.MethodGet, uri: uri, fresh: true, header: http.Header{"Accept": {"*/*"}}}
	req, err := c.newRequest(tctx, q, cred)
	if err != nil {
		return 0, &Error{Kind: ForeignLink, Method: q.method, URI: uri, Err: err}
	}
	c.stats.requests.Add(1)
	resp, err := c.wire.fresh.RoundTrip(req)
	if err != nil {
		return 0, c.classify(ctx, tctx, q, answer{}, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		a, err := readAnswer(resp)
		if err != nil {
			return 0, c.classify(ctx, tctx, q, a, err)
		}
		return 0, c.statusError(q.method, uri, a)
	}
	n, err := io.Copy(w, io.LimitReader(resp.Body, limit))
	if err != nil {
		if ctx.Err() != nil {
			return n, ctx.Err()
		}
		return n, step.Fail(step.Transient, fmt.Errorf("GET %s: after %d bytes: %w", uri, n, err), "")
	}
	if more, _ := resp.Body.Read(make([]byte, 1)); more > 0 {
		return n, step.Fail(step.Rejected, fmt.Errorf("GET %s: more than %d bytes", uri, limit), "")
	}
	if want := resp.ContentLength; want >= 0 && n != want {
		return n, step.Fail(step.Transient, errors.New("the archive was cut off"), "")
	}
	return n, nil
}
