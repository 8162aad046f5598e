package bmc

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// R47: a clock of years ago is set before an image is pushed, and the journal knows. One that cannot be set stops the push; one
// that is right, or is not told, costs nothing.
func TestClockIsSetFirst(t *testing.T) {
	for name, c := range map[string]struct {
		clock   func() string
		patch   func(f *fake) func(obj) (*redfish.Response, error)
		patched bool
		class   step.Class
	}{
		"wrong": {func() string { return "2020-12-01T00:00:00Z" }, func(f *fake) func(obj) (*redfish.Response, error) {
			return func(b obj) (*redfish.Response, error) {
				f.set(bmcPath, b["DateTime"], "DateTime")
				return &redfish.Response{Status: http.StatusNoContent}, nil
			}
		}, true, step.NoFailure},
		"wrong, with a zone of its own": {func() string { return time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04:05-0700") },
			func(f *fake) func(obj) (*redfish.Response, error) {
				return func(b obj) (*redfish.Response, error) {
					f.set(bmcPath, b["DateTime"], "DateTime")
					return &redfish.Response{Status: http.StatusNoContent}, nil
				}
			}, true, step.NoFailure},
		"wrong, and the write does nothing": {func() string { return "2020-12-01T00:00:00Z" }, func(*fake) func(obj) (*redfish.Response, error) {
			return func(obj) (*redfish.Response, error) { return &redfish.Response{Status: http.StatusNoContent}, nil }
		}, true, step.Rejected},
		"wrong, and it cannot be set": {func() string { return "2020-12-01T00:00:00Z" }, func(*fake) func(obj) (*redfish.Response, error) {
			return func(obj) (*redfish.Response, error) {
				return nil, &redfish.Error{Kind: redfish.Answered, Method: "PATCH", URI: bmcPath, Status: 400, Message: "read-only"}
			}
		}, true, step.Rejected},
		"four minutes off": {func() string { return time.Now().Add(4 * time.Minute).Format(time.RFC3339) }, nil, false, step.NoFailure},
		"not told":         {func() string { return "" }, nil, false, step.NoFailure},
		"no time at all":   {func() string { return "0000-00-00T00:00:00Z" }, nil, false, step.NoFailure},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("Supermicro")
				row(f, "1.0")
				f.set(bmcPath, c.clock(), "DateTime")
				if c.patch != nil {
					f.on["PATCH "+bmcPath] = c.patch(f)
				}
				f.on["PUSH "+updPath+"/upload"] = func(obj) (*redfish.Response, error) { return accept(tasks + "/6") }
				var j journal
				err := f.driver(withImage(picture)).Act(t.Context(), firmwareStep(), j.record)
				if step.ClassOf(err) != c.class {
					t.Fatalf("got %v", err)
				}
				patches, pushes := f.said("PATCH "+bmcPath+" "), f.said("PUSH")
				if (len(patches) == 1) != c.patched || (len(pushes) == 1) != (c.class == step.NoFailure) {
					t.Errorf("said %q and %q", patches, pushes)
				}
				if last := j.last(); (last.Baseline["clock_was"] != nil) != c.patched {
					t.Errorf("the journal holds %+v", last)
				}
			})
		})
	}
}
