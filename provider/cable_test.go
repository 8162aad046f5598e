package provider_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// cable is a connection to one BMC that can be pulled: what is open is cut and nothing new comes through.
type cable struct {
	t   *testing.T
	url string // of this end
	to  string

	mu     sync.Mutex
	open   map[net.Conn]bool
	pulled bool
	answer func() bool // asked before every answer that comes through; false = it is lost, and the cable pulled
}

func newCable(t *testing.T, bmc string) *cable {
	t.Helper()
	u, err := url.Parse(bmc)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{t: t, url: "https://" + l.Addr().String(), to: u.Host, open: map[net.Conn]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { c.carry(in) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		c.pull()
		all.Wait()
	})
	return c
}

// hold keeps a connection to cut it later; false = the cable is pulled.
func (c *cable) hold(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pulled {
		_ = conn.Close()
		return false
	}
	c.open[conn] = true
	return true
}

func (c *cable) carry(in net.Conn) {
	defer func() { _ = in.Close() }()
	if !c.hold(in) {
		return
	}
	out, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer func() { _ = out.Close() }()
	if !c.hold(out) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(out, in) // ends when either side is closed
		_ = out.Close()
	})
	both.Go(func() {
		_, _ = io.Copy(watching{in, c}, out)
		_ = in.Close()
	})
	both.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, in)
	delete(c.open, out)
}

// watching asks before every answer that it passes on.
type watching struct {
	io.Writer
	c *cable
}

func (w watching) Write(b []byte) (int, error) {
	w.c.mu.Lock()
	ask := w.c.answer
	w.c.mu.Unlock()
	if ask != nil && !ask() {
		w.c.pull()
		return 0, io.ErrClosedPipe
	}
	return w.Writer.Write(b)
}

// pull cuts every connection.
func (c *cable) pull() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pulled, c.answer = true, nil
	for conn := range c.open {
		_ = conn.Close()
	}
}

// pullWhen pulls the cable when an answer comes and the condition holds: its request was carried out, the answer is lost.
func (c *cable) pullWhen(holds func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = func() bool { return !holds() }
}

// onceWhen calls do when an answer comes and the condition holds, once, and passes the answer on.
func (c *cable) onceWhen(holds func() bool, do func()) {
	var once sync.Once
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = func() bool {
		if holds() {
			once.Do(do)
		}
		return true
	}
}

// plug makes it whole again.
func (c *cable) plug() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pulled = false
}
