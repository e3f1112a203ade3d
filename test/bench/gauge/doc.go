// Package gauge reads what a control plane and an operator tell of themselves:
// who asked for what, from the API server's audit log, and numbers, from
// metrics. Nothing stands in between, so that what is measured is not slowed
// down by whom it is measured.
package gauge
