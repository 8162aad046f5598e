package sim

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
)

// door is how one BMC is reached: its certificate, its HTTP server and the listeners in front of it.
type door struct {
	tls    *tls.Config
	server *http.Server
	mem    *memListener
	wg     sync.WaitGroup // Serve calls and connections
	addr   string         // of the socket, when there is one
}

// newDoor makes a certificate that follows from seed and node alone, so that a pin survives a restart of the simulator.
func newDoor(b *BMC, nameless bool) (*door, string, error) {
	seed := sha256.Sum256(fmt.Appendf(nil, "certificate/%d/%s", b.rack.opt.Seed, b.name))
	key := ed25519.NewKeyFromSeed(seed[:])
	end := time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	if b.faults.on("cert-ends") {
		end = time.Now().Add(10 * 24 * time.Hour)
	}
	tmpl := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(seed[:8]),
		Subject:      pkix.Name{CommonName: b.name + ".sim", Organization: []string{b.dia.vendor + " (simulated)"}},
		DNSNames:     []string{b.name + ".sim", "localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:    time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), // bubbles of testing/synctest begin in the year 2000
		NotAfter:     end,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if nameless { // R48
		tmpl.DNSNames, tmpl.IPAddresses = nil, nil
	}
	der, err := x509.CreateCertificate(nil, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return nil, "", fmt.Errorf("make its certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, "", fmt.Errorf("read its certificate: %w", err)
	}
	b.certs.shown = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	pin := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	d := &door{tls: &tls.Config{
		GetCertificate: b.shownCertificate,
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"}, // no BMC of the recorded ones speaks HTTP/2
		// A ticket is written behind the handshake; over an unbuffered pipe a client that does not read yet would block it.
		SessionTicketsDisabled: true,
	}}
	d.server = &http.Server{
		Handler:           b,
		ErrorLog:          log.New(io.Discard, "", 0), // aborted connections are the purpose of some faults
		ReadHeaderTimeout: 5 * time.Minute,
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, requestsKey{}, new(int))
		},
		ConnState: func(_ net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				d.wg.Add(1)
			case http.StateClosed, http.StateHijacked:
				d.wg.Done()
			case http.StateActive, http.StateIdle:
			}
		},
	}
	d.mem = &memListener{conns: make(chan net.Conn), done: make(chan struct{})}
	return d, hex.EncodeToString(pin[:]), nil
}

// Start listens on addr (a host with port 0 or none: one port per BMC) and returns the bindings.
func (r *Rack) Start(addr string) ([]rack.Binding, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	for _, name := range r.order {
		b := r.nodes[name]
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			return nil, fmt.Errorf("listen for the BMC of %s: %w", name, err)
		}
		b.door.addr = l.Addr().String()
		if b.hasMoved() { // the address that is bound answers no more; the BMC is at another one
			if err := l.Close(); err != nil {
				return nil, fmt.Errorf("leave the old address of %s: %w", name, err)
			}
			if l, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
				return nil, fmt.Errorf("listen for the BMC of %s: %w", name, err)
			}
		}
		b.serve(&gate{Listener: l, b: b})
	}
	for _, name := range r.switchOrder {
		if err := r.switches[name].listen(host); err != nil {
			return nil, err
		}
	}
	return r.Bindings(), nil
}

// DialContext connects to the BMC of "NODE.sim:443" in memory. A BMC that is down refuses, as a closed port would.
func (r *Rack) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	name, moved := strings.CutSuffix(strings.TrimSuffix(host, ".sim"), "-dhcp")
	b := r.nodes[name]
	if b != nil && b.hasMoved() != moved {
		if !moved { // its old address: nobody is there any more (R81)
			return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
		}
		b = nil
	}
	if s := r.switches[strings.TrimSuffix(host, ".sim")]; b == nil && s != nil {
		return r.dialSwitch(ctx, network, s)
	}
	if b == nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
	}
	r.mu.Lock()
	closed := r.closed
	r.mu.Unlock()
	if closed || !b.accepts() {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	b.serveMemory()
	near, far := net.Pipe()
	select {
	case b.door.mem.conns <- far:
		return near, nil
	case <-b.door.mem.done:
		near.Close()
		far.Close()
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	case <-ctx.Done():
		near.Close()
		far.Close()
		return nil, ctx.Err()
	}
}

// hasMoved tells whether the BMC has lost its static address and has another one (R81).
func (b *BMC) hasMoved() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.faults.live["R81"] != nil && b.faults.on("R81")
}

// serveMemory starts the in-memory server at the first dial.
func (b *BMC) serveMemory() {
	b.mu.Lock()
	started := b.memory
	b.memory = true
	b.mu.Unlock()
	if !started {
		b.serve(b.door.mem)
	}
}

// serve runs the HTTP server on a listener until close.
func (b *BMC) serve(l net.Listener) {
	b.door.wg.Add(1)
	go func() {
		defer b.door.wg.Done()
		_ = b.door.server.Serve(&tlsListener{Listener: l, b: b})
	}()
}

// url is where the BMC is to be asked.
func (b *BMC) url() string {
	if b.door.addr != "" {
		return "https://" + b.door.addr
	}
	return "https://" + b.name + ".sim"
}

func (b *BMC) close() error {
	b.tell.stop()
	b.door.mem.cut()
	err := b.door.server.Close()
	b.door.mem.Close()
	b.door.wg.Wait()
	return err
}

// tlsListener wraps accepted connections in TLS and counts them until they end.
type tlsListener struct {
	net.Listener
	b *BMC
}

func (l *tlsListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.b.mu.Lock()
	l.b.led.Connections++
	l.b.mu.Unlock()
	return tls.Server(c, l.b.door.tls), nil
}

// gate closes connections at once while the BMC is down.
type gate struct {
	net.Listener
	b *BMC
}

func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if g.b.accepts() {
			return c, nil
		}
		c.Close()
	}
}

// memListener hands over the far ends of pipes.
type memListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	mu    sync.Mutex
	open  []net.Conn
}

// cut closes the pipes themselves: http.Server.Close would hold its lock while close_notify waits for a reader, and in a
// testing/synctest bubble who waits for a mutex stops time.
func (l *memListener) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.open {
		_ = c.Close()
	}
	l.open = nil
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		l.mu.Lock()
		l.open = append(l.open, c)
		l.mu.Unlock()
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *memListener) Addr() net.Addr { return memAddr{} }

type memAddr struct{}

func (memAddr) Network() string { return "sim" }
func (memAddr) String() string  { return "sim" }
