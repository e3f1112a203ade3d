// Package scenarios is the corpus: one idea a folder, with a sentence that says
// what it shows, the manifests (in.yaml), and what each stage makes of them
// (problems.txt, plan.txt, netpol.yaml, cilium.yaml). Every package and the docs
// use it; every bug gains a scenario first.
package scenarios
