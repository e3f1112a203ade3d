//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// quiet is how many looks in a row must show the same for the agents to have
// settled. Objects of different kinds reach an agent by different ways, and
// nothing tells when the last has arrived.
const quiet = 8

var errNotSettled = errors.New("not settled")

// Settle waits until every agent has every policy that the API server has, and
// no other of the same name, and every endpoint of it runs on the newest
// revision: an applied policy is not an enforced one.
func (l *Lab) Settle(ctx context.Context) error {
	last, same := "", 0
	return l.until(ctx, "the agents enforce what the API server has", func() error {
		now, err := l.look(ctx)
		if err != nil {
			same = 0
			return err
		}
		if now != last {
			last, same = now, 0
		}
		if same++; same < quiet {
			return fmt.Errorf("%w: %s", errNotSettled, now)
		}
		return nil
	})
}

// look returns the state of all agents in words, or what is not there yet.
func (l *Lab) look(ctx context.Context) (string, error) {
	policies, err := l.List(ctx, PolicyKinds...)
	if err != nil {
		return "", err
	}
	var state strings.Builder
	for _, n := range l.Nodes {
		var held struct {
			Policy   string
			Revision int64
		}
		if err := n.agent.get(ctx, "/policy", &held); err != nil {
			return "", err
		}
		for _, p := range policies {
			if !strings.Contains(held.Policy, string(p.GetUID())) {
				return "", fmt.Errorf("%s has no %s %s/%s", n.Name, p.GetKind(), p.GetNamespace(), p.GetName())
			}
		}
		if err := n.agent.realized(ctx, held.Revision); err != nil {
			return "", fmt.Errorf("%s: %w", n.Name, err)
		}
		fmt.Fprintf(&state, "%s at revision %d with %d bytes of policy; ", n.Name, held.Revision, len(held.Policy))
	}
	return state.String(), nil
}

// realized reports as an error which endpoint is not at a revision yet.
func (a *agent) realized(ctx context.Context, revision int64) error {
	var endpoints []struct {
		ID     int64
		Status struct {
			State  string
			Policy struct {
				Realized struct {
					Revision int64 `json:"policy-revision"`
				}
			}
		}
	}
	if err := a.get(ctx, "/endpoint", &endpoints); err != nil {
		return err
	}
	for _, e := range endpoints {
		if e.Status.State != "ready" || e.Status.Policy.Realized.Revision < revision {
			return fmt.Errorf("endpoint %d is %s at revision %d of %d", e.ID, e.Status.State, e.Status.Policy.Realized.Revision, revision)
		}
	}
	return nil
}
