package truth

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/test/e2e/ward"
)

// A Table is all cells of one run.
type Table struct {
	Title string
	Cells []Cell
}

// Wrong returns what is wrong, cell by cell.
func (t Table) Wrong() []string {
	var out []string
	for _, c := range t.Cells {
		if wrong := c.Wrong(); wrong != "" {
			out = append(out, c.Question.String()+": "+wrong)
		}
	}
	return out
}

// Summary counts the cells in a sentence.
func (t Table) Summary() string {
	passed, dropped, named, families := 0, 0, 0, map[bool]int{}
	for _, c := range t.Cells {
		if c.Passed {
			passed++
		}
		if c.Dropped {
			dropped++
		}
		if len(c.Rules) > 0 {
			named++
		}
		families[c.Question.Destination.Is4()]++
	}
	return fmt.Sprintf("%s: %d cells (%d IPv4, %d IPv6): %d passed, %d dropped by policy, %d neither; Hubble names a rule for %d; %d wrong",
		t.Title, len(t.Cells), families[true], families[false], passed, dropped, len(t.Cells)-passed-dropped, named, len(t.Wrong()))
}

// pair is a row and a column.
type pair struct{ from, to string }

// Print writes the table: who reaches whom, by how many services, and then by
// which the conduits permit.
func (t Table) Print(w io.Writer) {
	names, cells := t.byPair()
	number := map[string]int{}
	fmt.Fprintf(w, "%s\n\n", t.Summary())
	fmt.Fprintf(w, "Rows send, columns receive. +  everything passed   .  everything was dropped   3  so many services passed\n")
	fmt.Fprintf(w, "!  a cell is wrong   blank  no agent sees the packets. Services: %s\n\n", t.services())
	fmt.Fprintf(w, "%14s", "")
	for i, name := range names {
		number[name] = i + 1
		fmt.Fprintf(w, " %2d", i+1)
	}
	fmt.Fprintln(w)
	for _, from := range names {
		fmt.Fprintf(w, "%2d %-11s", number[from], from)
		for _, to := range names {
			fmt.Fprintf(w, " %2s", symbol(cells[pair{from, to}]))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, "\nWhat conduits and the cluster's DNS permit, and passed:")
	t.printPermitted(w, names, cells)
}

func (t Table) byPair() ([]string, map[pair][]Cell) {
	var names []string
	cells := map[pair][]Cell{}
	for _, c := range t.Cells {
		for _, name := range []string{c.Question.From.Name, c.Question.To.Name} {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		p := pair{c.Question.From.Name, c.Question.To.Name}
		cells[p] = append(cells[p], c)
	}
	return names, cells
}

// symbol is what became of the services between two parties, of both families.
func symbol(cells []Cell) string {
	services := map[ward.Service]bool{}
	passed := map[ward.Service]bool{}
	for _, c := range cells {
		if c.Wrong() != "" {
			return "!"
		}
		services[c.Question.Service] = true
		if c.Passed {
			passed[c.Question.Service] = true
		}
	}
	switch len(passed) {
	case 0:
		if len(services) == 0 {
			return ""
		}
		return "."
	case len(services):
		return "+"
	}
	return fmt.Sprint(len(passed))
}

func (t Table) printPermitted(w io.Writer, names []string, cells map[pair][]Cell) {
	for _, from := range names {
		for _, to := range names {
			lines := map[string][]string{}
			for _, c := range cells[pair{from, to}] {
				if c.Passed && c.Why != Unrestricted && c.Why != OwnNode {
					lines[c.Why] = append(lines[c.Why], service(c.Question))
				}
			}
			for _, why := range slices.Sorted(maps.Keys(lines)) {
				fmt.Fprintf(w, "  %-11s -> %-11s %s  (%s)\n", from, to, strings.Join(lines[why], ", "), why)
			}
		}
	}
}

// service names what was asked, with the family where it is the newer one.
func service(q Question) string {
	text := fmt.Sprintf("%s %d", q.Service.Protocol, q.Service.Port)
	if q.Service.Protocol == flow.ICMP {
		text = "ping"
	}
	if q.Destination.Is6() {
		text += " v6"
	}
	return text
}

func (t Table) services() string {
	var all []ward.Service
	for _, c := range t.Cells {
		if !slices.Contains(all, c.Question.Service) {
			all = append(all, c.Question.Service)
		}
	}
	slices.SortStableFunc(all, func(a, b ward.Service) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port))
	})
	var words []string
	for _, s := range all {
		words = append(words, service(Question{Service: s, Destination: four}))
	}
	return strings.Join(words, ", ")
}

// Write writes every cell as tab-separated values, with a line of headings.
func (t Table) Write(w io.Writer) error {
	if _, err := fmt.Fprintln(w, "from\tto\tsource\tdestination\tprotocol\tport\tpermitted\twhy\tverdict\tpacket\tnamed by Hubble\twrong"); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	for _, c := range t.Cells {
		var rules []string
		for _, r := range c.Rules {
			rules = append(rules, r.Policy)
		}
		q := c.Question
		if _, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%t\t%s\t%s\t%s\t%s\t%s\n", q.From.Name, q.To.Name, q.Source, q.Destination,
			q.Service.Protocol, q.Service.Port, c.Permitted, c.Why, c.Verdict, c.Seen, strings.Join(rules, " "), c.Wrong()); err != nil {
			return fmt.Errorf("writing the table: %w", err)
		}
	}
	return nil
}
