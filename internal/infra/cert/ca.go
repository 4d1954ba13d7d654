package cert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

const (
	caLife   = 10 * 365 * 24 * time.Hour
	leafLife = 397 * 24 * time.Hour // the longest that browsers accept
	// renewBefore is the rest of its life in which the leaf is replaced.
	renewBefore = 30 * 24 * time.Hour
	// backdate forgives clients whose clock is a little slow.
	backdate = time.Hour
)

// Names of the files in DATA/tls.
const (
	caFile      = "ca.pem"
	caKeyFile   = "ca.key"
	leafFile    = "leaf.pem"
	leafKeyFile = "leaf.key"
)

// authority is the development CA in a directory.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey // nil when the operator has taken it away
}

// openAuthority reads the CA or makes it. The key is created exclusively and everything else of the CA follows from it,
// so processes that do this at the same time, or a crash in the middle, end with one CA.
func openAuthority(dir string, now time.Time) (*authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	a := &authority{dir: dir}
	certPath, keyPath := filepath.Join(dir, caFile), filepath.Join(dir, caKeyFile)
	cert, err := readCert(certPath)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	a.cert = cert
	a.key, err = readKey(keyPath)
	switch {
	case errors.Is(err, fs.ErrNotExist) && a.cert != nil:
		return a, nil // serves as long as the leaf does
	case errors.Is(err, fs.ErrNotExist):
		if a.key, err = createKey(keyPath); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	}
	if a.cert != nil && !a.key.PublicKey.Equal(a.cert.PublicKey) {
		return nil, fmt.Errorf("%s is not the key of %s: restore the right one, or remove both to make a new CA", keyPath, certPath)
	}
	if a.cert == nil || a.cert.NotAfter.Before(now.Add(renewBefore)) {
		a.cert, err = a.selfSign(now)
		if err != nil {
			return nil, err
		}
		if err := writeFile(certPath, certPEM(a.cert.Raw), 0o644); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *authority) selfSign(now time.Time) (*x509.Certificate, error) {
	public, err := x509.MarshalPKIXPublicKey(&a.key.PublicKey)
	if err != nil {
		return nil, err
	}
	// The name holds a part of the key's hash, so that the CAs of several servers can be told apart in a trust store.
	sum := sha256.Sum256(public)
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{Organization: []string{"Hongyan"}, CommonName: "Hongyan development CA " + hex.EncodeToString(sum[:4])},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(caLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
		SubjectKeyId:          sum[:20],
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// leafFault says why the present leaf cannot be used, or nothing.
func (a *authority) leafFault(hosts []string, now time.Time) string {
	leaf, err := readCert(filepath.Join(a.dir, leafFile))
	if err != nil {
		return "there is none, or it cannot be read"
	}
	key, err := readKey(filepath.Join(a.dir, leafKeyFile))
	switch {
	case err != nil || !key.PublicKey.Equal(leaf.PublicKey):
		return "its key does not fit"
	case leaf.CheckSignatureFrom(a.cert) != nil:
		return "another CA has issued it"
	case leaf.NotAfter.Before(now.Add(renewBefore)):
		return "it expires soon"
	case leaf.NotBefore.After(now):
		return "it is not valid yet"
	}
	for _, h := range hosts {
		if leaf.VerifyHostname(h) != nil {
			return "it does not cover " + h
		}
	}
	return ""
}

func (a *authority) issueLeaf(hosts []string, now time.Time) error {
	if a.key == nil {
		return fmt.Errorf("a new certificate is needed and %s is not there: restore it, or remove %s to make a new CA",
			filepath.Join(a.dir, caKeyFile), filepath.Join(a.dir, caFile))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{Organization: []string{"Hongyan"}, CommonName: hosts[0]},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(leafLife),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, h := range hosts {
		if ip, err := netip.ParseAddr(h); err == nil {
			template.IPAddresses = append(template.IPAddresses, ip.AsSlice())
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return err
	}
	private, err := keyPEM(key)
	if err != nil {
		return err
	}
	// A crash between the two leaves a pair that does not fit, which leafFault sees at the next start.
	if err := writeFile(filepath.Join(a.dir, leafKeyFile), private, 0o600); err != nil {
		return err
	}
	return writeFile(filepath.Join(a.dir, leafFile), certPEM(der), 0o644)
}

func createKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	private, err := keyPEM(key)
	if err != nil {
		return nil, err
	}
	if err := createFile(path, private, 0o600); errors.Is(err, fs.ErrExist) {
		return readKey(path) // another process was faster
	} else if err != nil {
		return nil, err
	}
	return key, nil
}

func serial() *big.Int {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[0] &= 0x7f        // positive
	b[0] |= 0x40        // and of full length
	return new(big.Int).SetBytes(b)
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func keyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func readCert(path string) (*x509.Certificate, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(raw)
	for block != nil && block.Type != "CERTIFICATE" { // the key may come first in the same file
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM certificate", path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return cert, nil
}

func readKey(path string) (*ecdsa.PrivateKey, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM key", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s is not an ECDSA key", path)
	}
	return ec, nil
}
