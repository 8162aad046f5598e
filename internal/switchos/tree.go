package switchos

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// there is the value of a setting that has none: NVUE and SONiC write an empty object.
var there = json.RawMessage(`{}`)

// Flatten gives the settings of a configuration by their path. A list is one value. Numbers keep their digits.
func Flatten(body []byte) (rack.ConfigTree, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var top map[string]any
	if err := d.Decode(&top); err != nil {
		return nil, fmt.Errorf("read a configuration: %w", err)
	}
	out := rack.ConfigTree{}
	flatten(out, "", top)
	return out, nil
}

func flatten(out rack.ConfigTree, path string, v any) {
	m, ok := v.(map[string]any)
	if !ok {
		out[path] = encoded(v)
		return
	}
	if len(m) == 0 && path != "" {
		out[path] = there
	}
	for k, x := range m {
		flatten(out, strings.TrimPrefix(path+" "+k, " "), x)
	}
}

// encoded is compact JSON in the one form in which it survives a journal.
func encoded(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("metalwright: internal error: encode a setting: %v. This is a bug in Metalwright.", err))
	}
	return b
}

// Nested is the object that a list of changes is as a patch: what goes away is null, as NVUE takes it.
func Nested(changes []rack.ConfigChange) map[string]any {
	top := obj{}
	for _, c := range slices.SortedFunc(slices.Values(changes), byPath) {
		words := strings.Split(c.Path, " ")
		at := top
		for _, w := range words[:len(words)-1] {
			next, ok := at[w].(obj)
			if !ok {
				next = obj{}
				at[w] = next
			}
			at = next
		}
		last := words[len(words)-1]
		switch {
		case c.To == nil:
			at[last] = nil
		case bytes.Equal(c.To, there):
			if at[last] == nil {
				at[last] = obj{}
			}
		default:
			at[last] = c.To
		}
	}
	return top
}

func byPath(a, b rack.ConfigChange) int { return cmp.Compare(a.Path, b.Path) }

// Diff lists what differs between two trees, by path.
func Diff(have, want rack.ConfigTree) []rack.ConfigChange {
	var out []rack.ConfigChange
	for path, to := range want {
		if from := have[path]; !bytes.Equal(from, to) {
			out = append(out, rack.ConfigChange{Path: path, From: from, To: to})
		}
	}
	for path, from := range have {
		if _, wanted := want[path]; !wanted {
			out = append(out, rack.ConfigChange{Path: path, From: from})
		}
	}
	slices.SortFunc(out, byPath)
	return out
}

// Back is a tree as it was before changes, and how many of them it has. ok is false when a setting is neither as before nor as after.
func Back(have rack.ConfigTree, changes []rack.ConfigChange) (before rack.ConfigTree, made int, ok bool) {
	before = maps.Clone(have)
	for _, c := range changes {
		now := have[c.Path]
		switch {
		case bytes.Equal(now, c.To):
			made++
			before[c.Path] = c.From
			if c.From == nil {
				delete(before, c.Path)
			}
		case !bytes.Equal(now, c.From):
			return nil, made, false
		}
	}
	return before, made, true
}

// Digest identifies a tree.
func Digest(t rack.ConfigTree) rack.Digest { return rack.DigestOf(t) }
