package journal

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync"
)

// Memory is an FS for tests: it forgets what was not synced when the power goes, and fails where it is told to.
// The zero value is an empty disk.
type Memory struct {
	// Before is asked before every write and sync, with its number from 1; an error fails the call. A write that fails
	// leaves half of its bytes. It is called under the disk's lock.
	Before func(n int, verb string) error
	// NoSync makes Sync forget to sync: the disk that lies.
	NoSync bool

	mu    sync.Mutex
	files map[string]*memoryFile
	calls int
}

var _ FS = (*Memory)(nil)

type memoryFile struct {
	data   []byte
	synced int
	owner  *memoryHandle
}

type memoryHandle struct {
	m    *Memory
	file *memoryFile
}

// Calls is how many writes and syncs there were.
func (m *Memory) Calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

// Crash is a power cut: of what was not synced, keep bytes per file survive at most; every open handle is dead.
func (m *Memory) Crash(keep int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, f := range m.files {
		f.data = f.data[:min(len(f.data), f.synced+keep)]
		f.synced, f.owner = len(f.data), nil
		if len(f.data) == 0 {
			delete(m.files, name)
		}
	}
}

// Clone copies the disk as it stands: what is not synced is not synced in the copy either. No file of the copy is open, and
// nothing that has the first open reaches it.
func (m *Memory) Clone() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &Memory{NoSync: m.NoSync, calls: m.calls, files: map[string]*memoryFile{}}
	for name, f := range m.files {
		c.files[name] = &memoryFile{data: slices.Clone(f.data), synced: f.synced}
	}
	return c
}

// Append implements FS.
func (m *Memory) Append(name string, fresh bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.files[name]
	switch {
	case fresh && f != nil:
		return nil, fmt.Errorf("create %s: %w", name, fs.ErrExist)
	case !fresh && f == nil:
		return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
	case f != nil && f.owner != nil:
		return nil, fmt.Errorf("lock %s: another process is writing it", name)
	case f == nil:
		f = &memoryFile{}
		if m.files == nil {
			m.files = map[string]*memoryFile{}
		}
		m.files[name] = f
	}
	f.owner = &memoryHandle{m: m, file: f}
	return f.owner, nil
}

// ReadFile implements FS.
func (m *Memory) ReadFile(name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.files[name]
	if f == nil {
		return nil, fmt.Errorf("read %s: %w", name, fs.ErrNotExist)
	}
	return slices.Clone(f.data), nil
}

// List implements FS.
func (m *Memory) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for name := range m.files {
		if path.Dir(name) == path.Clean(dir) {
			out = append(out, path.Base(name))
		}
	}
	slices.Sort(out)
	return out, nil
}

// MkdirAll implements FS: folders need not be made.
func (m *Memory) MkdirAll(string) error { return nil }

// SyncDir implements FS: names last at once.
func (m *Memory) SyncDir(string) error { return nil }

// before counts a call and asks whether it may succeed; m.mu is held.
func (h *memoryHandle) before(verb string) error {
	if h.file.owner != h {
		return fmt.Errorf("%s: %w", verb, fs.ErrClosed)
	}
	h.m.calls++
	if h.m.Before == nil {
		return nil
	}
	return h.m.Before(h.m.calls, verb)
}

// Write implements File.
func (h *memoryHandle) Write(b []byte) (int, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if err := h.before("write"); err != nil {
		if h.file.owner == h {
			h.file.data = append(h.file.data, b[:len(b)/2]...)
		}
		return len(b) / 2, err
	}
	h.file.data = append(h.file.data, b...)
	return len(b), nil
}

// Sync implements File.
func (h *memoryHandle) Sync() error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if err := h.before("sync"); err != nil {
		return err
	}
	if !h.m.NoSync {
		h.file.synced = len(h.file.data)
	}
	return nil
}

// Truncate implements File.
func (h *memoryHandle) Truncate(size int64) error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	h.file.data = h.file.data[:min(int64(len(h.file.data)), size)]
	h.file.synced = min(h.file.synced, len(h.file.data))
	return nil
}

// Close implements File.
func (h *memoryHandle) Close() error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if h.file.owner == h {
		h.file.owner = nil
	}
	return nil
}
