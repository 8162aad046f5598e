// Package gofishx reads typed resources with gofish over the raw Redfish core, so that session, trust, limits and
// retries are those of the core. It only reads: what changes a device goes through internal/bmc/redfish. What is read
// here, and why so little, is in docs/adr/0010-gofish-and-bmclib.md.
package gofishx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/stmcginnis/gofish/common"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// source is what is needed of the raw core; *redfish.Client satisfies it.
type source interface {
	Members(ctx context.Context, collection string) ([]*redfish.Resource, []redfish.Problem, error)
}

// client is gofish's client interface over resources that the raw core has read: gofish sends no request of its own.
type client map[string]*redfish.Resource // by redfish.Key

var _ common.Client = client{}

// Get answers one of the resources.
func (c client) Get(uri string) (*http.Response, error) {
	r := c[redfish.Key(uri)]
	if r == nil {
		return nil, step.Fail(step.Internal, fmt.Errorf("gofish asked for %s, which was not read for it", uri), "This is a bug in Metalwright.")
	}
	return answer(r.JSON()), nil
}

func answer(body []byte) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body))}
}

// GetWithHeaders is Get: what a header could ask for is the core's decision.
func (c client) GetWithHeaders(uri string, _ map[string]string) (*http.Response, error) {
	return c.Get(uri)
}

// errReadOnly is what every write answers. gofish drops the answer of a PATCH, sends If-Match on actions and holds
// images in memory (H16, R3, H20), so no write may come through here.
var errReadOnly = step.Fail(step.Internal, errors.New("gofishx only reads"), "This is a bug in Metalwright.")

func (c client) Post(string, any) (*http.Response, error) { return nil, errReadOnly }
func (c client) PostWithHeaders(string, any, map[string]string) (*http.Response, error) {
	return nil, errReadOnly
}
func (c client) PostMultipart(string, map[string]io.Reader) (*http.Response, error) {
	return nil, errReadOnly
}
func (c client) PostMultipartWithHeaders(string, map[string]io.Reader, map[string]string) (*http.Response, error) {
	return nil, errReadOnly
}
func (c client) Patch(string, any) (*http.Response, error) { return nil, errReadOnly }
func (c client) PatchWithHeaders(string, any, map[string]string) (*http.Response, error) {
	return nil, errReadOnly
}
func (c client) Put(string, any) (*http.Response, error) { return nil, errReadOnly }
func (c client) PutWithHeaders(string, any, map[string]string) (*http.Response, error) {
	return nil, errReadOnly
}
func (c client) Delete(string) (*http.Response, error) { return nil, errReadOnly }
func (c client) DeleteWithHeaders(string, map[string]string) (*http.Response, error) {
	return nil, errReadOnly
}
