package apply

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/gofrs/flock"
)

// signalZero asks whether a process is there, without doing anything to it.
const signalZero = syscall.Signal(0)

// File names in a lock folder. A lease's name is escaped as in a URL path: node%2Fa01-n1.lease.
const (
	leaseSuffix = ".lease"
	breakSuffix = ".broken"
	tokenFile   = "token"
	guardFile   = "guard" // is flocked during an update
)

// dirStore keeps one file a lease.
type dirStore struct{ dir string }

func (s *dirStore) update(names []string, f func(*leaseTable) error) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("create lock folder: %w", err)
	}
	guard := flock.New(filepath.Join(s.dir, guardFile), flock.SetPermissions(0o600))
	if err := guard.Lock(); err != nil {
		return fmt.Errorf("lock %s: %w", s.dir, err)
	}
	defer guard.Close() //nolint:errcheck // closing is unlocking; there is nothing left to do about an error
	t, err := s.load(names)
	if err != nil {
		return err
	}
	before := leaseTable{t.Token, maps.Clone(t.Leases), maps.Clone(t.Breaks)}
	if err := f(&t); err != nil {
		return err
	}
	return s.save(before, t)
}

func (s *dirStore) load(names []string) (leaseTable, error) {
	t := leaseTable{Leases: map[string]Lease{}, Breaks: map[string]Break{}}
	text, err := os.ReadFile(filepath.Join(s.dir, tokenFile))
	if err == nil {
		t.Token, err = strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return t, fmt.Errorf("read token: %w", err)
	}
	for _, name := range names {
		if err := readLease(s.path(name, leaseSuffix), name, t.Leases); err != nil {
			return t, err
		}
		text, err := os.ReadFile(s.path(name, breakSuffix))
		var b Break
		if err == nil && json.Unmarshal(text, &b) == nil {
			t.Breaks[name] = b
		}
	}
	for _, l := range t.Leases {
		t.Token = max(t.Token, l.Token)
	}
	return t, nil
}

// readLease reads one lease file. One that cannot be decoded (a power cut at its first writing) is held by nobody known until
// it is a lease time old.
func readLease(file, name string, into map[string]Lease) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read lease: %w", err)
	}
	var l Lease
	if json.Unmarshal(text, &l) != nil {
		info, err := os.Stat(file)
		if err != nil {
			return fmt.Errorf("read lease: %w", err)
		}
		l = Lease{Name: name, Holder: Holder{Operator: "somebody unknown"}, Since: info.ModTime(), Expires: info.ModTime().Add(leaseTime)}
	}
	into[name] = l
	return nil
}

func (s *dirStore) save(before, t leaseTable) error {
	if t.Token != before.Token {
		if err := s.write(filepath.Join(s.dir, tokenFile), strconv.FormatUint(t.Token, 10)); err != nil {
			return err
		}
	}
	for name, l := range t.Leases {
		if old, ok := before.Leases[name]; !ok || !reflect.DeepEqual(old, l) {
			if err := s.write(s.path(name, leaseSuffix), l); err != nil {
				return err
			}
		}
	}
	for name, b := range t.Breaks {
		if old, ok := before.Breaks[name]; !ok || !reflect.DeepEqual(old, b) {
			if err := s.write(s.path(name, breakSuffix), b); err != nil {
				return err
			}
		}
	}
	var errs []error
	for name := range before.Leases {
		if _, ok := t.Leases[name]; !ok {
			errs = append(errs, os.Remove(s.path(name, leaseSuffix)))
		}
	}
	for name := range before.Breaks {
		if _, ok := t.Breaks[name]; !ok {
			errs = append(errs, os.Remove(s.path(name, breakSuffix)))
		}
	}
	return errors.Join(errs...)
}

func (s *dirStore) path(name, suffix string) string {
	return filepath.Join(s.dir, url.PathEscape(name)+suffix)
}

// write replaces a file whole: a reader sees the old or the new one.
func (s *dirStore) write(file string, v any) error {
	text, ok := v.(string)
	if !ok {
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode %s: %w", file, err)
		}
		text = string(b)
	}
	tmp := file + ".new"
	if err := os.WriteFile(tmp, []byte(text+"\n"), 0o600); err != nil {
		return fmt.Errorf("write lease: %w", err)
	}
	if err := os.Rename(tmp, file); err != nil {
		return fmt.Errorf("write lease: %w", err)
	}
	return nil
}

func (s *dirStore) list() ([]Lease, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list leases: %w", err)
	}
	all := map[string]Lease{}
	for _, e := range entries {
		escaped, ok := strings.CutSuffix(e.Name(), leaseSuffix)
		name, err := url.PathUnescape(escaped)
		if !ok || err != nil {
			continue
		}
		if err := readLease(filepath.Join(s.dir, e.Name()), name, all); err != nil {
			return nil, err
		}
	}
	return sortedLeases(all), nil
}

// memoryStore keeps leases in memory. The zero value is empty.
type memoryStore struct {
	mu    sync.Mutex
	table leaseTable
}

func (s *memoryStore) update(_ []string, f func(*leaseTable) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := leaseTable{s.table.Token, map[string]Lease{}, map[string]Break{}}
	maps.Copy(t.Leases, s.table.Leases)
	maps.Copy(t.Breaks, s.table.Breaks)
	if err := f(&t); err != nil {
		return err
	}
	s.table = t
	return nil
}

func (s *memoryStore) list() ([]Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sortedLeases(s.table.Leases), nil
}

func sortedLeases(m map[string]Lease) []Lease {
	return slices.SortedFunc(maps.Values(m), func(a, b Lease) int { return strings.Compare(a.Name, b.Name) })
}
