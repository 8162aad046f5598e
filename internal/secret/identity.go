package secret

import (
	"fmt"
	"os"
	"path/filepath"

	"filippo.io/age"
)

// WriteIdentity makes a new age identity in a file that only its owner may read. A file that is there is kept.
func WriteIdentity(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("make an age identity: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make an age identity: %w", err)
	}
	return replaceFile(path, []byte(id.String()+"\n"))
}
