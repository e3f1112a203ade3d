package nearest

import (
	"cmp"
	"slices"
	"strings"
)

// maxLength is the length in characters beyond which a name is not compared:
// twice that of a DNS label. It bounds the cost of one comparison.
const maxLength = 128

// charactersPerEdit says how alike two names must be: one edit for every three
// characters of the longer one. Names of two characters must be equal.
const charactersPerEdit = 3

// Name returns the candidate with the smallest edit distance to got, or "" when
// none is near enough. Letter case and the separators '-', '_' and '.' count
// only between candidates that are equally near; after these the order of the
// alphabet decides, so that the order of the candidates never does.
func Name(got string, candidates []string) string {
	wanted, ok := newSpelling(got)
	if !ok {
		return ""
	}
	best := match{edits: maxLength}
	for _, name := range candidates {
		candidate, ok := newSpelling(name)
		if !ok {
			continue
		}
		edits, ok := wanted.edits(candidate, best.edits)
		if !ok {
			continue
		}
		found := match{name: name, edits: edits, typos: distance(wanted.written, candidate.written)}
		if found.order(best) < 0 {
			best = found
		}
	}
	return best.name
}

// A match is a candidate with its distance from the name that was written.
type match struct {
	name string
	// edits is the distance without case and separators, typos with both.
	edits, typos int
}

func (m match) order(other match) int {
	return cmp.Or(
		cmp.Compare(m.edits, other.edits),
		cmp.Compare(m.typos, other.typos),
		cmp.Compare(m.name, other.name),
	)
}

// A spelling is a name as it was written, and its letters and digits alone.
type spelling struct {
	written, letters []rune
}

// newSpelling reports false for a name without letters, and for one so long
// that nobody typed it.
func newSpelling(name string) (spelling, bool) {
	if len(name) > 4*maxLength {
		return spelling{}, false
	}
	s := spelling{written: []rune(name)}
	s.letters = slices.DeleteFunc([]rune(strings.ToLower(name)), func(r rune) bool {
		return r == '-' || r == '_' || r == '.'
	})
	return s, len(s.letters) > 0 && len(s.written) <= maxLength && len(s.letters) <= maxLength
}

// edits returns the distance between the letters of two names. It reports false
// when the candidate is not near enough, or further than the best so far.
func (s spelling) edits(candidate spelling, best int) (int, bool) {
	short, long := len(s.letters), len(candidate.letters)
	if short > long {
		short, long = long, short
	}
	limit := min(best, long/charactersPerEdit)
	if long-short > limit {
		return 0, false
	}
	edits := distance(s.letters, candidate.letters)
	return edits, edits <= limit
}

// distance counts the insertions, deletions, substitutions and swaps of two
// neighbours that turn a into b (the optimal string alignment distance).
func distance(a, b []rune) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		before, above, row = above, row, before
		row[0] = i + 1
		for j := range b {
			substitution := above[j]
			if a[i] != b[j] {
				substitution++
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, substitution)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
