package blobstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"gocloud.dev/gcerrors"

	"hongyan/internal/im/file"
)

// DirectConfig names the bucket that clients upload to themselves.
type DirectConfig struct {
	URL  string // s3://BUCKET?region=...&endpoint=...
	Role string // ARN of the role that clients get for one object each; "" = Keys
	STS  string // URL of the STS; "" = that of the region
	Keys string // ID:SECRET that every client gets, where there is no STS
}

// Direct implements file.Direct. It is safe for concurrent use.
type Direct struct {
	*Store
	endpoint, bucket, region string
	role                     string
	sts                      *sts.Client // nil with static keys
	id, secret               string
}

// OpenDirect opens the bucket. Its own credentials come from the usual
// environment variables and files, as those of Open do.
func OpenDirect(ctx context.Context, c DirectConfig) (*Direct, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("open the bucket of uploads: the URL is none")
	}
	q := u.Query()
	d := &Direct{bucket: u.Host, region: q.Get("region"), endpoint: strings.TrimSuffix(q.Get("endpoint"), "/"), role: c.Role}
	if d.region == "" {
		return nil, errors.New("open the bucket of uploads: the URL names no region")
	}
	if d.endpoint == "" {
		d.endpoint = "https://s3." + d.region + ".amazonaws.com"
	}
	d.id, d.secret, _ = strings.Cut(c.Keys, ":")
	if c.Role != "" {
		conf, err := config.LoadDefaultConfig(ctx, config.WithRegion(d.region))
		if err != nil {
			return nil, fmt.Errorf("open the bucket of uploads: %w", err)
		}
		d.sts = sts.NewFromConfig(conf, func(o *sts.Options) {
			if c.STS != "" {
				o.BaseEndpoint = aws.String(c.STS)
			}
		})
	}
	if d.Store, err = Open(ctx, c.URL, ""); err != nil {
		return nil, err
	}
	return d, nil
}

// Where implements file.Direct.
func (d *Direct) Where() (endpoint, bucket, region string) { return d.endpoint, d.bucket, d.region }

// session is the name that the store's log has for what clients do.
const session = "hongyan-upload"

// Credentials implements file.Direct. Those of STS may write one key and nothing
// else; static ones may what they may.
func (d *Direct) Credentials(ctx context.Context, key string, ttlSec int64) (file.S3Keys, error) {
	if err := checkKey(key); err != nil {
		return file.S3Keys{}, err
	}
	if d.sts == nil {
		return file.S3Keys{AccessKey: d.id, Secret: d.secret, Expires: time.Now().Unix() + ttlSec}, nil
	}
	policy, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect": "Allow", "Action": []string{"s3:PutObject", "s3:AbortMultipartUpload"}, "Resource": "arn:aws:s3:::" + d.bucket + "/" + key,
	}}})
	if err != nil {
		return file.S3Keys{}, err
	}
	out, err := d.sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String(d.role), RoleSessionName: aws.String(session),
		DurationSeconds: aws.Int32(int32(ttlSec)), Policy: aws.String(string(policy))})
	if err != nil {
		return file.S3Keys{}, fmt.Errorf("assume the role of uploads: %w", err)
	}
	c := out.Credentials
	if c == nil || c.Expiration == nil {
		return file.S3Keys{}, errors.New("assume the role of uploads: no credentials in the answer")
	}
	return file.S3Keys{AccessKey: aws.ToString(c.AccessKeyId), Secret: aws.ToString(c.SecretAccessKey), Session: aws.ToString(c.SessionToken),
		Expires: c.Expiration.Unix()}, nil
}

// Stat implements file.Direct.
func (d *Direct) Stat(ctx context.Context, key string) (file.DirectObject, error) {
	if err := checkKey(key); err != nil {
		return file.DirectObject{}, err
	}
	a, err := d.Store.bucket.Attributes(ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return file.DirectObject{}, file.ErrNoBlob
	}
	if err != nil {
		return file.DirectObject{}, err
	}
	return file.DirectObject{Size: a.Size, Type: a.ContentType, Token: a.Metadata["token"], ETag: a.ETag, Modified: a.ModTime}, nil
}
