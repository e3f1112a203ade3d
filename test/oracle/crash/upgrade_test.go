package crash

import (
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/medfence/medfence/internal/snapshot"
)

// earlier is the version whose objects are taken over; testdata/earlier says how
// they were made.
const earlier = "0.1.0"

// inherit starts the operator over what an earlier version left of the wards:
// declarations with their statuses, and policies, under the UIDs that they had.
// That version had neither guards nor moats; but for these nothing may change on
// the way, wherever the operator is stopped.
func (r *ride) inherit(here *way) {
	r.Helper()
	left := readObjects(r, "earlier/"+earlier+"-"+string(r.lab.target)+".yaml")
	w := &way{
		name: "upgrade from " + earlier, to: here.to,
		passage: passage{here.to.plan(r, snapshot.Netpol), here.after}, // which is without guards
		begin: func() {
			r.asked = ""
			r.wipe(r)
			for _, o := range left {
				r.put(r, o)
			}
			r.trace(r)
		},
	}
	crashes := r.crashes
	r.explore(w)
	if diff := gocmp.Diff(here.want, w.want); diff != "" {
		r.Errorf("the wards are not what they are without an earlier version (-want +got):\n%s", diff)
	}
	picks := stops(w)
	for _, k := range picks {
		r.crash(w, k)
	}
	r.drain()
	r.complain()
	r.Logf("%s: %d writes, stopped after %v; %d crashes", w.name, w.writes, picks, r.crashes-crashes)
}
