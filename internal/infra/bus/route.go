package bus

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// routeTLS makes both ends of a route prove that they know the cluster secret:
// each derives the same key pair from it and accepts no other certificate key.
// No certificate has to be handed out.
func routeTLS(secret string) (*tls.Config, error) {
	if len(secret) < 16 {
		return nil, errors.New("the cluster secret must have 16 characters or more")
	}
	seed, err := hkdf.Key(sha256.New, []byte(secret), nil, "hongyan route v1", ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	key := ed25519.NewKeyFromSeed(seed)
	pub := key.Public().(ed25519.PublicKey)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(20, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, pub, key)
	if err != nil {
		return nil, fmt.Errorf("route certificate: %w", err)
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		ClientAuth:   tls.RequireAnyClientCert,
		// The name does not matter, the key does: it is compared below.
		InsecureSkipVerify: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			if len(cs.PeerCertificates) == 0 {
				return errors.New("route: no certificate")
			}
			got, ok := cs.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
			if !ok || !bytes.Equal(got, pub) {
				return errors.New("route: the peer has another cluster secret")
			}
			return nil
		},
	}, nil
}

// routePassword is what NATS itself compares, derived so that the secret stays here.
func routePassword(secret string) string {
	k, err := hkdf.Key(sha256.New, []byte(secret), nil, "hongyan route password v1", 16)
	if err != nil {
		return ""
	}
	return hex.EncodeToString(k)
}
