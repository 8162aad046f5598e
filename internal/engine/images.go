package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

// imageServer hands firmware files to BMCs that fetch them themselves (SimpleUpdate), while a run lasts. It serves only files
// that were asked for by a step, below a path that nobody can guess, on the address from which the BMC is reached: nothing
// leaves the management network, and a laptop without internet is enough.
type imageServer struct {
	open func(file string) (io.ReaderAt, int64, error)

	mu        sync.Mutex
	listeners map[string]*served // by local IP
	offered   map[string]bool
	secret    string
}

type served struct {
	base string
	srv  *http.Server
}

func newImageServer(open func(string) (io.ReaderAt, int64, error)) *imageServer {
	return &imageServer{open: open, listeners: map[string]*served{}, offered: map[string]bool{}, secret: hex.EncodeToString(randomBytes(16))}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return b
}

// urlFor gives the URL of a file for the BMC at base.
func (s *imageServer) urlFor(ctx context.Context, base, file string) (string, error) {
	ip, err := localAddress(ctx, base)
	if err != nil {
		return "", step.Fail(step.Unreachable, fmt.Errorf("find the address that the BMC can fetch %s from: %w", file, err), "Give a mirror that the BMC reaches: --mirror URL.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.listeners[ip]
	if l == nil {
		ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(ip, "0"))
		if err != nil {
			return "", step.Fail(step.Internal, fmt.Errorf("serve firmware files: %w", err), "Give a mirror that the BMC reaches: --mirror URL.")
		}
		l = &served{base: "http://" + ln.Addr().String(), srv: &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}}
		s.listeners[ip] = l
		go func() { _ = l.srv.Serve(ln) }() // ends with close
	}
	s.offered[file] = true
	return l.base + "/" + s.secret + "/" + url.PathEscape(file), nil
}

// localAddress is the address of this machine from which base is reached. Nothing is sent.
func localAddress(ctx context.Context, base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "udp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	host, _, err := net.SplitHostPort(c.LocalAddr().String())
	return host, err
}

// ServeHTTP answers GET and HEAD of the files that were offered.
func (s *imageServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	dir, file := path.Split(strings.TrimPrefix(r.URL.Path, "/"))
	s.mu.Lock()
	ok := dir == s.secret+"/" && s.offered[file]
	s.mu.Unlock()
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.NotFound(w, r)
		return
	}
	f, size, err := s.open(file)
	if err != nil {
		http.Error(w, "cannot be read", http.StatusInternalServerError)
		return
	}
	if c, ok := f.(io.Closer); ok {
		defer func() { _ = c.Close() }()
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, file, time.Time{}, io.NewSectionReader(f, 0, size))
}

func (s *imageServer) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for _, l := range s.listeners {
		err = errors.Join(err, l.srv.Close())
	}
	s.listeners = map[string]*served{}
	return err
}
