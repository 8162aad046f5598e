package redfish

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

const upload = "/redfish/v1/UpdateService/upload"

func digestOf(b []byte) rack.Digest {
	s := sha256.Sum256(b)
	return rack.Digest("sha256:" + hex.EncodeToString(s[:]))
}

func imageOf(b []byte) Image {
	return Image{ReaderAt: bytes.NewReader(b), SizeBytes: int64(len(b)), Digest: digestOf(b), Name: "bmc.fwpkg"}
}

// received is what a push looked like on the wire.
type received struct {
	length  int64
	chunked bool
	parts   []string
	params  string
	image   []byte
	whole   bool
	auth    string
}

func receive(r *http.Request) received {
	got := received{length: r.ContentLength, chunked: len(r.TransferEncoding) > 0, auth: r.Header.Get("X-Auth-Token")}
	_, p, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return got
	}
	m := multipart.NewReader(r.Body, p["boundary"])
	for {
		part, err := m.NextPart()
		if err != nil {
			got.whole = errors.Is(err, io.EOF)
			return got
		}
		b, err := io.ReadAll(part)
		got.parts = append(got.parts, part.FormName()+" "+part.FileName()+" "+part.Header.Get("Content-Type"))
		if part.FormName() == "UpdateParameters" {
			got.params = string(b)
		} else {
			got.image = b
		}
		if err != nil {
			return got
		}
	}
}

func TestPush(t *testing.T) {
	img := bytes.Repeat([]byte("0123456789abcdef"), 1<<16+1) // 1 MiB and a bit
	b := newBMC(t)
	var got received
	b.hook = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.URL.Path != upload {
			return false
		}
		got = receive(r)
		w.Header().Set("Location", "/redfish/v1/TaskService/Tasks/3/Monitor")
		body(202, `{"@odata.id":"/redfish/v1/TaskService/Tasks/3"}`)(w, r)
		return true
	}
	c := b.client()
	r, err := c.Push(t.Context(), upload, imageOf(img), map[string]any{"Targets": []string{"/x"}, "Oem": map[string]any{"A": nil}, "ForceUpdate": nil})
	if err != nil || r.Handle() != "/redfish/v1/TaskService/Tasks/3" {
		t.Fatal(err, r)
	}
	if got.chunked || got.length <= int64(len(img)) || !got.whole || !bytes.Equal(got.image, img) || got.auth == "" {
		t.Errorf("chunked %v, length %d, whole %v, %d bytes", got.chunked, got.length, got.whole, len(got.image))
	}
	if want := "UpdateParameters  application/json,UpdateFile bmc.fwpkg application/octet-stream"; strings.Join(got.parts, ",") != want {
		t.Errorf("parts %q", got.parts)
	}
	if want := `{"Oem":{},"Targets":["/x"]}`; got.params != want {
		t.Errorf("parameters %s, want %s", got.params, want)
	}
}

func TestPushRaw(t *testing.T) {
	img := []byte("firmware")
	b := newBMC(t)
	var got []byte
	b.hook = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.URL.Path != upload {
			return false
		}
		got, _ = io.ReadAll(r.Body)
		w.WriteHeader(202)
		return true
	}
	c := b.client()
	if _, err := c.PushRaw(t.Context(), upload, imageOf(img)); err != nil || !bytes.Equal(got, img) {
		t.Errorf("%q, %v", got, err)
	}
}

