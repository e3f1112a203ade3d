package launch

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// validity outlives any test and any demo; nothing renews these certificates.
const validity = 365 * 24 * time.Hour

// A keyPair is a certificate and its key, in PEM.
type keyPair struct{ cert, key []byte }

// write puts the pair where a program can be told to find it.
func (p keyPair) write(dir, name string) error {
	return errors.Join(
		os.WriteFile(filepath.Join(dir, name+".crt"), p.cert, 0o600),
		os.WriteFile(filepath.Join(dir, name+".key"), p.key, 0o600))
}

func readKeyPair(dir, name string) (keyPair, error) {
	cert, err := os.ReadFile(filepath.Join(dir, name+".crt"))
	if err != nil {
		return keyPair{}, fmt.Errorf("reading a certificate: %w", err)
	}
	key, err := os.ReadFile(filepath.Join(dir, name+".key"))
	if err != nil {
		return keyPair{}, fmt.Errorf("reading a key: %w", err)
	}
	return keyPair{cert: cert, key: key}, nil
}

// An authority signs every certificate of one control plane, and of no other:
// two instances that meet on a port by accident do not trust each other.
type authority struct {
	pair   keyPair
	cert   *x509.Certificate
	signer *ecdsa.PrivateKey
}

func newAuthority() (authority, error) {
	return issue(authority{}, &x509.Certificate{
		Subject:               pkix.Name{CommonName: "medfence-controlplane"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	})
}

func readAuthority(dir string) (authority, error) {
	pair, err := readKeyPair(dir, "ca")
	if err != nil {
		return authority{}, err
	}
	loaded, err := tls.X509KeyPair(pair.cert, pair.key)
	if err != nil {
		return authority{}, fmt.Errorf("parsing the authority: %w", err)
	}
	signer, ok := loaded.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return authority{}, errors.New("the authority's key is not one that this launcher made")
	}
	return authority{pair: pair, cert: loaded.Leaf, signer: signer}, nil
}

// server signs for whatever names a client on this machine, or the service
// network, may call the server by. etcd calls itself, hence client use too.
func (a authority) server(name string, ips ...net.IP) (keyPair, error) {
	issued, err := issue(a, &x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames: []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"kubernetes.default.svc.cluster.local"},
		IPAddresses: append([]net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, ips...),
	})
	return issued.pair, err
}

// client signs for a user and their groups, as the API server reads them.
func (a authority) client(user string, groups ...string) (keyPair, error) {
	issued, err := issue(a, &x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return issued.pair, err
}

// issue completes the template and signs it; an empty parent means itself.
func issue(parent authority, template *x509.Certificate) (authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}, fmt.Errorf("making a key: %w", err)
	}
	template.NotBefore = time.Now().Add(-time.Hour) // clocks that were set back
	template.NotAfter = time.Now().Add(validity)
	if parent.cert == nil {
		parent = authority{cert: template, signer: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.cert, &key.PublicKey, parent.signer)
	if err != nil {
		return authority{}, fmt.Errorf("signing the certificate of %s: %w", template.Subject.CommonName, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return authority{}, fmt.Errorf("parsing the certificate of %s: %w", template.Subject.CommonName, err)
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return authority{}, err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return authority{pair: keyPair{cert: certPEM, key: keyPEM}, cert: cert, signer: key}, nil
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

// newPKI writes all that the programs are told to read, and returns the
// authority. Every start makes a new one.
func newPKI(dir string, addresses ...net.IP) (authority, error) {
	ca, err := newAuthority()
	if err != nil {
		return authority{}, err
	}
	server, err := ca.server("kube-apiserver", append(addresses, net.IPv4(10, 96, 0, 1))...)
	if err != nil {
		return authority{}, err
	}
	etcd, err := ca.server("etcd")
	if err != nil {
		return authority{}, err
	}
	// The service accounts' key needs no certificate; the pair is the simplest way to one.
	accounts, err := ca.client("service-accounts")
	if err != nil {
		return authority{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return authority{}, fmt.Errorf("making the directory of keys: %w", err)
	}
	return ca, errors.Join(ca.pair.write(dir, "ca"), server.write(dir, "server"),
		etcd.write(dir, "etcd"), accounts.write(dir, "service-accounts"))
}
