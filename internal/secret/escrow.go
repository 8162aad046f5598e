package secret

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// Credential is a user name and its password.
type Credential struct {
	Username string
	Password Value
}

// Same tells whether both name the same user with the same password.
func (c Credential) Same(o Credential) bool {
	return c.Username == o.Username && c.Password.Reveal() == o.Password.Reveal()
}

// Entry is what is kept of one BMC's account. The next credential is written before the BMC is told of it, so at every
// moment the BMC takes Next or Current (quirk R69).
type Entry struct {
	Current    *Credential // proven by a login of its own; nil before the first claim
	Next       *Credential // made, perhaps set, not proven yet; nil = no change is under way
	Generation int         // how often a credential was promoted
	Since      time.Time   // when Current was promoted
}

// Escrow keeps the entries. An entry is durable when Write returns.
type Escrow interface {
	// Read gives the entry of a node; an empty one when there is none.
	Read(ctx context.Context, node string) (Entry, error)
	Write(ctx context.Context, node string, e Entry) error
	// ID names where the entry of a node is kept, for the journal and for people.
	ID(node string) string
}

// entryFile is an Entry as it is kept: in the clear within an encrypted file, or in the vault.
type entryFile struct {
	Format     int             `json:"format"`
	Generation int             `json:"generation"`
	Since      time.Time       `json:"since,omitzero"`
	Current    *credentialFile `json:"current,omitempty"`
	Next       *credentialFile `json:"next,omitempty"`
}

type credentialFile struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

const entryFormat = 1

func (c *Credential) file() *credentialFile {
	if c == nil {
		return nil
	}
	return &credentialFile{c.Username, c.Password.Reveal()}
}

func (r *Resolver) credential(f *credentialFile) *Credential {
	if f == nil {
		return nil
	}
	r.seen.add(f.Password)
	return &Credential{f.Username, NewValue(f.Password)}
}

// Remember makes a value known to Redact: one that was made here, not resolved.
func (r *Resolver) Remember(v Value) { r.seen.add(v.Reveal()) }

func (r *Resolver) pack(e Entry) ([]byte, error) {
	for _, c := range []*Credential{e.Current, e.Next} {
		if c != nil {
			r.Remember(c.Password)
		}
	}
	return json.Marshal(entryFile{entryFormat, e.Generation, e.Since, e.Current.file(), e.Next.file()})
}

func (r *Resolver) unpack(text []byte) (Entry, error) {
	var f entryFile
	if json.Unmarshal(text, &f) != nil || f.Format != entryFormat { // the decoder's own error may quote the text
		return Entry{}, errors.New("it is not an escrow entry of this version")
	}
	return Entry{Current: r.credential(f.Current), Next: r.credential(f.Next), Generation: f.Generation, Since: f.Since}, nil
}

// Escrow opens an escrow. where is a folder, for files NODE.age that are encrypted for the identity in IdentityVariable, or
// "vault:MOUNT/PATH", for a secret PATH/NODE each.
func (r *Resolver) Escrow(where string) (Escrow, error) {
	rest, isVault := strings.CutPrefix(where, "vault:")
	if !isVault {
		if !filepath.IsAbs(where) {
			where = filepath.Join(r.opt.Dir, where)
		}
		return ageEscrow{r, where}, nil
	}
	at, err := parseVaultPath(rest)
	if err != nil || strings.Contains(rest, "#") {
		return nil, step.Fail(step.Rejected, fmt.Errorf("escrow %q: want vault:MOUNT/PATH", where), "For example vault:kv/metalwright/bmc.")
	}
	return vaultEscrow{r, at}, nil
}

// ageEscrow keeps one encrypted file a node.
type ageEscrow struct {
	r   *Resolver
	dir string
}

func (a ageEscrow) path(node string) string {
	return filepath.Join(a.dir, url.PathEscape(node)+".age")
}

// ID implements Escrow.
func (a ageEscrow) ID(node string) string { return "age:" + a.path(node) }

