package evidence

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// A pack is one tar: regular files in a fixed order with fixed owner, mode and time, so that the same parts give the same
// bytes, and any other bytes are not a pack.

// file is one member of a pack.
type file struct {
	name string
	data []byte
}

const (
	blockBytes = 512
	maxBytes   = 1 << 30 // of one part: a journal of 1,000 nodes is some 100 MB
)

// packFiles writes files as a pack.
func packFiles(files []file) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: 0o444, Size: int64(len(f.data)), Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0).UTC(),
			Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.name, err)
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return b.Bytes(), nil
}

// unpack reads a pack. A pack that cannot be read to its end is refused, naming the place.
func unpack(pack []byte) ([]file, error) {
	r := tar.NewReader(bytes.NewReader(pack))
	var files []file
	seen := map[string]bool{}
	for {
		after := "the beginning"
		if len(files) > 0 {
			after = files[len(files)-1].name
		}
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return files, &Refusal{"archive", "the header after " + after, "it cannot be read: " + err.Error()}
		}
		switch {
		case h.Typeflag != tar.TypeReg || h.Name == "" || strings.HasPrefix(h.Name, "/") || strings.Contains(h.Name, ".."):
			return files, &Refusal{"archive", "the header after " + after, "it is not of a plain file"}
		case h.Size > maxBytes:
			return files, &Refusal{"archive", h.Name, "it is longer than any part may be"}
		case seen[h.Name]:
			return files, &Refusal{"archive", h.Name, "it stands there twice"}
		}
		seen[h.Name] = true
		data, err := io.ReadAll(r)
		if err != nil {
			return files, &Refusal{"archive", h.Name, "it cannot be read to its end: " + err.Error()}
		}
		files = append(files, file{h.Name, data})
	}
}

// sameBytes checks that a pack is spelt as packFiles spells its files, and names the place of the first difference.
func sameBytes(pack []byte, files []file) error {
	want, err := packFiles(files)
	if err != nil {
		return &Refusal{"archive", "the archive", err.Error()}
	}
	if bytes.Equal(pack, want) {
		return nil
	}
	n := 0
	for n < len(pack) && n < len(want) && pack[n] == want[n] {
		n++
	}
	return &Refusal{"archive", placeOf(n, files), fmt.Sprintf("byte %d of the archive is not as it was written", n)}
}

// placeOf names what stands at an offset of a pack.
func placeOf(offset int, files []file) string {
	at := 0
	for _, f := range files {
		if offset < at+blockBytes {
			return "the header of " + f.name
		}
		at += blockBytes
		if offset < at+len(f.data) {
			return f.name
		}
		at += (len(f.data) + blockBytes - 1) / blockBytes * blockBytes
		if offset < at {
			return "the padding of " + f.name
		}
	}
	return "the end of the archive"
}
