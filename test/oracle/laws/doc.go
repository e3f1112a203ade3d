// Package laws asks the judges of test/oracle, which nobody here wrote, whether
// the rendered policies do what the plans say: over the scenario corpus, over
// random hospitals, and over the published matrices. It has tests only.
package laws
