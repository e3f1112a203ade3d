// Package e2e proves on the wire what everything else proves on paper.
package e2e
