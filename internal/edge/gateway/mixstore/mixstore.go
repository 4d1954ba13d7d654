// Package mixstore owns what SDKs are told about file storage, whatever product
// their connection belongs to: the answers of 6-26 to 6-30 before they are
// encoded (docs/protocol/storage.md sections 3, 8 and 11).
//
// It must not know tags, sockets or the rules of who may store what.
package mixstore

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"hongyan/internal/edge/wire"
	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/file"
)

// TTL is how long clients keep what they are told, in s. More than 604800
// overflows a timer of the SDK (docs/protocol/storage.md section 3.4).
const TTL = 86400

// Providers of mixed storage: this server's own upload protocols, and S3.
const (
	NOS = 1
	S3  = 2
)

// Mixed says whether clients shall ask for policies: they refuse to ask for
// download tokens without.
func Mixed(files *file.Service, a *app.App) bool {
	return files != nil && (a.Settings.DownloadAuth || a.Settings.MixedStorage != "off")
}

// Gray is the config of 6-27.
func Gray(files *file.Service, a *app.App) string {
	if Mixed(files, a) {
		return `{"mixStoreEnable":true}`
	}
	return `{"mixStoreEnable":false}`
}

// policy is what clients read of a provider's policy (section 8.1).
type policy struct {
	Priority     int      `json:"priority"`
	DLCDN        string   `json:"dlcdn"`
	DLCDNs       []string `json:"dlcdns"`
	CDNSchema    string   `json:"cdnSchema"`
	UploadConfig struct {
		URLs  []string `json:"uploadUrl"`
		Retry struct {
			Retry     int  `json:"retry"`
			RetryNext bool `json:"retryNext"`
			Circuit   int  `json:"circuit"`
		} `json:"retryPolicy"`
	} `json:"uploadConfig"`
	Auth struct {
		PolicyType string `json:"policyType"`
	} `json:"authPolicy"`
	Thumb struct {
		Image string `json:"imagethumb"`
		Frame string `json:"vframe"`
	} `json:"thumbPolicy"`
}

const (
	// retries is how often a client repeats an upload before it turns to the other
	// provider.
	retries = 2
	// circuit is how long a client stays with the other provider then, in s.
	circuit = 60
)

// Policies is the answer of 6-28; a provider that is not offered has no policy.
type Policies struct {
	Providers string
	NOS, S3   string // JSON
}

// PoliciesFor never fails: the SDK would repeat at once. wanted are the
// providers that the client can use. rewrites says that the client puts our
// hosts into the URLs it receives, as QChat does (section 8.3).
func PoliciesFor(files *file.Service, a *app.App, wanted []int64, rewrites bool) Policies {
	nos := newPolicy(files, a, rewrites)
	nos.Priority = 2
	if a.Settings.MixedStorage == "off" || !slices.Contains(wanted, S3) {
		return Policies{Providers: "1", NOS: encode(nos)}
	}
	s3 := newPolicy(files, a, rewrites)
	s3.UploadConfig.URLs = []string{files.S3Endpoint()}
	s3.Priority = 1
	providers := "2,1"
	if a.Settings.MixedStorage == "nos" {
		s3.Priority, providers = 3, "1,2"
	}
	return Policies{Providers: providers, NOS: encode(nos), S3: encode(s3)}
}

func newPolicy(files *file.Service, a *app.App, rewrites bool) *policy {
	host, own := files.HostOf(a), files.Host()
	p := &policy{CDNSchema: "https://{cdnDomain}/{objectName}"}
	if rewrites {
		// Such a client keeps the path of a received URL and replaces what is before
		// it: with the host alone, every URL of ours stays as it is.
		host, _, _ = strings.Cut(host, "/")
		own = host
	}
	p.DLCDN, p.DLCDNs = host, []string{host}
	if own != host { // messages from before the CDN, and short URLs that were resolved
		p.DLCDNs = append(p.DLCDNs, own)
	}
	p.UploadConfig.URLs = []string{}
	p.UploadConfig.Retry.Retry, p.UploadConfig.Retry.RetryNext, p.UploadConfig.Retry.Circuit = retries, true, circuit
	p.Auth.PolicyType = "-1"
	if a.Settings.DownloadAuth {
		p.Auth.PolicyType = "2,3"
	}
	p.Thumb.Image = p.CDNSchema + "?imageView&thumbnail={x}x{y}"
	p.Thumb.Frame = p.CDNSchema + "?vframe&offset={offset}&resize={x}x{y}&type={type}"
	return p
}

func encode(p *policy) string {
	b, _ := json.Marshal(p) // texts and numbers: cannot fail
	return string(b)
}

// Token is the answer of 6-29 (section 8.2).
type Token struct {
	Provider int64
	file.S3Grant
}

// TokenFor permits one upload by the provider that the client has chosen. It may
// have chosen by a policy from before the app turned mixed storage off, which it
// keeps for TTL: an error would end its upload, not lead it to the other provider.
func TokenFor(ctx context.Context, files *file.Service, a *app.App, provider int64, ask file.Ask) (Token, error) {
	switch {
	case provider == S3:
		g, err := files.GrantS3(ctx, a, ask)
		return Token{Provider: S3, S3Grant: g}, err
	case provider == NOS || provider == 0:
		g, err := files.Grant(a, ask)
		return Token{Provider: NOS, S3Grant: file.S3Grant{Grant: g, Key: g.Object, URL: files.Link(a, g.Object)}}, err
	}
	return Token{}, im.Errorf(im.CodeBadParam, "no such provider")
}

// Auth is the answer of 6-30 (section 11).
type Auth struct {
	Token, Tokens string // Tokens is a JSON list
	TTL           int64
}

// AuthFor makes download tokens: one for all files (type 2), or one per URL
// (type 3).
func AuthFor(files *file.Service, a *app.App, accid string, kind int64, list wire.Value) (Auth, error) {
	switch kind {
	case 2:
		token, ttl := files.DownloadToken(a, accid)
		return Auth{Token: token, TTL: ttl}, nil
	case 3:
		urls, ok := list.Strings()
		if !ok || len(urls) == 0 || strings.IndexByte(list.String(), 0) >= 0 {
			return Auth{}, im.Errorf(im.CodeBadParam, "urls must be a list of texts")
		}
		tokens, ttl, err := files.URLTokens(a, accid, urls)
		if err != nil {
			return Auth{}, err
		}
		b, _ := json.Marshal(tokens) // texts: cannot fail
		out := Auth{Tokens: string(b), TTL: ttl}
		if len(tokens) == 1 {
			out.Token = tokens[0]
		}
		return out, nil
	}
	return Auth{}, im.Errorf(im.CodeBadParam, "type is 2 or 3")
}
