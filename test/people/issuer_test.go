package people_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"
)

// An issuer is a small identity provider: OpenID Connect discovery and a key,
// over TLS with an authority of its own, and tokens with any claims.
type issuer struct {
	*httptest.Server
	key *rsa.PrivateKey
}

// audience is that of config/samples/strong-authentication.
const audience = "kubernetes"

func newIssuer() (*issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	i := &issuer{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys",
			"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"},
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []map[string]string{{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "test",
			"n": encoded(key.N.Bytes()), "e": encoded([]byte{1, 0, 1}),
		}}})
	})
	i.Server = httptest.NewTLSServer(mux)
	return i, nil
}

// authority is the certificate by which the API server knows the issuer.
func (i *issuer) authority() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw}))
}

func encoded(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// token signs claims. Issuer, audience, time of issue and end are given unless
// the claims say otherwise; a claim of nil is left out.
func (i *issuer) token(subject string, claims map[string]any) (string, error) {
	all := map[string]any{
		"iss": i.URL, "aud": audience, "sub": subject, "groups": []string{"security"},
		"iat": time.Now().Unix(), "exp": time.Now().Add(10 * time.Minute).Unix(),
	}
	for k, v := range claims {
		all[k] = v
		if v == nil {
			delete(all, k)
		}
	}
	body, err := json.Marshal(all)
	if err != nil {
		return "", err
	}
	signed := encoded([]byte(`{"alg":"RS256","kid":"test","typ":"JWT"}`)) + "." + encoded(body)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return signed + "." + encoded(signature), nil
}
