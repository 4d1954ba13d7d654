package app

// Easemob are the settings of the Easemob API (docs/api/easemob.md).
type Easemob struct {
	Registration   string // authorised, open
	TokenTTL       int64  // s
	Rate           int64  // calls per second and group of calls, 0 = no limit
	TokenRate      int64  // the same for tokens
	BulkDelete     bool
	FileMax        int64  // MiB
	FileDays       int64  // 0 = for ever
	Thumbnail      int64  // pixels
	Restrict       string // presence, value
	AppBypass      bool
	CapabilityURLs bool
	Anonymous      string // em-redirect, never, always
}

func easemobSettings() []Setting {
	return []Setting{
		{"easemob_registration", "authorised", "authorised, open", "who may register through the Easemob API", oneOf(func(s *Settings) *string { return &s.Easemob.Registration }, "authorised", "open")},
		{"easemob_token_ttl", "5184000", "s", "life of an access token of the Easemob API that was asked for without one",
			num(func(s *Settings) *int64 { return &s.Easemob.TokenTTL }, 60, 1<<31-1)},
		{"easemob_rate", "100", "1/s", "calls of the Easemob API: uploads, downloads and users each; more get 429; 0 = no limit",
			num(func(s *Settings) *int64 { return &s.Easemob.Rate }, 0, 1000000)},
		{"easemob_token_rate", "300", "1/s", "requests for access tokens of the Easemob API; more get 429; 0 = no limit",
			num(func(s *Settings) *int64 { return &s.Easemob.TokenRate }, 0, 1000000)},
		{"easemob_bulk_delete", "false", "true, false", "the Easemob API may delete users without naming them",
			flag(func(s *Settings) *bool { return &s.Easemob.BulkDelete })},
		{"easemob_file_max", "10", "MiB", "largest chat file of the Easemob API; more get 413", num(func(s *Settings) *int64 { return &s.Easemob.FileMax }, 1, 40000)},
		{"easemob_file_days", "0", "days", "life of chat files; 0 = for ever", num(func(s *Settings) *int64 { return &s.Easemob.FileDays }, 0, 36500)},
		{"easemob_thumbnail", "170", "pixels", "box of thumbnails of chat files whose uploader names none", num(func(s *Settings) *int64 { return &s.Easemob.Thumbnail }, 16, 1024)},
		{"easemob_restrict", "presence", "presence, value", "a chat file is restricted when the header restrict-access is there, or only when it does not say false, 0 or no",
			oneOf(func(s *Settings) *string { return &s.Easemob.Restrict }, "presence", "value")},
		{"easemob_app_bypass", "false", "true, false", "a token of the app's server opens restricted chat files without their secret",
			flag(func(s *Settings) *bool { return &s.Easemob.AppBypass })},
		{"easemob_capability_urls", "true", "true, false", "a chat file's URL with its secret in the query opens it without a token: pages show pictures so",
			flag(func(s *Settings) *bool { return &s.Easemob.CapabilityURLs })},
		{"easemob_anonymous", "em-redirect", "em-redirect, never, always", "who without a token may read chat files that are not restricted: those whose URL says em-redirect=true, as the web SDK's do, nobody, everybody",
			oneOf(func(s *Settings) *string { return &s.Easemob.Anonymous }, "em-redirect", "never", "always")},
	}
}
