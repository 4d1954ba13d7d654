// Package seal owns the master key: it seals secrets that must be recoverable
// (app secrets, hook keys) and derives the key under which static tokens are
// hashed.
//
// It must not know what the secrets mean or where they are stored.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// EnvMasterKey holds the key as 64 hex characters where no file may be kept.
const EnvMasterKey = "HONGYAN_MASTER_KEY"

// Keyring seals and opens secrets. All nodes of a cluster share one key.
type Keyring struct {
	aead   cipher.AEAD
	token  []byte
	file   []byte
	access []byte
	check  string
}

// New returns the keyring of a 32-byte master key.
func New(master []byte) (*Keyring, error) {
	if len(master) != 32 {
		return nil, fmt.Errorf("master key has %d bytes, want 32", len(master))
	}
	k := &Keyring{}
	sealKey, err := hkdf.Key(sha256.New, master, nil, "hongyan seal v1", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(sealKey)
	if err != nil {
		return nil, err
	}
	if k.aead, err = cipher.NewGCM(block); err != nil {
		return nil, err
	}
	if k.token, err = hkdf.Key(sha256.New, master, nil, "hongyan token v1", 32); err != nil {
		return nil, err
	}
	if k.file, err = hkdf.Key(sha256.New, master, nil, "hongyan file v1", 32); err != nil {
		return nil, err
	}
	if k.access, err = hkdf.Key(sha256.New, master, nil, "hongyan access v1", 32); err != nil {
		return nil, err
	}
	check, err := hkdf.Key(sha256.New, master, nil, "hongyan check v1", 16)
	if err != nil {
		return nil, err
	}
	k.check = hex.EncodeToString(check)
	return k, nil
}

// Load returns the keyring of the environment's key, else of DIR/master.key,
// which it makes (mode 0600) when absent.
func Load(dir string) (*Keyring, error) {
	if env := os.Getenv(EnvMasterKey); env != "" {
		return parse(env, EnvMasterKey)
	}
	file := filepath.Join(dir, "master.key")
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return create(dir, file)
	}
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	return parse(string(text), file)
}

func parse(text, where string) (*Keyring, error) {
	raw, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != 32 {
		return nil, fmt.Errorf("%s: want 64 hex characters", where)
	}
	return New(raw)
}

func create(dir, file string) (*Keyring, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails since Go 1.24
	tmp, err := os.CreateTemp(dir, "master.key.*")
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(hex.EncodeToString(raw) + "\n")
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	// Link fails if another process was faster; its key is then the key.
	if err == nil {
		err = os.Link(tmp.Name(), file)
	}
	if errors.Is(err, os.ErrExist) {
		return Load(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	return New(raw)
}

// Seal encrypts text; bind names its place, so that a sealed value copied to
// another place does not open.
func (k *Keyring) Seal(text, bind string) []byte {
	nonce := make([]byte, k.aead.NonceSize())
	_, _ = rand.Read(nonce)
	return k.aead.Seal(nonce, nonce, []byte(text), []byte(bind))
}

// Open is the inverse of Seal.
func (k *Keyring) Open(sealed []byte, bind string) (string, error) {
	n := k.aead.NonceSize()
	if len(sealed) < n {
		return "", errors.New("sealed value too short")
	}
	plain, err := k.aead.Open(nil, sealed[:n], sealed[n:], []byte(bind))
	if err != nil {
		return "", errors.New("sealed value does not open: wrong master key?")
	}
	return string(plain), nil
}

// TokenKey keys the hash of static tokens.
func (k *Keyring) TokenKey() []byte { return k.token }

// FileKey signs upload and download tokens of files.
func (k *Keyring) FileKey() []byte { return k.file }

// AccessKey signs access tokens of the Easemob API.
func (k *Keyring) AccessKey() []byte { return k.access }

// Check is a public value that tells two master keys apart.
func (k *Keyring) Check() string { return k.check }
