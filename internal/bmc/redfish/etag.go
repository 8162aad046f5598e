package redfish

import (
	"net/http"
	"strings"
	"sync"
)

// tagOf gives the tag of a resource: of the header, else of the body. An empty one is none (R5).
func tagOf(h http.Header, o Object) string {
	if t := strings.TrimSpace(h.Get("ETag")); t != "" && t != `""` {
		return t
	}
	if t := strings.TrimSpace(o.Str("@odata.etag")); t != `""` {
		return t
	}
	return ""
}

// etagState remembers how this BMC wants If-Match.
type etagState struct {
	mu       sync.Mutex
	required bool // it answered 428 once (R2)
	form     int  // the form that worked last
}
