package controlplane

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// The programs that can be killed and restarted.
const (
	Etcd      = "etcd"
	APIServer = "kube-apiserver"
)

// Kill ends a program of the control plane as a crash would, and returns when
// it is gone. Calls of Kill and Restart must not overlap.
func (c *Cluster) Kill(program string) error { return c.order("kill " + program) }

// Restart starts a program that was killed, with the data and the port that it
// had, and returns when the API server answers, if that was not killed too.
func (c *Cluster) Restart(program string) error { return c.order("restart " + program) }

// order has the launcher do something.
func (c *Cluster) order(order string) error {
	if _, err := fmt.Fprintln(c.stdin, order); err != nil {
		return fmt.Errorf("ordering the launcher to %s: %w", order, err)
	}
	line, err := c.answers.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("ordering the launcher to %s: it ended (%w): its log is above", order, err)
	}
	var answer struct{ Error string }
	if err := json.Unmarshal(line, &answer); err != nil {
		return fmt.Errorf("reading what the launcher answers: %w", err)
	}
	if answer.Error != "" {
		return fmt.Errorf("ordering the launcher to %s: %s", order, answer.Error)
	}
	return nil
}

// EtcdTLS returns the credentials of a client of etcd, which may read and write
// everything there.
func (c *Cluster) EtcdTLS() (*tls.Config, error) {
	file := func(name string) string { return filepath.Join(c.Dir, "pki", name) }
	pair, err := tls.LoadX509KeyPair(file("etcd.crt"), file("etcd.key"))
	if err != nil {
		return nil, fmt.Errorf("loading a certificate for etcd: %w", err)
	}
	ca, err := os.ReadFile(file("ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("reading the authority of etcd: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("the authority of etcd is no certificate")
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}
