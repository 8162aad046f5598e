package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
)

// Signature is over a gate and the head of the journal before it, and so over every line up to the gate.
type Signature struct {
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"` // base64 in JSON
}

// Signer signs what it is given with a key of the site, and names the key.
type Signer func(payload []byte) (Signature, error)

// SignGates makes every later gate of the journal a signed one.
func (j *Journal) SignGates(sign Signer) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sign = sign
}

func (r *Record) signAfter(head [sha256.Size]byte, sign Signer) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	s, err := sign(gatePayload(head, text))
	if err == nil {
		r.Signature = &s
	}
	return err
}

// gatePayload is what is signed: what kind of thing this is, the head before the gate, and the gate without its signature.
func gatePayload(head [sha256.Size]byte, unsigned []byte) []byte {
	out := []byte("metalwright journal gate 1\n")
	out = hex.AppendEncode(out, head[:])
	return append(append(out, '\n'), unsigned...)
}

// SignedGate is a gate of a journal, with what its signature has to be over.
type SignedGate struct {
	Line      int // counted from 1
	Result    string
	Text      string
	Payload   []byte
	Signature *Signature // nil: it was not signed
}

// Gates verifies the chain of a journal and gives its gates, in order, and the number of its lines. Whether a signature is
// right is for the caller to say, who has the key: over Payload, plain Ed25519 (RFC 8032).
func Gates(in io.Reader) ([]SignedGate, int, error) {
	data, err := io.ReadAll(in)
	if err != nil {
		return nil, 0, err
	}
	if _, _, err := Read(bytes.NewReader(data)); err != nil {
		return nil, 0, err
	}
	var out []SignedGate
	var head [sha256.Size]byte
	n := 0
	for line := range bytes.Lines(data) {
		n++
		_, record, err := split(line)
		if err != nil {
			return nil, 0, &Damage{n, err.Error()}
		}
		var r struct {
			Kind      Kind       `json:"kind"`
			Result    string     `json:"result"`
			Text      string     `json:"text"`
			Signature *Signature `json:"signature"`
		}
		if bytes.Contains(record, []byte(`"kind":"gate"`)) {
			if err := json.Unmarshal(record, &r); err != nil {
				return nil, 0, &Damage{n, err.Error()}
			}
		}
		if r.Kind == Gate {
			out = append(out, SignedGate{n, r.Result, r.Text, gatePayload(head, unsigned(record)), r.Signature})
		}
		head = chain(head, record)
	}
	return out, n, nil
}

// unsigned is a record as it stood before it was signed: Signature is its last field.
func unsigned(record []byte) []byte {
	const key = `,"signature":{`
	i := bytes.LastIndex(record, []byte(key))
	if i < 0 || !bytes.HasSuffix(record, []byte("}}")) {
		return record
	}
	return append(bytes.Clone(record[:i]), '}')
}
