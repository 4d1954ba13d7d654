package s3gw

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"hongyan/internal/im/file"
)

const (
	algorithm = "AWS4-HMAC-SHA256"
	// skew is how far a client's clock may be away.
	skew = 15 * time.Minute
	// maxSigned bounds the headers that a request names as signed; SDKs sign some
	// ten.
	maxSigned  = 64
	amzTime    = "20060102T150405Z"
	unsigned   = "UNSIGNED-PAYLOAD"
	hashHeader = "X-Amz-Content-Sha256"
)

// credential is the Authorization header of a request, read.
type credential struct {
	accessKey, date, region string
	signed                  []string // lower-case, ascending
	signature               string
}

// parseAuthorization reads the header; everything that is wrong with it has an
// error of its own.
func parseAuthorization(h string) (credential, *apiError) {
	var c credential
	switch {
	case h == "":
		return c, errAccess("the request is not signed")
	case strings.HasPrefix(h, "AWS "):
		return c, newError("InvalidRequest", http.StatusBadRequest, "the signature must be "+algorithm)
	}
	rest, ok := strings.CutPrefix(h, algorithm+" ")
	if !ok {
		return c, newError("InvalidArgument", http.StatusBadRequest, "unsupported authorization type")
	}
	seen := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := seen[name]; !ok || twice || value == "" {
			return c, errMalformed("the authorization header is malformed")
		}
		seen[name] = value
	}
	if len(seen) != 3 || seen["Credential"] == "" || seen["SignedHeaders"] == "" || seen["Signature"] == "" {
		return c, errMalformed("the authorization header needs Credential, SignedHeaders and Signature")
	}
	scope := strings.Split(seen["Credential"], "/")
	if len(scope) != 5 || scope[3] != "s3" || scope[4] != "aws4_request" {
		return c, errMalformed("the credential must be KEY/DATE/REGION/s3/aws4_request")
	}
	c.accessKey, c.date, c.region = scope[0], scope[1], scope[2]
	if c.region != file.S3Region {
		e := errMalformed("the region '" + printable(c.region) + "' is wrong; expecting '" + file.S3Region + "'")
		e.region = file.S3Region
		return c, e
	}
	c.signed = strings.Split(seen["SignedHeaders"], ";")
	if len(c.signed) > maxSigned || !slices.IsSorted(c.signed) || len(slices.Compact(slices.Clone(c.signed))) != len(c.signed) ||
		strings.ToLower(seen["SignedHeaders"]) != seen["SignedHeaders"] || slices.Contains(c.signed, "") {
		return c, errMalformed("SignedHeaders must be ascending, each once, in small letters")
	}
	c.signature = seen["Signature"]
	if b, err := hex.DecodeString(c.signature); err != nil || len(b) != sha256.Size {
		return c, errMalformed("the signature must be 64 hex characters")
	}
	return c, nil
}

// signedAt is when the request says that it was signed.
func signedAt(r *http.Request) (time.Time, bool) {
	if d := r.Header.Get("X-Amz-Date"); d != "" {
		t, err := time.Parse(amzTime, d)
		return t, err == nil
	}
	t, err := http.ParseTime(r.Header.Get("Date"))
	return t.UTC(), err == nil
}

// authenticate says what a request may do, its upload policy, and what the pieces
// of its body are signed with.
func (h *Handler) authenticate(r *http.Request) (*file.Policy, *chain, *apiError) {
	if r.URL.Query().Has("X-Amz-Signature") || r.URL.Query().Has("Signature") {
		return nil, nil, newError("InvalidRequest", http.StatusBadRequest, "signatures in the query are not accepted")
	}
	c, e := parseAuthorization(r.Header.Get("Authorization"))
	if e != nil {
		return nil, nil, e
	}
	at, ok := signedAt(r)
	if !ok {
		return nil, nil, errAccess("the request needs a valid x-amz-date or Date header")
	}
	if d := h.clock().Sub(at); d > skew || d < -skew {
		return nil, nil, newError("RequestTimeTooSkewed", http.StatusForbidden, "the difference between the request time and the server's time is too large")
	}
	if at.Format("20060102") != c.date {
		return nil, nil, errMalformed("the date of the credential is not that of the request")
	}
	if !slices.Contains(c.signed, "host") {
		return nil, nil, errMalformed("host must be signed")
	}
	for name := range r.Header {
		if low := strings.ToLower(name); strings.HasPrefix(low, "x-amz-") && !slices.Contains(c.signed, low) {
			return nil, nil, errAccess("there were headers present in the request which were not signed: " + printable(low))
		}
	}
	if len(r.Header.Values("X-Amz-Security-Token")) > 1 {
		return nil, nil, newError("InvalidToken", http.StatusBadRequest, "more than one security token")
	}
	p, secret, err := h.files.VerifyS3(c.accessKey, r.Header.Get("X-Amz-Security-Token"))
	if err != nil {
		return nil, nil, apiErrorOf(err)
	}
	canonical, e := canonicalRequest(r, c.signed)
	if e != nil {
		return nil, nil, e
	}
	pieces := newChain(secret, c, at)
	if !hmac.Equal([]byte(pieces.request(canonical)), []byte(strings.ToLower(c.signature))) {
		return nil, nil, newError("SignatureDoesNotMatch", http.StatusForbidden,
			"the signature we calculated does not match the one provided; check the key, the signing method and that no proxy changes Host or path")
	}
	return p, pieces, nil
}

