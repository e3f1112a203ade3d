package compile

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/medfence/medfence/internal/nearest"
)

// The lengths, in characters, at which a message and what it quotes are cut.
// The first is that of status.problems[].message.
const (
	maxMessage = 512
	maxQuote   = 200
)

// sentence words a message. What it quotes stays short and on one line: names
// and reasons come from people, and may hold anything.
func sentence(format string, args ...any) string {
	words := slices.Clone(args)
	for i, a := range words {
		switch v := a.(type) {
		case string:
			words[i] = tidy(v, maxQuote)
		case error:
			words[i] = tidy(v.Error(), maxMessage)
		}
	}
	return tidy(fmt.Sprintf(format, words...), maxMessage)
}

// tidy keeps what can be printed of a text, on one line, and cuts it.
func tidy(text string, limit int) string {
	if plain(text) && len(text) <= limit {
		return text
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-3]) + "..."
}

// plain reports whether a text is printable ASCII without two spaces in a row.
func plain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' || text[i] == ' ' && (i == 0 || i == len(text)-1 || text[i-1] == ' ') {
			return false
		}
	}
	return true
}

// hint returns `; did you mean "x"?`, or nothing.
func hint(got string, candidates []string) string {
	if near := nearest.Name(got, candidates); near != "" && near != got {
		return sentence("; did you mean %q?", near)
	}
	return ""
}

// oneOf lists up to three names, or says what else.
func oneOf(names []string, otherwise string) string {
	switch {
	case len(names) == 0:
		return otherwise
	case len(names) > 3:
		return strings.Join(names[:3], ", ") + " or another of its namespaces"
	}
	return strings.Join(names, " or ")
}

// listing lists up to three names and counts the others: "a, b, c and 2 more".
func listing(names []string) string {
	switch n := len(names); {
	case n == 0:
		return ""
	case n == 1:
		return names[0]
	case n <= 3:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	default:
		return strings.Join(names[:3], ", ") + fmt.Sprintf(" and %d more", n-3)
	}
}

// texts writes each item as it reads.
func texts[T fmt.Stringer](items []T) []string {
	out := make([]string, 0, len(items))
	for _, x := range items {
		out = append(out, x.String())
	}
	return out
}

func uniqueSorted(names []string) []string {
	out := slices.Clone(names)
	slices.Sort(out)
	return slices.Compact(out)
}
