// Package report turns samples into a table for people and into JSON for
// programs: medians, 99th percentiles, ratios, and whether a goal was met.
package report
