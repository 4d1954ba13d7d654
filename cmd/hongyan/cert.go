package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"hongyan/internal/config"
	"hongyan/internal/infra/cert"
	"hongyan/internal/obs"
)

// certSettings are the settings that decide which certificate is used and what it covers.
func certSettings() []string {
	return []string{"config", "data", "listen", "http", "public", "tls-cert", "tls-key", "acme-domain", "acme-email", "acme-ca"}
}

type certCmd struct {
	settingFlags `embed:""`

	Show  certShowCmd  `cmd:"" help:"Print the certificates in use and until when they are valid."`
	CA    certCACmd    `cmd:"" name:"ca" help:"Print path and fingerprint of the development CA, which clients must trust; make it if there is none."`
	Renew certRenewCmd `cmd:"" help:"Issue a new development certificate; a running server uses it within seconds."`
}

type (
	certShowCmd  struct{}
	certCACmd    struct{}
	certRenewCmd struct{}
)

// Run implements the command.
func (certShowCmd) Run(parent *cli, out output) error {
	cfg, err := parent.Cert.load()
	if err != nil {
		return err
	}
	infos, err := cert.Describe(cfg)
	if err != nil {
		return fmt.Errorf("%w; the server makes what is missing at its first start", err)
	}
	for i, info := range infos {
		if i > 0 {
			fmt.Fprintln(out.Out)
		}
		printCert(out.Out, info)
	}
	return nil
}

func printCert(w io.Writer, i cert.Info) {
	fmt.Fprintf(w, "%s\n  file         %s\n  subject      %s\n", i.Role, i.Path, i.Subject)
	if i.Issuer != i.Subject {
		fmt.Fprintf(w, "  issuer       %s\n", i.Issuer)
	}
	if len(i.Names) > 0 {
		fmt.Fprintf(w, "  hosts        %s\n", strings.Join(i.Names, ", "))
	}
	state := fmt.Sprintf("%d days left", int(time.Until(i.NotAfter).Hours()/24))
	if i.Expired(time.Now()) {
		state = "EXPIRED"
	}
	fmt.Fprintf(w, "  valid        %s to %s (%s)\n  SHA-256      %s\n",
		i.NotBefore.Format(time.DateOnly), i.NotAfter.Format(time.DateOnly), state, i.Fingerprint)
}

// development refuses where certificates come from somewhere else.
func development(cfg *config.Config) error {
	switch {
	case len(cfg.TLS.ACMEDomains) > 0:
		return errors.New("the certificate comes from ACME, which the running server renews by itself")
	case cfg.TLS.CertFile != "":
		return fmt.Errorf("the certificate is the file %s: replace it, and a running server uses the new one", cfg.TLS.CertFile)
	}
	return nil
}

// Run implements the command.
func (certCACmd) Run(parent *cli, out output) error {
	cfg, err := parent.Cert.load()
	if err != nil {
		return err
	}
	if err := development(cfg); err != nil {
		return err
	}
	if err := cert.EnsureDevelopment(cfg, obs.Discard(), time.Now()); err != nil {
		return err
	}
	infos, err := cert.Describe(cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(out.Out, "%s\nSHA-256 %s\n", infos[0].Path, infos[0].Fingerprint)
	return nil
}

// Run implements the command.
func (certRenewCmd) Run(parent *cli, out output) error {
	cfg, err := parent.Cert.load()
	if err != nil {
		return err
	}
	if err := development(cfg); err != nil {
		return err
	}
	if err := cert.RenewDevelopment(cfg, obs.Discard(), time.Now()); err != nil {
		return err
	}
	infos, err := cert.Describe(cfg)
	if err != nil {
		return err
	}
	printCert(out.Out, infos[len(infos)-1])
	return nil
}
