package plantest

// Dice roll numbers out of bytes, so that a fuzzer can choose them. They roll 0
// once the bytes are used up.
type Dice struct {
	bytes []byte
}

// NewDice returns dice that roll out of the bytes.
func NewDice(bytes []byte) *Dice { return &Dice{bytes: bytes} }

// Roll returns a number from 0 to n-1. It takes one byte for up to 256 sides,
// else two.
func (d *Dice) Roll(n int) int {
	value := d.next()
	if n > 256 {
		value = value<<8 | d.next()
	}
	return value % n
}

// One reports true once in n times.
func (d *Dice) One(n int) bool { return d.Roll(n) == n-1 }

func (d *Dice) next() int {
	if len(d.bytes) == 0 {
		return 0
	}
	value := int(d.bytes[0])
	d.bytes = d.bytes[1:]
	return value
}

// some returns a part of the items, in their order: each with odds of one half,
// or all of them once the bytes are used up.
func some[T any](d *Dice, items []T) []T {
	var out []T
	for _, item := range items {
		if d.Roll(2) == 0 {
			out = append(out, item)
		}
	}
	return out
}

// shuffled returns the items in another order.
func shuffled[T any](d *Dice, items []T) []T {
	out := append([]T(nil), items...)
	for i := len(out) - 1; i > 0; i-- {
		j := d.Roll(i + 1)
		out[i], out[j] = out[j], out[i]
	}
	return out
}
