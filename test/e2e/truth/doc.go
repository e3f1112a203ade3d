// Package truth says what must pass. Two readers say it, who know nothing of each
// other: what the conduits permit, read from the plan as a person would read it;
// and what the verdict engine says of the policies that are live in the cluster.
// The packets are the third, and all three must agree.
package truth
