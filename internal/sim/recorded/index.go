package recorded

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// index is what a server has to know of a tree beyond its bytes.
type index struct {
	actions  map[string]action // by lower case target
	settings map[string]string // lower case URI of a settings object to the resource it belongs to
	expand   expandQuery
	sessions string // collections, as the tree spells them
	tasks    string
	push     []string // lower case paths that take an image
}

// action is one entry of some resource's Actions.
type action struct {
	name  string // "ComputerSystem.Reset"
	owner string
	desc  map[string]any // the entry: target, allowable values
}

// expandQuery is ProtocolFeaturesSupported.ExpandQuery of the service root (DSP0266 7.3.1).
type expandQuery struct {
	all, links, noLinks, levels bool
	maxLevels                   int
}

func indexOf(t *Tree) index {
	x := index{actions: map[string]action{}, settings: map[string]string{}}
	for _, key := range slices.Sorted(maps.Keys(t.res)) {
		obj := t.res[key].obj
		if obj == nil {
			continue
		}
		x.addActions(key, child(obj, "Actions"), 0)
		if s := link(child(obj, "@Redfish.Settings"), "SettingsObject"); s != "" && !samePath(s, key) {
			if _, taken := x.settings[fold(s)]; !taken {
				x.settings[fold(s)] = key
			}
		}
	}
	root := t.obj(rootPath)
	q := child(child(root, "ProtocolFeaturesSupported"), "ExpandQuery")
	x.expand = expandQuery{all: truth(q["ExpandAll"]), links: truth(q["Links"]), noLinks: truth(q["NoLinks"]),
		levels: truth(q["Levels"]), maxLevels: number(q["MaxLevels"], 1)}
	x.sessions = orElse(link(child(root, "Links"), "Sessions"), rootPath+"/SessionService/Sessions")
	x.tasks = orElse(link(t.obj(link(root, "Tasks")), "Tasks"), rootPath+"/TaskService/Tasks")
	us := t.obj(link(root, "UpdateService"))
	for _, k := range []string{"MultipartHttpPushUri", "HttpPushUri"} {
		if s, _ := us[k].(string); s != "" {
			x.push = append(x.push, fold(pathOf(s)))
		}
	}
	return x
}

// addActions keeps every {"#Name": {"target": …}} below an Actions object; Oem nests once or twice.
func (x *index) addActions(owner string, actions map[string]any, depth int) {
	for name, v := range actions {
		m, ok := v.(map[string]any)
		if !ok {
			continue
		}
		target, _ := m["target"].(string)
		if target == "" {
			if depth < 3 {
				x.addActions(owner, m, depth+1)
			}
			continue
		}
		if _, taken := x.actions[fold(target)]; !taken {
			x.actions[fold(target)] = action{name: strings.TrimPrefix(name, "#"), owner: owner, desc: m}
		}
	}
}

// find gives the tree's own spelling of a URI: as it is, in any letter case, then both without the trailing slash.
func (t *Tree) find(uri string) (string, bool) {
	for _, u := range []string{uri, strings.TrimSuffix(uri, "/")} {
		if _, ok := t.res[u]; ok {
			return u, true
		}
		if k, ok := t.folded[strings.ToLower(u)]; ok {
			return k, true
		}
	}
	return "", false
}

func (t *Tree) obj(uri string) map[string]any {
	if uri == "" {
		return nil
	}
	if k, ok := t.find(uri); ok {
		return t.res[k].obj
	}
	return nil
}

// child gives a member that is an object, else nil.
func child(m map[string]any, key string) map[string]any {
	c, _ := m[key].(map[string]any)
	return c
}

// link gives the @odata.id of a member.
func link(m map[string]any, key string) string {
	s, _ := child(m, key)["@odata.id"].(string)
	return s
}

func truth(v any) bool { b, _ := v.(bool); return b }

func number(v any, otherwise int) int {
	n, ok := v.(interface{ Int64() (int64, error) })
	if !ok {
		return otherwise
	}
	i, err := n.Int64()
	if err != nil || i < 1 {
		return otherwise
	}
	return int(i)
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// fold is the form in which URIs are compared: lower case, no trailing slash (quirk R109).
func fold(uri string) string { return strings.ToLower(strings.TrimSuffix(uri, "/")) }

func samePath(a, b string) bool { return fold(a) == fold(b) }

// pathOf gives the path of a URI that may be absolute.
func pathOf(s string) string {
	if u, err := url.Parse(s); err == nil && u.Path != "" {
		return u.Path
	}
	return s
}