// Read implements Escrow. An entry that nobody could write is told before a BMC is asked to do anything.
func (a ageEscrow) Read(ctx context.Context, node string) (Entry, error) {
	if err := ctx.Err(); err != nil {
		return Entry{}, err
	}
	if _, err := os.Stat(a.path(node)); errors.Is(err, fs.ErrNotExist) {
		_, err := a.recipients(node)
		return Entry{}, err
	}
	text, err := a.r.fromAge(rack.SecretRef(a.ID(node)), a.path(node))
	if err != nil {
		return Entry{}, err
	}
	e, err := a.r.unpack([]byte(text))
	if err != nil {
		return Entry{}, fail(step.Auth, rack.SecretRef(a.ID(node)), err, "Restore it from a backup. The BMC was not asked.")
	}
	return e, nil
}

// recipients are whom an entry is encrypted for.
func (a ageEscrow) recipients(node string) ([]age.Recipient, error) {
	ref := rack.SecretRef(a.ID(node))
	ids, err := a.r.identities(ref)
	if err != nil {
		return nil, err
	}
	var to []age.Recipient
	for _, id := range ids {
		if x, ok := id.(*age.X25519Identity); ok {
			to = append(to, x.Recipient())
		}
	}
	if len(to) == 0 {
		return nil, fail(step.Auth, ref, errors.New("the age identity file holds no X25519 key to encrypt for"), "Make one with age-keygen.")
	}
	return to, nil
}

// Write implements Escrow.
func (a ageEscrow) Write(ctx context.Context, node string, e Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ref := rack.SecretRef(a.ID(node))
	to, err := a.recipients(node)
	if err != nil {
		return err
	}
	text, err := a.r.pack(e)
	if err != nil {
		return fail(step.Internal, ref, errors.New("encode it"), "")
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to...)
	if err == nil {
		_, err = w.Write(text)
		err = errors.Join(err, w.Close())
	}
	if err == nil {
		err = replaceFile(a.path(node), out.Bytes())
	}
	if err != nil {
		return fail(step.Internal, ref, plain(err), "Make room in "+a.dir+". No password was changed without being kept first.")
	}
	return nil
}

// replaceFile writes beside, syncs, renames and syncs the folder, so that a cut leaves the old file or the new one.
func replaceFile(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".escrow-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error is the one to tell
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// vaultEscrow keeps one secret a node in a key-value engine, version 2.
type vaultEscrow struct {
	r  *Resolver
	at vaultPath
}

func (v vaultEscrow) path(node string) vaultPath {
	return vaultPath{v.at.mount, v.at.path + "/" + node}
}

// ID implements Escrow.
func (v vaultEscrow) ID(node string) string { return "vault:" + v.at.mount + "/" + v.path(node).path }

// Read implements Escrow.
func (v vaultEscrow) Read(ctx context.Context, node string) (Entry, error) {
	e, _, err := v.read(ctx, node)
	return e, err
}

func (v vaultEscrow) read(ctx context.Context, node string) (Entry, int, error) {
	data, version, err := v.r.vaultRead(ctx, v.path(node))
	if errors.Is(err, errNoSecret) {
		return Entry{}, version, nil
	}
	if err != nil {
		return Entry{}, 0, v.fail(node, err)
	}
	text, err := json.Marshal(data)
	if err != nil {
		return Entry{}, 0, v.fail(node, errors.New("read it as JSON"))
	}
	e, err := v.r.unpack(text)
	if err != nil {
		return Entry{}, 0, v.fail(node, err)
	}
	return e, version, nil
}

// Write implements Escrow. It writes only over the version that it has just read and that is not newer than e.
func (v vaultEscrow) Write(ctx context.Context, node string, e Entry) error {
	old, version, err := v.read(ctx, node)
	if err != nil {
		return err
	}
	if old.Generation > e.Generation {
		return v.fail(node, step.Fail(step.HasMoved, errors.New("it holds a newer generation"), "Plan again."))
	}
	text, err := v.r.pack(e)
	var data map[string]any
	if err == nil {
		err = json.Unmarshal(text, &data)
	}
	if err != nil {
		return v.fail(node, errors.New("encode it"))
	}
	if err := v.r.vaultWrite(ctx, v.path(node), data, version); err != nil {
		return v.fail(node, err)
	}
	return nil
}

func (v vaultEscrow) fail(node string, err error) error {
	return fail(classOr(err, step.Auth), rack.SecretRef(v.ID(node)), err, adviceOr(err, "See the vault. The BMC was not asked."))
}
