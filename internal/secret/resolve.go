package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

const (
	maxSecretBytes = 64 << 10 // a credential, not a file store
	// IdentityVariable names the environment variable that holds the path of the age identity file.
	IdentityVariable = "METALWRIGHT_AGE_IDENTITY"
)

// Options are where a Resolver looks. The zero value is right.
type Options struct {
	Dir string // relative paths start here; "" = the working directory
	// LookupEnv reads the environment; nil = the process's.
	LookupEnv func(string) (string, bool)
	Vault     Vault // for vault: references
	// Warn is told what is unsafe but not wrong; nil = silence. The text holds no secret.
	Warn func(string)
}

// Resolver turns references into values when they are needed. It remembers what it handed out, for Redact; it keeps no
// other copy, so a secret that changes is read again. It is safe for concurrent use.
type Resolver struct {
	opt  Options
	seen *remembered
}

// NewResolver makes a Resolver.
func NewResolver(o Options) *Resolver {
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	return &Resolver{opt: o, seen: &remembered{}}
}

// With gives a Resolver that asks another vault, where v names one, and shares what is remembered.
func (r *Resolver) With(v Vault) *Resolver {
	o := r.opt
	if v.Address != "" {
		o.Vault.Address = v.Address
	}
	if v.Token != "" {
		o.Vault.Token = v.Token
	}
	return &Resolver{opt: o, seen: r.seen}
}

// Resolve gives the value behind "env:NAME", "file:PATH", "age:PATH" or "vault:MOUNT/PATH#FIELD". One line end after the secret is dropped. Errors carry
// a failure class and name the reference, never a value.
func (r *Resolver) Resolve(ctx context.Context, ref rack.SecretRef) (Value, error) {
	if err := ctx.Err(); err != nil {
		return Value{}, fmt.Errorf("resolve secret: %w", err)
	}
	scheme, rest, ok := strings.Cut(string(ref), ":")
	if !ok || rest == "" {
		return Value{}, fail(step.Rejected, ref, errors.New("not a secret reference"),
			"Write env:NAME, file:PATH, age:PATH or vault:MOUNT/PATH#FIELD. The secret itself never stands in a blueprint.")
	}
	var text string
	var err error
	switch scheme {
	case "env":
		text, err = r.fromEnv(ref, rest)
	case "file":
		text, err = r.fromFile(ref, rest)
	case "age":
		text, err = r.fromAge(ref, rest)
	case "vault":
		text, err = r.fromVault(ctx, ref, rest)
	default:
		return Value{}, fail(step.Unsupported, ref, errors.New("unknown kind of reference"),
			"Write env:NAME, file:PATH, age:PATH or vault:MOUNT/PATH#FIELD.")
	}
	if err != nil {
		return Value{}, err
	}
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	if text == "" {
		return Value{}, fail(step.Auth, ref, errors.New("it is empty"), "Put the secret there, then run again.")
	}
	r.seen.add(text)
	return NewValue(text), nil
}

// fail names the reference only when it is one: what is no reference may be the secret itself, written by mistake.
func fail(c step.Class, ref rack.SecretRef, err error, advice string) error {
	name := "given"
	if scheme, _, ok := strings.Cut(string(ref), ":"); ok && (scheme == "env" || scheme == "file" || scheme == "age" || scheme == "vault") {
		name = string(ref)
	}
	return step.Fail(c, fmt.Errorf("resolve secret %s: %w", name, err), advice)
}

func (r *Resolver) fromEnv(ref rack.SecretRef, name string) (string, error) {
	v, ok := r.opt.LookupEnv(name)
	if !ok {
		return "", fail(step.Auth, ref, errors.New("the variable is not set"), "Set it in the environment, then run again.")
	}
	return v, nil
}

func (r *Resolver) fromFile(ref rack.SecretRef, path string) (string, error) {
	b, err := r.read(path, true)
	if err != nil {
		return "", fail(step.Auth, ref, err, "Check the path and who may read it.")
	}
	return string(b), nil
}

// identities reads the age identity file.
func (r *Resolver) identities(ref rack.SecretRef) ([]age.Identity, error) {
	where, ok := r.opt.LookupEnv(IdentityVariable)
	if !ok || where == "" {
		return nil, fail(step.Auth, ref, errors.New("no age identity is given"),
			"Set "+IdentityVariable+" to the path of the age identity file.")
	}
	key, err := r.read(where, true)
	if err != nil {
		return nil, fail(step.Auth, ref, fmt.Errorf("read the age identity: %w", err), "Check "+IdentityVariable+".")
	}
	ids, err := age.ParseIdentities(bytes.NewReader(key))
	if err != nil { // its text quotes the line it cannot read, which may be the key
		return nil, fail(step.Auth, ref, errors.New("the age identity file cannot be read as one"), "Check "+IdentityVariable+".")
	}
	return ids, nil
}

func (r *Resolver) fromAge(ref rack.SecretRef, path string) (string, error) {
	ids, err := r.identities(ref)
	if err != nil {
		return "", err
	}
	b, err := r.read(path, false)
	if err != nil {
		return "", fail(step.Auth, ref, err, "Check the path and who may read it.")
	}
	var in io.Reader = bytes.NewReader(b)
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte(armor.Header)) {
		in = armor.NewReader(in)
	}
	plain, err := age.Decrypt(in, ids...)
	if err != nil {
		why := errors.New("decrypt: not an age file, or damaged") // age's own text quotes the file
		var other *age.NoIdentityMatchError
		if errors.As(err, &other) {
			why = errors.New("decrypt: it is encrypted for another identity")
		}
		return "", fail(step.Auth, ref, why, "Encrypt it for the identity in "+IdentityVariable+", or give another.")
	}
	out, err := io.ReadAll(io.LimitReader(plain, maxSecretBytes+1))
	if err == nil && len(out) > maxSecretBytes {
		err = errTooLong
	}
	if err != nil {
		return "", fail(step.Auth, ref, fmt.Errorf("decrypt: %w", err), "The file may be cut off; make it again.")
	}
	return string(out), nil
}

var errTooLong = fmt.Errorf("longer than %d KiB", maxSecretBytes>>10)

// read reads a small file, and warns about one that others may read when it holds a secret in the clear.
func (r *Resolver) read(path string, clear bool) ([]byte, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.opt.Dir, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, plain(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, plain(err)
	}
	if info.IsDir() {
		return nil, errors.New("it is a folder")
	}
	if m := info.Mode().Perm(); clear && info.Mode().IsRegular() && m&0o077 != 0 && r.seen.first(path) {
		r.opt.Warn(fmt.Sprintf("%s may be read by others (mode %04o); make it 0600", path, m))
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecretBytes+1))
	if err == nil && len(b) > maxSecretBytes {
		err = errTooLong
	}
	return b, err
}

// plain drops the repeated path.
func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
