package engine

import (
	"path/filepath"
	"testing"

	"github.com/metalwright/metalwright/internal/rack"
)

// TestReadSimulated: the record of a simulator shortens waits for its own BMCs and for nobody else's.
func TestReadSimulated(t *testing.T) {
	dir := t.TempDir()
	if err := WriteSimulated(dir, Simulated{Speed: 60, Pins: []string{"aa"}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, url, pin string
		want           bool
	}{
		{"its own", "https://127.0.0.1:8443", "aa", true},
		{"a tunnel to hardware", "https://127.0.0.1:8443", "bb", false},
		{"no pin", "https://127.0.0.1:8443", "", false},
		{"another machine", "https://10.20.8.11", "aa", false},
	} {
		got := readSimulated(filepath.Join(dir, simFile), map[string]rack.Binding{"n": {URL: c.url, PinSHA256: c.pin}})
		if (got != nil) != c.want {
			t.Errorf("%s: believed = %v, want %v", c.name, got != nil, c.want)
		}
	}
}
