package secret

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/step"
)

// Environment variables of the vault, as its own tools name them.
const (
	VaultAddressVariable = "VAULT_ADDR"
	VaultTokenVariable   = "VAULT_TOKEN"
)

const vaultTimeout = 30 * time.Second

// Vault is where vault: references are read and an escrow may be kept: the key-value engine, version 2, of HashiCorp Vault or
// OpenBao (their HTTP API: GET and POST /v1/MOUNT/data/PATH, the latter with check-and-set). The zero value takes address and
// token from VAULT_ADDR and VAULT_TOKEN.
type Vault struct {
	Address string         // https://HOST[:PORT]; http:// for this machine alone
	Token   rack.SecretRef // env:, file: or age:; empty = VAULT_TOKEN
	Client  *http.Client   // nil = one of its own, without redirects
}

// errNoSecret says that the vault has nothing there, or nothing any more.
var errNoSecret = errors.New("the vault has nothing there")

// vaultPath is MOUNT/PATH of a key-value engine.
type vaultPath struct{ mount, path string }

func parseVaultPath(s string) (vaultPath, error) {
	mount, path, ok := strings.Cut(s, "/")
	if !ok || mount == "" || path == "" || strings.Contains(s, "..") || strings.Contains(s, "//") || strings.HasSuffix(s, "/") {
		return vaultPath{}, errors.New("want MOUNT/PATH")
	}
	return vaultPath{mount, path}, nil
}

func (p vaultPath) url(base string) string {
	parts := strings.Split(p.path, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.TrimRight(base, "/") + "/v1/" + url.PathEscape(p.mount) + "/data/" + strings.Join(parts, "/")
}

func (r *Resolver) fromVault(ctx context.Context, ref rack.SecretRef, rest string) (string, error) {
	where, field, ok := strings.Cut(rest, "#")
	at, err := parseVaultPath(where)
	if !ok || field == "" || err != nil {
		return "", fail(step.Rejected, ref, errors.New("want vault:MOUNT/PATH#FIELD"), "For example vault:kv/bmc#password.")
	}
	data, _, err := r.vaultRead(ctx, at)
	if errors.Is(err, errNoSecret) {
		return "", fail(step.Auth, ref, err, "Put the secret there, then run again.")
	}
	if err != nil {
		return "", fail(classOr(err, step.Auth), ref, err, adviceOr(err, "See whether the vault is sealed and the token may read this path."))
	}
	v, ok := data[field].(string)
	if !ok {
		return "", fail(step.Auth, ref, fmt.Errorf("the secret has no text field %q", field), "Correct the field after #.")
	}
	return v, nil
}

func classOr(err error, c step.Class) step.Class {
	var f *step.Failure
	if errors.As(err, &f) {
		return f.Class
	}
	return c
}

func adviceOr(err error, s string) string {
	if a := step.AdviceOf(err); a != "" {
		return a
	}
	return s
}

// vaultRead gives the newest version of a secret and its number. errNoSecret: there is none, and version is what a
// check-and-set must name (0 when it was never written).
func (r *Resolver) vaultRead(ctx context.Context, at vaultPath) (data map[string]any, version int, err error) {
	var body struct {
		Data struct {
			Data     map[string]any `json:"data"`
			Metadata struct {
				Version int `json:"version"`
			} `json:"metadata"`
		} `json:"data"`
	}
	status, err := r.vaultCall(ctx, http.MethodGet, at, nil, &body)
	if err != nil {
		return nil, 0, err
	}
	if status == http.StatusNotFound || body.Data.Data == nil {
		return nil, body.Data.Metadata.Version, errNoSecret
	}
	return body.Data.Data, body.Data.Metadata.Version, nil
}

// vaultWrite writes a new version, if version is the newest that there is.
func (r *Resolver) vaultWrite(ctx context.Context, at vaultPath, data map[string]any, version int) error {
	_, err := r.vaultCall(ctx, http.MethodPost, at, map[string]any{"options": map[string]any{"cas": version}, "data": data}, nil)
	return err
}

// vaultCall sends one request to the key-value engine.
func (r *Resolver) vaultCall(ctx context.Context, method string, at vaultPath, in, out any) (status int, err error) {
	return r.vaultSend(ctx, method, at, in, out)
}

// vaultSend sends one request. Errors hold the vault's status, never a body: a proxy may repeat what was sent.
func (r *Resolver) vaultSend(ctx context.Context, method string, at interface{ url(base string) string }, in, out any) (status int, err error) {
	base, token, err := r.vaultAccess(ctx)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, vaultTimeout)
	defer cancel()
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return 0, errors.New("encode the secret for the vault")
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, at.url(base), body)
	if err != nil {
		return 0, errors.New("the vault's address or the path cannot be written as a URL")
	}
	req.Header.Set("X-Vault-Token", token)
	req.Header.Set("X-Vault-Request", "true")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := r.vaultClient().Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return 0, step.Fail(step.Unreachable, fmt.Errorf("ask the vault at %s: %w", req.URL.Host, err), "See whether the vault can be reached from here.")
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxSecretBytes+1))
	if err != nil || len(text) > maxSecretBytes {
		return 0, step.Fail(step.Transient, errors.New("the vault's answer was cut off or is too long"), "")
	}
	if resp.StatusCode != http.StatusNotFound && resp.StatusCode/100 != 2 || method != http.MethodGet && resp.StatusCode/100 != 2 {
		class := step.Auth
		if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests {
			class = step.Transient
		}
		return resp.StatusCode, step.Fail(class, fmt.Errorf("the vault answers %d", resp.StatusCode), vaultAdvice(resp.StatusCode))
	}
	if out != nil && len(text) > 0 && json.Unmarshal(text, out) != nil && resp.StatusCode != http.StatusNotFound {
		return 0, step.Fail(step.Rejected, errors.New("the vault's answer is not the JSON of such an engine"), "See whether the mount is of that kind (key-value: version 2).")
	}
	return resp.StatusCode, nil
}

func vaultAdvice(status int) string {
	switch status {
	case http.StatusForbidden:
		return "The token is wrong or expired, or may not do this at this path."
	case http.StatusServiceUnavailable:
		return "The vault is sealed or starting. Unseal it, then run again."
	case http.StatusBadRequest:
		return "Somebody else wrote the same secret meanwhile. Run the same command again."
	default:
		return "See the vault's own log."
	}
}

func (r *Resolver) vaultClient() *http.Client {
	if r.opt.Vault.Client != nil {
		return r.opt.Vault.Client
	}
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("the vault redirects; give the address of the active node") // the token would go along
	}}
}

func (r *Resolver) vaultAccess(ctx context.Context) (base, token string, err error) {
	base = r.opt.Vault.Address
	if base == "" {
		base, _ = r.opt.LookupEnv(VaultAddressVariable)
	}
	u, err := url.Parse(base)
	if base == "" || err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && isLocal(u.Hostname())) {
		return "", "", step.Fail(step.Auth, errors.New("no vault is known"),
			"Set "+VaultAddressVariable+" to https://HOST:PORT. Plain http is taken for this machine alone.")
	}
	ref := r.opt.Vault.Token
	if ref == "" {
		ref = "env:" + VaultTokenVariable
	}
	if strings.HasPrefix(string(ref), "vault:") {
		return "", "", step.Fail(step.Rejected, errors.New("the token of the vault cannot stand in the vault"), "Use env:, file: or age:.")
	}
	v, err := r.Resolve(ctx, ref)
	if err != nil {
		return "", "", err
	}
	return base, v.Reveal(), nil
}

func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
