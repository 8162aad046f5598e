package events

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
)

// receiver serves on loopback, with a client that trusts it.
func receiver(t *testing.T, refused func(from, why string)) (*Receiver, *http.Client) {
	t.Helper()
	c, k, err := OwnCertificate("127.0.0.1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cert, err := tls.X509KeyPair(c, k)
	if err != nil {
		t.Fatal(err)
	}
	if !Good(cert, "127.0.0.1", time.Now()) || Good(cert, "127.0.0.2", time.Now()) || Good(cert, "127.0.0.1", time.Now().Add(380*24*time.Hour)) {
		t.Error("what the certificate is good for is not seen")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReceiver(ReceiverOptions{Listener: l, Base: "https://" + l.Addr().String(), Cert: cert, Key: bytes.Repeat([]byte{7}, 32), Refused: refused})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r, &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error { //nolint:gosec // the pin is compared
			if got := Pin(tls.Certificate{Certificate: [][]byte{s.PeerCertificates[0].Raw}}); got != Pin(cert) {
				return fmt.Errorf("pin %s", got)
			}
			return nil
		}}}}
}

func post(t *testing.T, c *http.Client, to, body string) int {
	t.Helper()
	resp, err := c.Post(to, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode
}

func TestReceiver(t *testing.T) {
	var why []string
	r, c := receiver(t, func(_, w string) { why = append(why, w) })
	to, label := r.For("n1")
	if other, _ := r.For("n2"); other == to {
		t.Error("two nodes have one address")
	}
	got := make(chan Batch, 8)
	stop, err := r.Open("n1", []netip.Addr{netip.MustParseAddr("127.0.0.1")}, func(b Batch) { got <- b })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Open("n1", nil, nil); err == nil {
		t.Error("one route is opened twice")
	}
	message := fmt.Sprintf(`{"Context":%q,"Events":[{"MessageId":"IDRAC.2.7.TMP0121","Severity":"Critical"}]}`, label)
	if s := post(t, c, to, message); s != http.StatusNoContent {
		t.Errorf("a good message: %d", s)
	}
	if b := <-got; len(b.Events) != 1 || b.Events[0].Kind != rack.EventHot {
		t.Errorf("got %+v", b)
	}
	if s := post(t, c, to, strings.Replace(message, label, "", 1)); s != http.StatusNoContent {
		t.Errorf("without a Context: %d", s)
	}
	<-got
	for name, x := range map[string]struct {
		to, body string
		want     int
	}{
		"another path":      {to + "0", message, http.StatusNotFound},
		"the front door":    {r.opt.Base + "/", message, http.StatusNotFound},
		"another's Context": {to, `{"Context":"theirs","Events":[]}`, http.StatusForbidden},
		"no event":          {to, `hello`, http.StatusBadRequest},
		"too long":          {to, `{"a":"` + strings.Repeat("x", maxPushBytes) + `"}`, http.StatusRequestEntityTooLarge},
	} {
		if s := post(t, c, x.to, x.body); s != x.want {
			t.Errorf("%s: %d, want %d", name, s, x.want)
		}
	}
	resp, err := c.Get(to)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", resp.StatusCode)
	}
	if r.Refusals() != 6 || len(why) != 6 {
		t.Errorf("%d refusals, told %q", r.Refusals(), why)
	}
	stop()
	stop()
	if s := post(t, c, to, message); s != http.StatusNotFound {
		t.Errorf("after the end: %d", s)
	}
}

// A sender that is no BMC of ours is refused though it knows the address.
func TestReceiverOfAnotherSender(t *testing.T) {
	r, c := receiver(t, nil)
	to, label := r.For("n1")
	stop, err := r.Open("n1", []netip.Addr{netip.MustParseAddr("192.0.2.7")}, func(Batch) { t.Error("it was taken in") })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if s := post(t, c, to, fmt.Sprintf(`{"Context":%q,"Events":[]}`, label)); s != http.StatusForbidden {
		t.Errorf("status %d", s)
	}
}

// The bucket empties and fills again.
func TestReceiverIsNotFlooded(t *testing.T) {
	now := time.Now()
	b := &route{tokens: burst, at: now}
	taken := 0
	for range burst * 3 {
		if b.take(now) {
			taken++
		}
	}
	if taken != burst {
		t.Errorf("%d at once, want %d", taken, burst)
	}
	if now = now.Add(time.Second); !b.take(now) {
		t.Error("nothing comes back")
	}
	r, c := receiver(t, nil)
	to, _ := r.For("n1")
	hold := make(chan struct{})
	stop, err := r.Open("n1", nil, func(Batch) { <-hold })
	if err != nil {
		t.Fatal(err)
	}
	full := 0
	for range queued + 10 {
		if post(t, c, to, `{"Events":[]}`) == http.StatusServiceUnavailable {
			full++
		}
	}
	if full == 0 {
		t.Error("what waits is not bounded")
	}
	close(hold)
	stop()
}

func TestReceiverNeedsAllOfIt(t *testing.T) {
	if _, err := NewReceiver(ReceiverOptions{}); err == nil {
		t.Error("it begins without anything")
	}
}
