package layout_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/medfence/medfence/internal/report/layout"
)

func picture(boxes int, arrows ...[2]int) *layout.Picture {
	p := &layout.Picture{}
	for i := range boxes {
		p.Boxes = append(p.Boxes, layout.Box{ID: fmt.Sprint(i), Width: 100 + float64(i%3)*20, Height: 50})
	}
	for _, a := range arrows {
		p.Arrows = append(p.Arrows, layout.Arrow{From: fmt.Sprint(a[0]), To: fmt.Sprint(a[1]), Width: 60, Height: 14})
	}
	return p
}

func TestBoxesDoNotOverlapAndLieInThePicture(t *testing.T) {
	for name, p := range map[string]*layout.Picture{
		"nothing":          picture(0),
		"one box":          picture(1),
		"a box to itself":  picture(1, [2]int{0, 0}),
		"two arrows apart": picture(4, [2]int{0, 1}, [2]int{2, 3}),
		"there and back":   picture(2, [2]int{0, 1}, [2]int{1, 0}),
		"a ring":           picture(5, [2]int{0, 1}, [2]int{1, 2}, [2]int{2, 3}, [2]int{3, 4}, [2]int{4, 0}),
		"many alone":       picture(40),
	} {
		t.Run(name, func(t *testing.T) {
			if err := layout.Place(p); err != nil {
				t.Fatal(err)
			}
			for i, a := range p.Boxes {
				if a.X < 0 || a.Y < 0 || a.X+a.Width > p.Width || a.Y+a.Height > p.Height {
					t.Errorf("box %d lies outside", i)
				}
				for _, b := range p.Boxes[:i] {
					if a.X < b.X+b.Width && b.X < a.X+a.Width && a.Y < b.Y+b.Height && b.Y < a.Y+a.Height {
						t.Errorf("boxes %s and %s overlap", a.ID, b.ID)
					}
				}
			}
			for i, a := range p.Arrows {
				if len(a.Points) < 2 {
					t.Errorf("arrow %d goes nowhere", i)
				}
			}
		})
	}
}

func TestTheSamePictureGivesTheSamePlaces(t *testing.T) {
	a := picture(9, [2]int{0, 1}, [2]int{1, 2}, [2]int{0, 2}, [2]int{3, 4})
	b := picture(9, [2]int{0, 1}, [2]int{1, 2}, [2]int{0, 2}, [2]int{3, 4})
	if err := layout.Place(a); err != nil {
		t.Fatal(err)
	}
	if err := layout.Place(b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Error(diff)
	}
}
