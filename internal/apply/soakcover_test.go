package apply

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/metalwright/metalwright/internal/journal"
	"github.com/metalwright/metalwright/internal/step"
)

// coverage counts what a soak has run.
type coverage struct {
	mu      sync.Mutex
	stories map[string]*tally
	kinds   map[step.Kind]int    // cuts in the writing of a line about a step of the kind
	records map[journal.Kind]int // cuts by kind of line
	verbs   map[verb]int
	begun   map[step.Kind]int // intents: cuts right before and after the act
	nodes   map[int]int       // seeds by size of their rack
}

type tally struct{ seeds, cuts, lives int }

// covered is of the whole test binary; the lives of the broken variants count too, their seeds and cuts do not matter much.
var covered = &coverage{stories: map[string]*tally{}, kinds: map[step.Kind]int{}, records: map[journal.Kind]int{}, verbs: map[verb]int{},
	begun: map[step.Kind]int{}, nodes: map[int]int{}}

// of is the tally of the soak's story, or nil when it does not count; c.mu is held.
func (c *coverage) of(s *soak) *tally {
	if s.v.hooks != nil || s.v.lies {
		return &tally{} // a broken variant shows nothing about the loop
	}
	name := s.story
	if name == "" {
		name = "faults only"
	}
	if c.stories[name] == nil {
		c.stories[name] = &tally{}
	}
	return c.stories[name]
}

func (c *coverage) seed(s *soak) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of(s).seeds++
	c.nodes[len(s.world.Plan().Nodes)]++
}

func (c *coverage) life(s *soak) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of(s).lives++
}

func (c *coverage) cut(s *soak, at cut) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of(s).cuts++
	if s.v.hooks != nil || s.v.lies {
		return
	}
	c.verbs[at.verb]++
	c.records[at.record]++
	if at.kind != "" {
		c.kinds[at.kind]++
		if at.record == journal.Intent {
			c.begun[at.kind]++
		}
	}
}

// gaps are what was never exercised.
func (c *coverage) gaps() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, name := range stories {
		if name == "" {
			name = "faults only"
		}
		if c.stories[name] == nil || c.stories[name].cuts == 0 {
			out = append(out, fmt.Sprintf("the story %q was never cut", name))
		}
	}
	for _, k := range stepKinds() {
		if c.begun[k] == 0 {
			out = append(out, fmt.Sprintf("no intent of a step of kind %q was ever cut", k))
		}
	}
	for _, k := range []journal.Kind{journal.Plan, journal.Lock, journal.Intent, journal.Dispatched, journal.Observed, journal.Outcome,
		journal.Gate, journal.Operator} {
		if c.records[k] == 0 {
			out = append(out, fmt.Sprintf("no line of kind %q was ever cut", k))
		}
	}
	if len(c.nodes) < 3 {
		out = append(out, fmt.Sprintf("racks of only these sizes: %v", c.nodes))
	}
	return out
}

// String is a table of it.
func (c *coverage) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	b.WriteString("\nstory                 seeds     cuts    lives\n")
	var sum tally
	for _, name := range slices.Sorted(maps.Keys(c.stories)) {
		t := c.stories[name]
		fmt.Fprintf(&b, "%-20s %6d %8d %8d\n", name, t.seeds, t.cuts, t.lives)
		sum = tally{sum.seeds + t.seeds, sum.cuts + t.cuts, sum.lives + t.lives}
	}
	fmt.Fprintf(&b, "%-20s %6d %8d %8d\n", "all", sum.seeds, sum.cuts, sum.lives)
	fmt.Fprintf(&b, "cuts by moment: %v\ncuts by line: %v\ncuts by kind of step: %v\nof these, at its intent: %v\nseeds by nodes of the rack: %v",
		c.verbs, c.records, c.kinds, c.begun, c.nodes)
	return b.String()
}

// stepKinds are all kinds of step that there are, read from where they are declared, so that none is forgotten.
var stepKinds = sync.OnceValue(func() []step.Kind {
	var out []step.Kind
	files, err := filepath.Glob("../step/*.go")
	if err != nil || len(files) == 0 {
		panic(fmt.Sprintf("no files of the step package: %v", err))
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			panic(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) == 0 {
				return true
			}
			if typ, ok := v.Type.(*ast.Ident); !ok || typ.Name != "Kind" {
				return true
			}
			if lit, ok := v.Values[0].(*ast.BasicLit); ok {
				if text, err := strconv.Unquote(lit.Value); err == nil {
					out = append(out, step.Kind(text))
				}
			}
			return true
		})
	}
	slices.Sort(out)
	return out
})
