package verdict

// A tri is the truth of a statement about a flow: no, maybe or yes. Maybe is
// what the objects leave open.
type tri int8

const (
	no tri = iota
	maybe
	yes
)

func and(a, b tri) tri { return min(a, b) }

func or(a, b tri) tri { return max(a, b) }

func not(a tri) tri { return yes - a }

// is turns a plain truth into a tri.
func is(b bool) tri {
	if b {
		return yes
	}
	return no
}