// canonicalRequest is the text that a client signs the digest of.
func canonicalRequest(r *http.Request, signed []string) (string, *apiError) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", errArgument("the query is malformed")
	}
	var b strings.Builder
	b.WriteString(r.Method + "\n" + escape(r.URL.Path, true) + "\n")
	var pairs []string
	for name, values := range q {
		for _, v := range values {
			pairs = append(pairs, escape(name, false)+"="+escape(v, false))
		}
	}
	sort.Strings(pairs)
	b.WriteString(strings.Join(pairs, "&") + "\n")
	for _, name := range signed {
		values := slices.Clone(r.Header.Values(name))
		switch {
		case name == "host":
			values = []string{r.Host}
		case name == "content-length" && len(values) == 0:
			values = []string{strconv.FormatInt(r.ContentLength, 10)}
		}
		for i, v := range values {
			values[i] = strings.Join(strings.Fields(v), " ")
		}
		b.WriteString(name + ":" + strings.Join(values, ",") + "\n")
	}
	b.WriteString("\n" + strings.Join(signed, ";") + "\n" + r.Header.Get(hashHeader))
	return b.String(), nil
}

// chain signs a request, then the pieces of its body, each over the one before it.
type chain struct {
	key         []byte
	time, scope string
	last        string // signature, hex
}

func newChain(secret string, c credential, at time.Time) *chain {
	k := &chain{key: []byte("AWS4" + secret), time: at.Format(amzTime), scope: c.date + "/" + c.region + "/s3/aws4_request"}
	for _, part := range []string{c.date, c.region, "s3", "aws4_request"} {
		m := hmac.New(sha256.New, k.key)
		m.Write([]byte(part))
		k.key = m.Sum(nil)
	}
	return k
}

func (c *chain) sign(kind string, parts ...string) string {
	m := hmac.New(sha256.New, c.key)
	m.Write([]byte(kind + "\n" + c.time + "\n" + c.scope + "\n" + strings.Join(parts, "\n")))
	c.last = hex.EncodeToString(m.Sum(nil))
	return c.last
}

// request is the signature of the canonical text of a request.
func (c *chain) request(canonical string) string { return c.sign(algorithm, hexHash(canonical)) }

// piece is the signature of a piece with this digest.
func (c *chain) piece(sum []byte) string {
	return c.sign(algorithm+"-PAYLOAD", c.last, hexHash(""), hex.EncodeToString(sum))
}

// trailer is the signature of the lines behind the last piece.
func (c *chain) trailer(lines string) string {
	return c.sign("AWS4-HMAC-SHA256-TRAILER", c.last, hexHash(lines))
}

func hexHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// escape is the encoding of signatures: everything but letters, digits and
// -._~ as %XX.
func escape(s string, path bool) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 || path && c == '/' {
			b.WriteByte(c)
			continue
		}
		b.WriteString(string([]byte{'%', digits[c>>4], digits[c&15]}))
	}
	return b.String()
}

// printable shortens a client's text for an error message.
func printable(s string) string {
	if len(s) > 64 {
		s = s[:64]
	}
	return strings.Map(func(c rune) rune {
		if c < 0x20 || c > 0x7e {
			return '?'
		}
		return c
	}, s)
}