// A file that is not the one named never arrives whole, in either form.
func TestPushWrongImage(t *testing.T) {
	good := bytes.Repeat([]byte("x"), 300_000)
	bad := bytes.Clone(good)
	bad[250_000] ^= 1
	for name, img := range map[string]Image{
		"one bit": {ReaderAt: bytes.NewReader(bad), SizeBytes: int64(len(bad)), Digest: digestOf(good), Name: "x"},
		"short":   {ReaderAt: bytes.NewReader(good[:200_000]), SizeBytes: int64(len(good)), Digest: digestOf(good), Name: "x"},
		"empty":   {ReaderAt: bytes.NewReader(nil), SizeBytes: 5, Digest: digestOf(good), Name: "x"},
		"unsized": {ReaderAt: bytes.NewReader(good), Digest: digestOf(good), Name: "x"},
		"no sum":  {ReaderAt: bytes.NewReader(good), SizeBytes: int64(len(good)), Name: "x"},
		"no file": {SizeBytes: 5, Digest: digestOf(good), Name: "x"},
		"tiny":    {ReaderAt: strings.NewReader("ab"), SizeBytes: 2, Digest: digestOf(good), Name: "x"},
	} {
		for _, raw := range []bool{false, true} {
			t.Run(fmt.Sprint(name, raw), func(t *testing.T) {
				bubble(t, func(t *testing.T, b *bmc, c *Client) {
					arrived, whole := 0, false
					b.setHook(func(w http.ResponseWriter, r *http.Request, _ int) bool {
						if r.URL.Path != upload {
							return false
						}
						in, err := io.ReadAll(r.Body)
						arrived, whole = len(in), err == nil
						w.WriteHeader(202)
						return true
					})
					var err error
					if raw {
						_, err = c.PushRaw(t.Context(), upload, img)
					} else {
						_, err = c.Push(t.Context(), upload, img, nil)
					}
					time.Sleep(time.Second) // virtual: the service sees the end
					synctest.Wait()
					if step.ClassOf(err) != step.Trust {
						t.Errorf("got %v", err)
					}
					if whole || b.count("POST "+upload) > 0 && int64(arrived) >= img.SizeBytes+400 {
						t.Errorf("%d bytes arrived, whole: %v", arrived, whole)
					}
				})
			})
		}
	}
}

// After bytes were sent a push is never repeated, whatever the answer.
func TestPushIsNeverRepeated(t *testing.T) {
	for _, c := range []struct {
		name    string
		f       reply
		unknown bool
		class   step.Class
	}{
		{"cut", reset, true, step.Transient}, {"half", half, true, step.Transient}, {"500", status(500), true, step.Transient},
		{"503", status(503, "Retry-After", "1"), true, step.Transient}, {"401", status(401), true, step.Transient},
		{"400", status(400), false, step.Rejected}, {"404", status(404), false, step.Rejected}, {"413", status(413), false, step.Rejected},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, true, step.Transient},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bmc, cl *Client) {
				b.setHook(func(w http.ResponseWriter, r *http.Request, _ int) bool {
					if r.URL.Path != upload {
						return false
					}
					_, _ = io.Copy(io.Discard, r.Body)
					c.f(w, r)
					return true
				})
				_, err := cl.Push(t.Context(), upload, imageOf([]byte("firmware")), nil)
				if IsSentUnknown(err) != c.unknown || step.ClassOf(err) != c.class || b.count("POST "+upload) != 1 {
					t.Errorf("%d sent: %v", b.count("POST "+upload), err)
				}
			})
		})
	}
}

// A session that ran out is found before the bytes are sent, and two pushes never overlap (R36); with R49 they keep a gap.
func TestPushSessionAndGap(t *testing.T) {
	bubble(t, func(t *testing.T, b *bmc, c *Client) {
		b.set("/redfish/v1/Managers", `{"Members":[]}`)
		busy, most := 0, 0
		var at []time.Time
		b.setHook(func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if r.URL.Path != upload {
				return false
			}
			at = append(at, time.Now())
			busy++
			most = max(most, busy)
			_, _ = io.Copy(io.Discard, r.Body)
			time.Sleep(10 * time.Second)
			busy--
			w.WriteHeader(202)
			return true
		})
		if _, err := c.Push(t.Context(), upload, imageOf([]byte("one")), nil); err != nil {
			t.Fatal(err)
		}
		b.mu.Lock()
		clear(b.sessions)
		b.mu.Unlock()
		c.Adopt(Identity{Dialect: "openbmc", Model: "GB200 NVL"})
		errs := make(chan error, 2)
		for _, s := range []string{"two", "three"} {
			go func() {
				_, err := c.Push(t.Context(), upload, imageOf([]byte(s)), nil)
				errs <- err
			}()
		}
		for range 2 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if most != 1 || len(at) != 3 {
			t.Errorf("%d at once, %d pushes", most, len(at))
		}
		for i := 1; i < len(at); i++ {
			if gap := at[i].Sub(at[i-1]); gap < 10*time.Second+pushGap {
				t.Errorf("push %d came after %v", i, gap)
			}
		}
	})
}
