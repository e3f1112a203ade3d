package apply

import (
	"slices"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// MostRecorded is how many objects a zone's status can record (the maximum of
// status.policies). What is not recorded could never be pruned.
const MostRecorded = 4096

// full reports whether an object that is new must not be created, since nothing
// could record it. Later stages wait: a namespace must not be closed before all
// that is permitted in it stands. What stands already is kept as it is.
func (r *run) full(k key) bool {
	if _, recorded := r.record[k]; recorded || len(r.record)+r.creating < r.room() {
		return false
	}
	r.set.Unrecordable = append(r.set.Unrecordable, k.change(""))
	r.sticking[k.namespace] = true
	return true
}

func (r *run) room() int {
	if r.mostRecorded > 0 {
		return r.mostRecorded
	}
	return MostRecorded
}

// fit returns as much of a record as a status can hold: what was recorded before,
// and then what was found since, by its hash. That is found again in every pass.
func (r *run) fit(record []medfencev1alpha1.PolicyReference) []medfencev1alpha1.PolicyReference {
	surplus := len(record) - r.room()
	if surplus <= 0 {
		return record
	}
	for i := len(record) - 1; i >= 0 && surplus > 0; i-- {
		if !r.recorded[record[i].UID] {
			record = slices.Delete(record, i, i+1)
			surplus--
		}
	}
	return record[:min(len(record), r.room())]
}
