package redfish

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

const (
	pushBase = 5 * time.Minute  // a BMC may verify the whole image before it answers
	pushRate = 256 << 10        // bytes a second, the slowest that is waited for
	pushGap  = 30 * time.Second // R49: two pushes close together exhaust the BMC's memory
)

// Image is a firmware file. It is read while it is sent, never held in memory, and may be read again.
type Image struct {
	io.ReaderAt
	SizeBytes int64
	Digest    rack.Digest // "sha256:…"; required
	Name      string      // file name shown to the BMC
}

// Push sends an image as multipart (DSP0266 12.2): UpdateParameters, then UpdateFile, with a Content-Length. The digest is
// checked in the same pass, before the last byte leaves: a wrong image never arrives whole. A push is never repeated: when
// the BMC may have got it, the error IsSentUnknown, and a new task must be looked for first. One push at a time.
func (c *Client) Push(ctx context.Context, uri string, img Image, params any) (*Response, error) {
	p, err := withoutNulls(params)
	if err != nil {
		return nil, fmt.Errorf("push %s: update parameters: %w", img.Name, err)
	}
	var head bytes.Buffer
	m := multipart.NewWriter(&head)
	part := func(name, file, kind string) error {
		h := textproto.MIMEHeader{"Content-Type": {kind}}
		v := fmt.Sprintf("form-data; name=%q", name)
		if file != "" {
			v += fmt.Sprintf("; filename=%q", file)
		}
		h.Set("Content-Disposition", v)
		w, err := m.CreatePart(h)
		if err == nil && name == "UpdateParameters" {
			_, err = w.Write(p)
		}
		return err
	}
	if err := errors.Join(part("UpdateParameters", "", "application/json"), part("UpdateFile", fileName(img), "application/octet-stream")); err != nil {
		return nil, fmt.Errorf("push %s: %w", img.Name, err)
	}
	tail := "\r\n--" + m.Boundary() + "--\r\n"
	return c.push(ctx, uri, img, m.FormDataContentType(), head.String(), tail)
}

// PushRaw sends an image as the whole body (HttpPushUri); otherwise as Push.
func (c *Client) PushRaw(ctx context.Context, uri string, img Image) (*Response, error) {
	return c.push(ctx, uri, img, "application/octet-stream", "", "")
}

func (c *Client) push(ctx context.Context, link string, img Image, kind, head, tail string) (*Response, error) {
	uri, err := c.resolve(rootURI, link)
	if err != nil {
		return nil, err
	}
	want, err := hex.DecodeString(strings.TrimPrefix(string(img.Digest), "sha256:"))
	if err != nil || len(want) != sha256.Size || img.SizeBytes <= 0 || img.ReaderAt == nil {
		return nil, step.Fail(step.Trust, fmt.Errorf("push %s: size and SHA-256 digest are required", img.Name), "")
	}
	if err := c.takePush(ctx); err != nil {
		return nil, err
	}
	defer c.givePush()
	if err := c.alive(ctx); err != nil { // so that a session that ran out is not found after the bytes were sent
		return nil, err
	}
	cred, err := c.credential(ctx)
	if err != nil {
		return nil, err
	}
	var body *checked
	q := call{
		method: http.MethodPost, uri: uri, fresh: true, size: int64(len(head)) + img.SizeBytes + int64(len(tail)),
		header: http.Header{"Content-Type": {kind}}, timeout: pushBase + time.Duration(img.SizeBytes/pushRate)*time.Second,
		stream: func() io.Reader {
			body = &checked{r: io.NewSectionReader(img, 0, img.SizeBytes), left: img.SizeBytes, sum: sha256.New(), want: want}
			return io.MultiReader(strings.NewReader(head), body, strings.NewReader(tail))
		},
	}
	a, sent, err := c.once(ctx, q, cred)
	if body != nil && body.bad() != nil {
		return nil, step.Fail(step.Trust, fmt.Errorf("push %s to %s: %w", img.Name, uri, body.bad()),
			"The file is not the one that the baseline names; fetch it again. The BMC did not get a whole image.")
	}
	return c.pushed(uri, a, sent, err)
}

