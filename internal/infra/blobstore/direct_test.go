package blobstore

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im/file"
)

// An STS of the operator's: it is asked for a role that may write one object.
func TestAssumeRole(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "own")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "own-secret")
	status := 200
	var asked string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if r.Form.Get("Action") != "AssumeRole" || r.Form.Get("RoleArn") != "arn:aws:iam::1:role/up" || r.Form.Get("DurationSeconds") != "900" ||
			!strings.Contains(r.Header.Get("Authorization"), "Credential=own/") {
			t.Errorf("asked for %v", r.Form)
		}
		asked = r.Form.Get("Policy")
		w.WriteHeader(status)
		if status == 200 {
			_, _ = io.WriteString(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
				<AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>sec</SecretAccessKey><SessionToken>tok</SessionToken><Expiration>2030-01-02T03:04:05Z</Expiration>
				</Credentials></AssumeRoleResult></AssumeRoleResponse>`)
			return
		}
		_, _ = io.WriteString(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>`)
	}))
	defer srv.Close()
	d, err := OpenDirect(t.Context(), DirectConfig{URL: "s3://up?region=eu-central-1", Role: "arn:aws:iam::1:role/up", STS: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if endpoint, bucket, region := d.Where(); endpoint != "https://s3.eu-central-1.amazonaws.com" || bucket != "up" || region != "eu-central-1" {
		t.Errorf("%s %s %s", endpoint, bucket, region)
	}
	k, err := d.Credentials(t.Context(), "one.abc", 900)
	want := file.S3Keys{AccessKey: "ASIA", Secret: "sec", Session: "tok", Expires: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).Unix()}
	if err != nil || k != want {
		t.Errorf("%+v, %v", k, err)
	}
	var policy struct {
		Statement []struct {
			Effect, Resource string
			Action           []string
		}
	}
	if err := json.Unmarshal([]byte(asked), &policy); err != nil || len(policy.Statement) != 1 || policy.Statement[0].Resource != "arn:aws:s3:::up/one.abc" ||
		strings.Join(policy.Statement[0].Action, " ") != "s3:PutObject s3:AbortMultipartUpload" || policy.Statement[0].Effect != "Allow" {
		t.Errorf("policy %s, %v", asked, err)
	}
	if _, err := d.Credentials(t.Context(), "../*", 900); err == nil {
		t.Error("a key that is a pattern")
	}
	status = 403
	if _, err := d.Credentials(t.Context(), "one.abc", 900); err == nil {
		t.Error("refused, and yet credentials")
	}
	if _, err := OpenDirect(t.Context(), DirectConfig{URL: "s3://up"}); err == nil {
		t.Error("no region")
	}
}

func TestStat(t *testing.T) {
	endpoint := hytest.S3(t, "uploads")
	d, err := OpenDirect(t.Context(), DirectConfig{URL: "s3://uploads?region=us-east-1&use_path_style=true&endpoint=" + endpoint, Keys: "a:b:c"})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if k, err := d.Credentials(t.Context(), "one.abc", 900); err != nil || k.AccessKey != "a" || k.Secret != "b:c" || k.Session != "" {
		t.Errorf("%+v, %v", k, err)
	}
	if _, err := d.Stat(t.Context(), "one.abc"); !errors.Is(err, file.ErrNoBlob) {
		t.Errorf("absent: %v", err)
	}
	if _, err := d.Put(t.Context(), "one.abc", strings.NewReader("hello")); err != nil {
		t.Fatal(err)
	}
	if o, err := d.Stat(t.Context(), "one.abc"); err != nil || o.Size != 5 || o.Token != "" || time.Since(o.Modified) > time.Minute || o.ETag == "" {
		t.Errorf("%+v, %v", o, err)
	}
}
