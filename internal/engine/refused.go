package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

// refusedFor is how long a credential that a BMC has refused twice is not tried again by a later command either: BMCs
// count failures over minutes to an hour, and the strictest lock the account at the third (redfish.md §4).
const refusedFor = 30 * time.Minute

// refusal is what is kept of a refused login, beyond the process.
type refusal struct {
	At   time.Time `json:"at"`
	Salt string    `json:"salt"`
	// Tag is two bytes of a salted hash of user and password: enough to see that it is still the same credential, and
	// too little to find the password by.
	Tag string `json:"tag"`
	// Tags are those of more than one credential: what an account that is kept in escrow may be opened with.
	Tags []string `json:"tags,omitempty"`
}

// refusals keeps what BMCs have refused, one file a node, so that command after command does not lock an account.
type refusals struct {
	dir string

	mu   sync.Mutex
	used map[string][][2]string // user and password that were handed out, by node
}

func newRefusals(state string) *refusals {
	return &refusals{dir: filepath.Join(state, "refused"), used: map[string][][2]string{}}
}

func (r *refusals) path(node string) string {
	return filepath.Join(r.dir, url.PathEscape(node)+".json")
}

// check says why a credential may not be tried on a node now, or nil. It remembers it for settle.
func (r *refusals) check(node, user, pass string) error {
	r.mu.Lock()
	if c := [2]string{user, pass}; !slices.Contains(r.used[node], c) {
		r.used[node] = append(r.used[node], c)
		r.used[node] = r.used[node][max(0, len(r.used[node])-2):] // the last two: no BMC is sent more
	}
	r.mu.Unlock()
	var old refusal
	if readJSON(r.path(node), &old) != nil || !slices.Contains(append(old.Tags, old.Tag), tagOf(old.Salt, user, pass)) {
		return nil
	}
	again := old.At.Add(refusedFor)
	if now := time.Now(); now.After(again) || now.Before(old.At) {
		return nil
	}
	return step.Fail(step.Auth, fmt.Errorf("this user name and password were refused twice at %s; they are not "+
		"tried a third time before %s",
		old.At.Local().Format(time.DateTime), again.Local().Format(time.TimeOnly)),
		"Check the user name and the password reference. The account is not locked by a third try. If the BMC's "+
			"account was put right "+
			"meanwhile, remove "+r.path(node)+".")
}

// settle keeps or forgets what came of the credentials that were handed out.
func (r *refusals) settle(refused func(node string) bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for node, c := range r.used {
		if refused(node) {
			salt := hex.EncodeToString(randomBytes(16))
			now := refusal{At: time.Now().UTC(), Salt: salt, Tag: tagOf(salt, c[0][0], c[0][1])}
			for _, x := range c[1:] {
				now.Tags = append(now.Tags, tagOf(salt, x[0], x[1]))
			}
			errs = append(errs, writeJSON(r.path(node), now))
		}
	}
	clear(r.used)
	return errors.Join(errs...)
}

func tagOf(salt, user, pass string) string {
	sum := sha256.Sum256([]byte(salt + "\x00" + user + "\x00" + pass))
	return hex.EncodeToString(sum[:2])
}