// pushed judges the answer to a push (last column of the retry table).
func (c *Client) pushed(uri string, a answer, sent bool, err error) (*Response, error) {
	if err != nil {
		var e *Error
		if sent && errors.As(err, &e) && e.Kind != Untrusted {
			return nil, unknown(e)
		}
		return nil, err
	}
	if a.status/100 == 2 {
		return c.response(uri, a), nil
	}
	e := c.statusError(http.MethodPost, uri, a)
	if a.status >= 500 || a.status == http.StatusTooManyRequests || a.status == http.StatusUnauthorized {
		return nil, unknown(e)
	}
	return nil, e
}

// takePush waits for the one place for a push, and for the gap since the last one where the BMC needs it.
func (c *Client) takePush(ctx context.Context) error {
	if err := lock(ctx, c.pushLock); err != nil {
		return err
	}
	q := c.quirks.Load()
	if q == nil || !q.Does(PushGap) || c.lastPush.IsZero() {
		return nil
	}
	if err := sleep(ctx, time.Duration(float64(pushGap)/c.pace())-time.Since(c.lastPush)); err != nil {
		<-c.pushLock
		return c.cancelled(ctx, http.MethodPost, "push")
	}
	return nil
}

func (c *Client) givePush() {
	c.lastPush = time.Now()
	<-c.pushLock
}

// alive makes an authenticated read, which logs in again if the session ran out.
func (c *Client) alive(ctx context.Context) error {
	root, err := c.Root(ctx)
	if err != nil {
		return err
	}
	for _, k := range []string{"UpdateService", "Managers"} {
		if l := root.Obj.Link(k); l != "" {
			_, err := c.Get(ctx, l)
			if endsAll(err) || IsAuth(err) {
				return err
			}
			return nil
		}
	}
	return nil
}

func fileName(img Image) string {
	n := strings.Map(func(r rune) rune {
		if r < ' ' || r == '"' || r == '\\' || r == '/' || r > '~' {
			return '_'
		}
		return r
	}, img.Name)
	if n == "" {
		return "firmware.bin"
	}
	return n
}

// checked hands out the image and gives its last byte only when the digest is right.
type checked struct {
	mu   sync.Mutex // the transport may still read when the answer is there
	r    io.Reader
	left int64
	sum  hash.Hash
	want []byte
	err  error
}

var errWrongImage = errors.New("the file does not have the size or digest it should have")

func (k *checked) bad() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if errors.Is(k.err, io.EOF) {
		return nil
	}
	return k.err
}

func (k *checked) Read(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.err != nil:
		return 0, k.err
	case len(p) == 0:
		return 0, nil
	}
	n, err := k.r.Read(p)
	k.sum.Write(p[:n])
	k.left -= int64(n)
	if k.left > 0 {
		if err != nil {
			k.err = fmt.Errorf("%w: %d bytes are missing", errWrongImage, k.left)
			return 0, k.err
		}
		return n, nil
	}
	if !bytes.Equal(k.sum.Sum(nil), k.want) {
		k.err = errWrongImage
		return 0, k.err
	}
	k.err = io.EOF
	return n, nil
}

// withoutNulls writes update parameters as JSON without null members: several BMCs refuse them (H20).
func withoutNulls(params any) ([]byte, error) {
	if params == nil {
		return []byte("{}"), nil
	}
	b, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(dropNulls(v))
}

func dropNulls(v any) any {
	switch t := v.(type) {
	case map[string]any:
		for k, x := range t {
			if x == nil {
				delete(t, k)
			} else {
				t[k] = dropNulls(x)
			}
		}
	case []any:
		for i, x := range t {
			t[i] = dropNulls(x)
		}
	}
	return v
}

// pace divides the gap between pushes.
func (c *Client) pace() float64 { return max(c.opt.Pace, 1) }
