// Package gofishx reads typed resources with gofish over the raw Redfish core, so that session, trust, limits and retries are
// those of the core. It only reads: what changes a device goes through internal/bmc/redfish.
package gofishx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/stmcginnis/gofish/common"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// source is what is needed of the raw core; *redfish.Client satisfies it.
type source interface {
	Root(context.Context) (*redfish.Resource, error)
	Get(ctx context.Context, uri string) (*redfish.Resource, error)
	Members(ctx context.Context, collection string) ([]*redfish.Resource, []redfish.Problem, error)
}

// client is gofish's client interface over the raw core, for one read: gofish knows no context, so it keeps one. A collection
// is read with its members, pages included, and gofish's requests for the members are answered from that.
type client struct {
	ctx context.Context
	src source

	mu       sync.Mutex
	held     map[string]*redfish.Resource // members read with their collection, until gofish asks for them
	problems []redfish.Problem
}

var _ common.Client = (*client)(nil)

func newClient(ctx context.Context, src source) *client {
	return &client{ctx: ctx, src: src, held: map[string]*redfish.Resource{}}
}

// Get answers a resource, or a collection whose members are at hand.
func (c *client) Get(uri string) (*http.Response, error) {
	k := redfish.Key(uri)
	c.mu.Lock()
	r := c.held[k]
	delete(c.held, k)
	c.mu.Unlock()
	if r == nil {
		var err error
		if r, err = c.src.Get(c.ctx, uri); err != nil {
			return nil, err
		}
	}
	if _, ok := r.Obj["Members"]; ok {
		return c.collection(uri)
	}
	return answer(r.JSON(), r.ETag), nil
}

func (c *client) collection(uri string) (*http.Response, error) {
	members, problems, err := c.src.Members(c.ctx, uri)
	if err != nil {
		return nil, err
	}
	type link struct {
		ID string `json:"@odata.id"`
	}
	out := struct {
		ID      string `json:"@odata.id"`
		Count   int    `json:"Members@odata.count"`
		Members []link
	}{ID: uri, Count: len(members), Members: []link{}}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problems = append(c.problems, problems...)
	for _, m := range members {
		c.held[redfish.Key(m.URI)] = m
		out.Members = append(out.Members, link{m.URI})
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("list members of %s: %w", uri, err)
	}
	return answer(b, ""), nil
}

func answer(body []byte, etag string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	if etag != "" {
		h.Set("ETag", etag)
	}
	return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body))}
}

// GetWithHeaders is Get: what a header could ask for is the core's decision.
func (c *client) GetWithHeaders(uri string, _ map[string]string) (*http.Response, error) {
	return c.Get(uri)
}

// errReadOnly is what every write answers. gofish drops the answer of a PATCH, sends If-Match on actions and holds images in
// memory (H16, R3, H20), so no write may come through here.
var errReadOnly = step.Fail(step.Internal, errors.New("gofishx only reads"), "This is a bug in Metalwright.")

func (c *client) Post(string, any) (*http.Response, error) { return nil, errReadOnly }
func (c *client) PostWithHeaders(string, any, map[string]string) (*http.Response, error) {
	return nil, errReadOnly
}
func (c *client) PostMultipart(string, map[string]io.Reader) (*http.Response, error) {
	return nil, errReadOnly
}
func (c *client) PostMultipartWithHeaders(string, map[string]io.Reader, map[string]string) (*http.Response, error) {
	return nil, errReadOnly
}
func (c *client) Patch(string, any) (*http.Response, error) { return nil, errReadOnly }
func (c *client) PatchWithHeaders(string, any, map[string]string) (*http.Response, error) {
	return nil, errReadOnly
}
func (c *client) Put(string, any) (*http.Response, error) { return nil, errReadOnly }
func (c *client) PutWithHeaders(string, any, map[string]string) (*http.Response, error) {
	return nil, errReadOnly
}
func (c *client) Delete(string) (*http.Response, error) { return nil, errReadOnly }
func (c *client) DeleteWithHeaders(string, map[string]string) (*http.Response, error) {
	return nil, errReadOnly
}

// undecoded turns gofish's list of failures into problems. What gofish cannot decode is read raw by the caller, if it matters.
func undecoded(err error, at string) []redfish.Problem {
	var list *common.CollectionError
	if !errors.As(err, &list) {
		return []redfish.Problem{{URI: at, Err: err}}
	}
	var out []redfish.Problem
	for uri, e := range list.Failures {
		out = append(out, redfish.Problem{URI: uri, Err: e})
	}
	return out
}
