// Package analysis answers questions about a plan: who reaches whom, what a
// change opens and cuts, what is missing for a flow to pass, and what an auditor
// would remark. It is pure.
//
//	Plan -> Reach -> Matrix, Difference, Explanation
//	Snapshot + Plan + Problems -> Findings
package analysis
