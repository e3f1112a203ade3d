// Package crash stops the operator after each of its writes and starts it
// again. It must always arrive at the same state; and no state on the way,
// taken from a raw watch and judged by an engine that nobody here wrote, may
// cut a flow that is permitted before and after, or open one that is denied
// before and after.
// The same holds where requests fail, are late or go unanswered.
//
//	hospital ──change──> hospital after     stopped after write 1, 2, 3, ... of
//	    ▲                        │          each way, or of the way from nothing
//	    └────────change back─────┘
package crash
