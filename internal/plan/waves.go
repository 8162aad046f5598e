package plan

import (
	"slices"
	"strconv"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// Defaults of a rollout (engine.md, Concurrency and Failure quotas).
const (
	defaultCanary      = 1
	defaultMaxParallel = 8
	maxFailedPerWave   = 2 // and at most a tenth of the wave
)

const (
	onErrorHalt     = "halt"
	onErrorContinue = "continue"
)

// Bounds are how many nodes change at once, and how many may fail.
type Bounds struct {
	rack.Rollout
	// AllowFailed is how many nodes of one wave may fail before the run stops; nil = a tenth of it and two at most, no canary.
	AllowFailed *int
}

// rollout is a node and the bounds it changes under.
type rollout struct {
	node string
	by   group
	rank int // what comes before what: the lower first
}

// group is a firmware block, or the nodes that no firmware block targets (key "").
type group struct {
	key    string
	bounds rack.Rollout
}

// rolloutOf finds the bounds of this node's firmware block.
func (n *nodeBuild) rolloutOf() group {
	g := group{}
	if n.opt.Bounds != nil {
		g.bounds = n.opt.Bounds.Rollout
	} else if n.node.Firmware != nil {
		for _, f := range n.d.Firmware {
			if f.Address == n.node.Firmware.Set {
				g = group{string(f.Address), f.Rollout}
			}
		}
	}
	if g.bounds == (rack.Rollout{}) {
		g.bounds.Canary = defaultCanary
	}
	if g.bounds.MaxParallel <= 0 {
		g.bounds.MaxParallel = defaultMaxParallel
	}
	if g.bounds.OnError != onErrorContinue {
		g.bounds.OnError = onErrorHalt
	}
	return g
}

// rankedWaves makes the waves of each rank, one rank after the other. A rank that fails ends the run: nothing comes up on rails that
// did not.
func rankedWaves(nodes []rollout) []Wave {
	byRank := map[int][]rollout{}
	for _, r := range nodes {
		byRank[r.rank] = append(byRank[r.rank], r)
	}
	if len(byRank) == 1 {
		return waves(nodes)
	}
	out := []Wave{}
	for rank, name := range rankNames {
		list := waves(byRank[rank])
		for _, w := range list {
			switch {
			case name != "" && len(list) == 1:
				w.Name = name
			case name != "":
				w.Name = name + " " + w.Name
			}
			if rank < rankNodes {
				w.OnError, w.AllowFailed = onErrorHalt, 0
			}
			out = append(out, w)
		}
	}
	return out
}

// waitedFor tells whether a wave is one of a rank that nodes of a later one need whole.
func waitedFor(wave string) bool {
	return slices.ContainsFunc(rankNames[:rankNodes], func(name string) bool { return wave == name || strings.HasPrefix(wave, name+" ") }) &&
		!strings.HasPrefix(wave, rankNames[rankSwitchesOff])
}

// waves cuts each group into its canaries and then chunks of at most MaxParallel, and joins the first waves of all
// groups, the second waves, and so on: a canary speaks for its own platform only, so platforms need not wait for each
// other.
func waves(nodes []rollout) []Wave {
	groups := map[string][]rollout{}
	for _, r := range nodes {
		groups[r.by.key] = append(groups[r.by.key], r)
	}
	var canary *Wave
	var rest []Wave
	for _, key := range sortedKeys(groups) {
		members := groups[key]
		slices.SortFunc(members, func(a, b rollout) int { return strings.Compare(a.node, b.node) })
		bounds := members[0].by.bounds
		first := min(max(bounds.Canary, 0), len(members))
		if first > 0 {
			if canary == nil {
				canary = &Wave{Name: "canary", OnError: onErrorContinue}
			}
			canary.join(members[:first], bounds)
		}
		i := 0
		for chunk := range slices.Chunk(members[first:], bounds.MaxParallel) {
			if i == len(rest) {
				rest = append(rest, Wave{Name: strconv.Itoa(i + 1), OnError: onErrorContinue})
			}
			rest[i].join(chunk, bounds)
			i++
		}
	}
	out := []Wave{}
	if canary != nil {
		out = append(out, *canary)
	}
	for _, w := range rest {
		w.AllowFailed = min(maxFailedPerWave, len(w.Nodes)/10)
		out = append(out, w)
	}
	return out
}

// join adds nodes; one group that halts makes the wave halt.
func (w *Wave) join(nodes []rollout, bounds rack.Rollout) {
	for _, r := range nodes {
		w.Nodes = append(w.Nodes, r.node)
	}
	w.MaxParallel += min(len(nodes), bounds.MaxParallel)
	if bounds.OnError == onErrorHalt {
		w.OnError = onErrorHalt
	}
}
