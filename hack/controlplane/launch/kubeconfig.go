package launch

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// kubeconfig returns the file with which the user reaches the server. It is
// JSON, which every reader of YAML reads.
func kubeconfig(server string, ca []byte, user string, pair keyPair) ([]byte, error) {
	type object map[string]any
	file, err := json.MarshalIndent(object{
		"apiVersion":      "v1",
		"kind":            "Config",
		"current-context": "medfence",
		"clusters": []object{{"name": "medfence", "cluster": object{
			"server":                     server,
			"certificate-authority-data": ca, // bytes are base64 in JSON, as wanted
		}}},
		"users": []object{{"name": user, "user": object{
			"client-certificate-data": pair.cert,
			"client-key-data":         pair.key,
		}}},
		"contexts": []object{{"name": "medfence", "context": object{"cluster": "medfence", "user": user}}},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the kubeconfig of %s: %w", user, err)
	}
	return append(file, '\n'), nil
}

// UserKubeconfig returns a kubeconfig of a user with groups, for the control
// plane that runs in dir. Being a certificate and not an impersonation, it can
// itself impersonate where RBAC permits.
func UserKubeconfig(dir, user string, groups ...string) ([]byte, error) {
	if user == "" {
		return nil, errors.New("a user needs a name")
	}
	ready, err := os.ReadFile(filepath.Join(dir, readyFile))
	if err != nil {
		return nil, fmt.Errorf("no control plane runs in %s, start one with `controlplane up`: %w", dir, err)
	}
	var r Ready
	if err := json.Unmarshal(ready, &r); err != nil {
		return nil, fmt.Errorf("reading %s: %w", readyFile, err)
	}
	ca, err := readAuthority(filepath.Join(dir, pkiDir))
	if err != nil {
		return nil, err
	}
	pair, err := ca.client(user, groups...)
	if err != nil {
		return nil, err
	}
	return kubeconfig(r.Server, ca.pair.cert, user, pair)
}

// writeKubeconfig makes a client of the user and writes its kubeconfig.
func writeKubeconfig(path, server string, ca authority, user string, groups ...string) error {
	pair, err := ca.client(user, groups...)
	if err != nil {
		return err
	}
	file, err := kubeconfig(server, ca.pair.cert, user, pair)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		return fmt.Errorf("writing a kubeconfig: %w", err)
	}
	return nil
}
