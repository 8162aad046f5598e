package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"

	"github.com/gofrs/flock"
)

// FS is the disk under a journal: the seam at which tests let a write fail or the power go.
type FS interface {
	// Append opens a file for appending; fresh says that it must not exist yet, else it must. Only one may have it open.
	Append(name string, fresh bool) (File, error)
	ReadFile(name string) ([]byte, error)
	// List names the files of a folder, sorted; a folder that does not exist is empty.
	List(dir string) ([]string, error)
	MkdirAll(dir string) error
	// SyncDir makes new names in dir last.
	SyncDir(dir string) error
}

// File is an open journal file.
type File interface {
	io.Writer
	Sync() error
	Truncate(size int64) error
	Close() error
}

// Disk is the FS of the machine.
type Disk struct{}

var _ FS = Disk{}

type diskFile struct {
	*os.File
	lock *flock.Flock
}

// Append opens name and holds an flock on it until Close, so that two processes cannot both extend one chain.
func (Disk) Append(name string, fresh bool) (File, error) {
	flag := os.O_WRONLY | os.O_APPEND
	if fresh {
		flag |= os.O_CREATE | os.O_EXCL
	}
	f, err := os.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, err
	}
	lock := flock.New(name, flock.SetFlag(os.O_RDONLY))
	ok, err := lock.TryLock()
	if err == nil && !ok {
		err = errors.New("another process is writing it")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), f.Close())
	}
	return &diskFile{File: f, lock: lock}, nil
}

func (f *diskFile) Close() error { return errors.Join(f.File.Close(), f.lock.Close()) }

// ReadFile reads a whole file.
func (Disk) ReadFile(name string) ([]byte, error) { return os.ReadFile(name) }

// List names the files of dir.
func (Disk) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			out = append(out, e.Name())
		}
	}
	sort.Strings(out)
	return out, nil
}

// MkdirAll makes a folder that only its owner can read.
func (Disk) MkdirAll(dir string) error { return os.MkdirAll(dir, 0o700) }

// SyncDir syncs the folder itself.
func (Disk) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
