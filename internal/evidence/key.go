package evidence

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/metalwright/metalwright/internal/journal"
)

// PEM types: PKCS #8 (RFC 5958) and SubjectPublicKeyInfo (RFC 5280).
const (
	privateType = "PRIVATE KEY"
	publicType  = "PUBLIC KEY"
)

// Signer is a local Ed25519 key. It prints as its key id.
type Signer struct{ key ed25519.PrivateKey }

var _ dsse.Signer = (*Signer)(nil)

// NewSigner makes a Signer of a key that somebody else keeps.
func NewSigner(key ed25519.PrivateKey) *Signer { return &Signer{key: key} }

// Public is the key that verifies what this one signs.
func (s *Signer) Public() ed25519.PublicKey { return s.key.Public().(ed25519.PublicKey) }

// Sign implements dsse.Signer.
func (s *Signer) Sign(_ context.Context, data []byte) ([]byte, error) {
	return ed25519.Sign(s.key, data), nil
}

// SignGate is a journal.Signer.
func (s *Signer) SignGate(payload []byte) (journal.Signature, error) {
	id, err := s.KeyID()
	return journal.Signature{KeyID: id, Sig: ed25519.Sign(s.key, payload)}, err
}

// KeyID implements dsse.Signer.
func (s *Signer) KeyID() (string, error) { return KeyID(s.Public()) }

// String hides the key.
func (s *Signer) String() string {
	id, err := s.KeyID()
	if err != nil {
		return "key"
	}
	return "key " + id
}

// GoString hides the key.
func (s *Signer) GoString() string { return s.String() }

// KeyID is the SHA-256 of the public key's SubjectPublicKeyInfo, in hexadecimal.
func KeyID(pub ed25519.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return "", fmt.Errorf("encode public key: %w", err)
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), nil
}

// OpenKey reads the key in file, or makes one on first use: file is readable by its owner only, file.pub is for handing out.
// made tells that it is new, so that the user can be told to hand it out by another way than the packs.
func OpenKey(file string) (s *Signer, made bool, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if s, err = makeKey(file); !errors.Is(err, fs.ErrExist) {
			return s, err == nil, err
		}
		text, err = os.ReadFile(file) // another first use was faster
	}
	if err != nil {
		return nil, false, fmt.Errorf("read signing key: %w", err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, false, fmt.Errorf("read signing key: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, false, fmt.Errorf("read signing key: others may read %s (mode %04o); run chmod 600 %s", file, info.Mode().Perm(), file)
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != privateType || len(rest) > 0 {
		return nil, false, fmt.Errorf("read signing key: %s is not one PEM block of a private key", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, false, fmt.Errorf("read signing key: %s is not in PKCS #8 form", file) // the cause could quote the key
	}
	ed, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, false, fmt.Errorf("read signing key: %s is not an Ed25519 key", file)
	}
	return &Signer{key: ed}, false, nil
}

func makeKey(file string) (*Signer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make signing key: %w", err)
	}
	s := &Signer{key: key}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make signing key: %w", err)
	}
	public, err := MarshalPublic(s.Public())
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("make signing key: %w", err)
	}
	if err := writeNew(file, pem.EncodeToMemory(&pem.Block{Type: privateType, Bytes: private}), 0o600); err != nil {
		return nil, fmt.Errorf("make signing key: %w", err)
	}
	if err := os.WriteFile(file+".pub", public, 0o644); err != nil { //nolint:gosec // a public key is for everybody
		return nil, fmt.Errorf("write public key: %w", err)
	}
	return s, nil
}

// writeNew writes a file that must not exist yet, whole or not at all: of two first uses at once, one makes it and the other
// gets fs.ErrExist.
func writeNew(file string, text []byte, perm fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // what counts has a name of its own by then
	_, err = f.Write(text)
	if err := errors.Join(err, f.Chmod(perm), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), file)
}

// MarshalPublic writes a public key as PEM.
func MarshalPublic(pub ed25519.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: publicType, Bytes: der}), nil
}

// ParsePublic reads what MarshalPublic wrote.
func ParsePublic(text []byte) (ed25519.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != publicType {
		return nil, errors.New("read public key: it is not a PEM block of a public key")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	ed, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("read public key: it is not an Ed25519 key")
	}
	return ed, nil
}

// verifier is one given key.
type verifier struct{ key ed25519.PublicKey }

var _ dsse.Verifier = verifier{}

func (v verifier) Public() crypto.PublicKey { return v.key }

func (v verifier) KeyID() (string, error) { return KeyID(v.key) }

func (v verifier) Verify(_ context.Context, data, sig []byte) error {
	if !ed25519.Verify(v.key, data, sig) {
		return errors.New("the signature is not of this key over these bytes")
	}
	return nil
}
