package catalog

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync" //nolint:depguard // sync.OnceValue: the embedded catalogue is parsed once, and never changes

	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/nearest"
)

//go:embed services.yaml
var servicesYAML []byte

// embedded reads services.yaml once; a Catalogue never changes.
var embedded = sync.OnceValue(func() *Catalogue {
	c, err := (*Catalogue)(nil).With(servicesYAML)
	if err != nil {
		// No user can mend this, and the tests read the same bytes.
		panic(fmt.Sprintf("catalog: services.yaml: %v", err))
	}
	return c
})

// A Catalogue is a set of named services. It never changes: With returns
// another one, and every Service handed out is a copy. A nil Catalogue is
// empty.
type Catalogue struct {
	services []Service // sorted by name
}

// Embedded returns the catalogue that is built into the binary.
func Embedded() *Catalogue { return embedded() }

// With returns the catalogue with the services of a site file added. A service
// whose name is known replaces the known one whole: what it does not say is not
// inherited. Where this would leave a dangerous port no longer dangerous, the
// entry must say why in its note. The error names line, entry and what to
// change for up to maxComplaints mistakes; c is unchanged in any case.
func (c *Catalogue) With(site []byte) (*Catalogue, error) {
	added, err := c.parse(site)
	if err != nil {
		return nil, err
	}
	services := slices.Concat(added, c.list())
	// Stable, so that of two with one name the added one comes first and stays.
	slices.SortStableFunc(services, func(a, b Service) int { return cmp.Compare(a.Name, b.Name) })
	services = slices.CompactFunc(services, func(a, b Service) bool { return a.Name == b.Name })
	return &Catalogue{services: services}, nil
}

// Lookup returns the service with exactly this name.
func (c *Catalogue) Lookup(name string) (Service, bool) {
	i, found := slices.BinarySearchFunc(c.list(), name, func(s Service, name string) int {
		return strings.Compare(s.Name, name)
	})
	if !found {
		return Service{}, false
	}
	return c.services[i].clone(), true
}

// Nearest returns the name that a mistyped one was meant to be, or "".
func (c *Catalogue) Nearest(name string) string {
	return nearest.Name(name, c.Names())
}

// Names returns the names of all services, sorted.
func (c *Catalogue) Names() []string {
	names := make([]string, 0, len(c.list()))
	for _, s := range c.list() {
		names = append(names, s.Name)
	}
	return names
}

// Services returns all services, sorted by name.
func (c *Catalogue) Services() []Service {
	services := make([]Service, 0, len(c.list()))
	for _, s := range c.list() {
		services = append(services, s.clone())
	}
	return services
}

// DangerousAt returns a dangerous service that listens on any port of r,
// whatever name the conduit gave it: an inline TCP 445 is SMB too. Of several
// it is the first by name.
func (c *Catalogue) DangerousAt(p flow.Protocol, r flow.PortRange) (Service, bool) {
	for _, s := range c.list() {
		if s.Dangerous && s.meets(p, r) {
			return s.clone(), true
		}
	}
	return Service{}, false
}

// list returns the services themselves, for reading only.
func (c *Catalogue) list() []Service {
	if c == nil {
		return nil
	}
	return c.services
}
