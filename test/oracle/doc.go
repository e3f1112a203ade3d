// Package oracle judges policy objects with two judges that nobody here wrote:
// Cilium's own policy engine, with its ipcache, and the matcher of cyclonus
// (plain NetworkPolicy). What Medfence renders, and what internal/verdict says
// of it, is checked against them.
//
//	World ── as the API server stores it, as the agent reads it ─┐
//	                                                             │
//	   ┌─────────────────────────┬───────────────────────────────┘
//	   ▼                         ▼
//	Cilium: ipcache ─ selector   Cyclonus: targets
//	cache ─ repository ─ maps    (NetworkPolicy alone)
//	   │                         │
//	   └── Allowed(from, to, flow): egress of from and ingress of to
package oracle
