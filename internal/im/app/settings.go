package app

import (
	"fmt"
	"net/url"
	"sort"
	"strconv"
	"strings"

	"hongyan/internal/im"
)

// Settings are an app's named values, parsed. Limits carry the original
// product's figure as default (docs/protocol/nim-core.md sections 4.4 and 8,
// docs/api/server-v1.md section 6).
type Settings struct {
	LoginMethods      map[string]bool // static, dynamic, callback
	DynamicTokenSkew  int64           // seconds
	MultiDevicePolicy int64           // 1 to 4
	MultiDeviceMax    int64           // policies 3 and 4
	MultiDeviceMatrix DeviceMatrix    // policy 4
	LoginRate         int64           // failed logins per minute, account and address
	LoginRecordDays   int64

	LoginFailuresAddress int64 // failed logins per minute, address; 0 = no limit
	RESTFailures         int64 // wrong signatures per minute, address; 0 = no limit

	CallbackURL       string
	CallbackEvents    map[string]bool
	CallbackOnFailure string // pass, reject
	CallbackTimeout   int64  // ms
	LoginTimeout      int64  // ms, event 36

	CallbackEnv     map[string]string // URL by name of environment
	BreakerFailures int64             // failed callbacks in a row
	BreakerPause    int64             // seconds without callbacks after them

	CopyURL         string
	CopyEvents      map[string]bool
	CopyConvTypes   map[string]bool   // of event 1: PERSON, TEAM...
	CopyEnv         map[string]string // URL by name of environment
	CopyTimeout     int64             // ms
	CopyRetry       []int64           // seconds before each repetition
	CopyConcurrency int64             // requests at a time
	CopyDeadDays    int64

	TextLimit     int64 // characters of body and attach
	MessageLimit  int64 // bytes of all texts of a message
	ExtLimit      int64
	PushTextLimit int64
	PayloadLimit  int64
	SendRate      int64 // client messages per second and account, 0 = no limit
	FriendsOnly   bool
	FriendMax     int64
	RelationMax   int64
	DedupHours    int64

	TeamMembersMax      int64
	SuperTeamMembersMax int64
	TeamsCreatedMax     int64
	TeamsJoinedMax      int64
	TeamManagersMax     int64
	TeamInviteDays      int64
	TeamReceipts        bool
	TeamReceiptMax      int64

	OfflineDays       int64
	OfflinePerSession int64
	OfflineMax        int64
	NoticeOfflineDays int64
	NoticeLimit       int64 // characters of a custom notification's attach
	NoticeOfflineMax  int64
	RoamingDays       int64
	RoamingSessions   int64
	RoamingPerSession int64
	HistoryDays       int64
	HistoryPage       int64
	MessageKeepDays   int64 // 0 = for ever

	RESTRate     int64                // calls per second and endpoint
	RESTBlock    int64                // seconds
	RESTLimits   map[string]RESTLimit // instead of the documented ones, by endpoint or group
	RESTAllow    string
	RequestIDWin int64 // seconds

	DownloadAuth     bool
	DownloadTokenTTL int64
	FileMax          int64            // MiB
	FileAppQuota     int64            // MiB, 0 = no limit
	FileAccountQuota int64            // MiB, 0 = no limit
	FileScenes       map[string]int64 // life of files by scene, in s
	FileJobs         string           // friday, now
	CDNDomain        string           // HOST[:PORT][/PATH] that downloads are told to use; "" = this server
	LatencyProbe     bool
	MixedStorage     string // off, s3, nos
	S3CredentialsTTL int64  // seconds
	Easemob          Easemob
	Moderation       string
	ModerationREST   bool

	ModerationURL       string // of the second stage
	ModerationTimeout   int64  // ms
	ModerationOnFailure string // pass, refuse
	CloudSearch         bool

	Presence        bool  // online-state subscription
	SubscriptionMax int64 // of one account
	PresenceGrace   int64 // seconds a lost connection may take to come back

	RoomHistoryDays int64  // chat rooms
	RoomExtLimit    int64  // characters
	RoomAnonymous   bool   // who has no account may enter
	RoomMultiLogin  string // all, one
	RoomDevicesMax  int64
	RoomSendRate    int64 // messages per second and connection, 0 = no limit
	RoomReceiveRate int64 // ordinary messages per second and connection, 0 = no limit
	RoomHighRate    int64 // the others
	RoomInOut       bool
	RoomDeleteNote  bool

	Signaling            bool
	SignalingOfflineDays int64
	SignalingOfflineMax  int64 // events of one account

	ProxyURL         string            // where pass-through goes without a zone
	ProxyZones       map[string]string // zone -> URL
	ProxyTimeout     int64             // ms
	ProxyAnswerLimit int64             // bytes

	TranslateURL     string // of the provider of translations
	TranslateTimeout int64  // ms

	RecallWindow int64
}

// RESTLimit says how often an endpoint, or a group of them, may be called:
// Count times in Seconds (0 = without limit), and for how many seconds it is
// blocked after more.
type RESTLimit struct{ Count, Seconds, Block int64 }

// DeviceMatrix says, per client type that logs in, which types it throws out.
type DeviceMatrix map[int64]map[int64]bool

// Setting describes one named value.
type Setting struct {
	Name, Default, Unit, Meaning string
	parse                        func(*Settings, string) error
}

// CallsBack says whether the app's server wants to be asked about an event
// (docs/api/callbacks.md section 5).
func (s *Settings) CallsBack(event int) bool {
	return s.CallbackURL != "" && s.CallbackEvents[strconv.Itoa(event)]
}

// AllSettings lists every setting in a stable order.
func AllSettings() []Setting {
	out := settingTable()
	sort.SliceStable(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// FindSetting returns the setting of that name.
func FindSetting(name string) (Setting, bool) {
	for _, s := range settingTable() {
		if s.Name == name {
			return s, true
		}
	}
	return Setting{}, false
}

// ParseSettings applies overrides to the defaults and reports all faults at once.
func ParseSettings(overrides map[string]string) (Settings, error) {
	var out Settings
	var faults []string
	known := map[string]bool{}
	for _, s := range settingTable() {
		known[s.Name] = true
		v, ok := overrides[s.Name]
		if !ok {
			v = s.Default
		}
		if err := s.parse(&out, v); err != nil {
			faults = append(faults, fmt.Sprintf("%s=%q: %v", s.Name, v, err))
		}
	}
	for name := range overrides {
		if !known[name] {
			faults = append(faults, fmt.Sprintf("%s: no such setting (`hongyan app settings` lists them)", name))
		}
	}
	if len(faults) > 0 {
		sort.Strings(faults)
		return out, im.Errorf(im.CodeBadParam, "%s", strings.Join(faults, "; "))
	}
	return out, nil
}

func settingTable() []Setting {
	return append(easemobSettings(), []Setting{
		{"login_methods", "static,dynamic,callback", "list", "ways to log in: static token, dynamic token (authType 1), callback (authType 2); others get 403",
			set(func(s *Settings) *map[string]bool { return &s.LoginMethods }, "static", "dynamic", "callback")},
		{"dynamic_token_skew", "300", "s", "clock difference allowed for dynamic tokens", num(func(s *Settings) *int64 { return &s.DynamicTokenSkew }, 0, 3600)},
		{"multi_device_policy", "3", "1-4", "1 one client, 2 one desktop and one mobile, 3 all, 4 the matrix", num(func(s *Settings) *int64 { return &s.MultiDevicePolicy }, 1, 4)},
		{"multi_device_max", "10", "devices", "connections of one account under policies 3 and 4; the oldest leaves", num(func(s *Settings) *int64 { return &s.MultiDeviceMax }, 1, 1000)},
		{"multi_device_matrix", "", "list", "policy 4: NEW>OLD+OLD,... by client type number (1 Android, 2 iOS, 4 PC, 16 Web, 64 Mac, or a custom type)", matrix},
		{"login_failures", "30", "1/min", "failed logins of one account from one address before 416", num(func(s *Settings) *int64 { return &s.LoginRate }, 1, 100000)},
		{"login_failures_address", "600", "1/min", "failed logins from one address, with whatever accounts, before 416 (Easemob: 429); loopback is not counted; 0 = no limit", num(func(s *Settings) *int64 { return &s.LoginFailuresAddress }, 0, 1000000)},
		{"login_record_days", "30", "days", "how long records of logins and logouts are kept for history/queryUserEvents", num(func(s *Settings) *int64 { return &s.LoginRecordDays }, 1, 3650)},

		{"callback_url", "", "URL", "where third-party callbacks go", link(func(s *Settings) *string { return &s.CallbackURL })},
		{"callback_events", "", "list", "event types that are called back, by number (docs/api/callbacks.md)", numbers(func(s *Settings) *map[string]bool { return &s.CallbackEvents })},
		{"callback_on_failure", "pass", "pass, reject", "verdict when the callback fails", oneOf(func(s *Settings) *string { return &s.CallbackOnFailure }, "pass", "reject")},
		{"callback_timeout", "2000", "ms", "how long a callback may take", num(func(s *Settings) *int64 { return &s.CallbackTimeout }, 10, 30000)},
		{"callback_login_timeout", "5000", "ms", "the same for logins; the SDK waits 8 s", num(func(s *Settings) *int64 { return &s.LoginTimeout }, 10, 7000)},
		{"callback_env", "", "list", "other URLs for callbacks by name of environment: NAME=URL,...", environments(func(s *Settings) *map[string]string { return &s.CallbackEnv })},
		{"callback_breaker_failures", "10", "callbacks", "failed callbacks in a row after which a URL is not asked for a while; 0 = always ask", num(func(s *Settings) *int64 { return &s.BreakerFailures }, 0, 100000)},
		{"callback_breaker_pause", "10", "s", "for how long; callback_on_failure decides meanwhile", num(func(s *Settings) *int64 { return &s.BreakerPause }, 1, 3600)},
		{"copy_url", "", "URL", "where event copies go", link(func(s *Settings) *string { return &s.CopyURL })},
		{"copy_events", "", "list", "event types that are copied, by number (docs/api/copy.md)", numbers(func(s *Settings) *map[string]bool { return &s.CopyEvents })},
		{"copy_conv_types", "PERSON,TEAM,SUPER_TEAM,CUSTOM_PERSON,CUSTOM_TEAM", "list", "kinds of conversations of which event 1 is copied",
			set(func(s *Settings) *map[string]bool { return &s.CopyConvTypes }, "PERSON", "TEAM", "SUPER_TEAM", "CUSTOM_PERSON", "CUSTOM_TEAM")},
		{"copy_env", "", "list", "other URLs for copies by name of environment: NAME=URL,...", environments(func(s *Settings) *map[string]string { return &s.CopyEnv })},
		{"copy_timeout", "5000", "ms", "how long the app's server may take to answer a copy", num(func(s *Settings) *int64 { return &s.CopyTimeout }, 10, 60000)},
		{"copy_retry", "5,30,120", "s", "how long a copy that failed waits before each repetition; after the last one it is dead (`hongyan copies`)", delays},
		{"copy_concurrency", "32", "requests", "copies sent at a time", num(func(s *Settings) *int64 { return &s.CopyConcurrency }, 1, 1000)},
		{"copy_dead_days", "7", "days", "how long dead copies are kept", num(func(s *Settings) *int64 { return &s.CopyDeadDays }, 1, 3650)},

		{"text_limit", "5000", "characters", "longest body and longest attach of a message", num(func(s *Settings) *int64 { return &s.TextLimit }, 1, 100000)},
		{"message_limit", "131072", "bytes", "longest message, all its texts together", num(func(s *Settings) *int64 { return &s.MessageLimit }, 1024, 524288)},
		{"ext_limit", "1024", "characters", "longest ext of a message", num(func(s *Settings) *int64 { return &s.ExtLimit }, 0, 100000)},
		{"push_text_limit", "500", "characters", "longest push text", num(func(s *Settings) *int64 { return &s.PushTextLimit }, 0, 10000)},
		{"push_payload_limit", "2048", "characters", "longest push payload", num(func(s *Settings) *int64 { return &s.PayloadLimit }, 0, 100000)},
		{"send_rate", "0", "1/s", "messages an account may send from clients; more get 416; 0 = no limit", num(func(s *Settings) *int64 { return &s.SendRate }, 0, 100000)},
		{"friends_only", "false", "true, false", "p2p messages only between friends (403 otherwise)", flag(func(s *Settings) *bool { return &s.FriendsOnly })},
		{"dedup_hours", "48", "h", "how long a repeated idClient gets the first answer", num(func(s *Settings) *int64 { return &s.DedupHours }, 24, 8760)},

		{"offline_days", "30", "days", "how long an undelivered message waits", num(func(s *Settings) *int64 { return &s.OfflineDays }, 1, 3650)},
		{"offline_per_session", "100", "messages", "newest offline messages of one conversation", num(func(s *Settings) *int64 { return &s.OfflinePerSession }, 1, 1000)},
		{"offline_max", "5000", "messages", "newest offline messages of all p2p conversations together", num(func(s *Settings) *int64 { return &s.OfflineMax }, 1, 100000)},
		{"notice_limit", "4096", "characters", "longest attach of a custom notification", num(func(s *Settings) *int64 { return &s.NoticeLimit }, 1, 100000)},
		{"notice_offline_days", "30", "days", "how long a system notification waits", num(func(s *Settings) *int64 { return &s.NoticeOfflineDays }, 1, 3650)},
		{"notice_offline_max", "1000", "notifications", "newest system notifications that wait for one account", num(func(s *Settings) *int64 { return &s.NoticeOfflineMax }, 1, 5000)},
		{"friend_max", "3000", "friends", "friends of one account; more get 419", num(func(s *Settings) *int64 { return &s.FriendMax }, 1, 100000)},
		{"relation_max", "3000", "accounts", "entries of one black or mute list; more get 419", num(func(s *Settings) *int64 { return &s.RelationMax }, 1, 100000)},
		{"team_members_max", "200", "members", "highest level (capacity) of a team", num(func(s *Settings) *int64 { return &s.TeamMembersMax }, 2, 100000)},
		{"super_team_members_max", "10000", "members", "highest level of a super team", num(func(s *Settings) *int64 { return &s.SuperTeamMembersMax }, 2, 1000000)},
		{"teams_created_max", "100", "teams", "live teams that one account owns when it makes another (806)", num(func(s *Settings) *int64 { return &s.TeamsCreatedMax }, 1, 1000000)},
		{"teams_joined_max", "5000", "teams", "teams, and super teams, that one account is in", num(func(s *Settings) *int64 { return &s.TeamsJoinedMax }, 1, 1000000)},
		{"team_managers_max", "50", "managers", "managers of one team (815)", num(func(s *Settings) *int64 { return &s.TeamManagersMax }, 0, 10000)},
		{"team_invite_days", "7", "days", "how long applications and invitations wait for an answer (508)", num(func(s *Settings) *int64 { return &s.TeamInviteDays }, 1, 30)},
		{"team_receipts", "true", "true, false", "read receipts of team messages; without them what asks for or reads them is 814", flag(func(s *Settings) *bool { return &s.TeamReceipts })},
		{"team_receipt_max_members", "0", "members", "largest team with read receipts (814); 0 = no limit", num(func(s *Settings) *int64 { return &s.TeamReceiptMax }, 0, 1000000)},
		{"roaming_days", "7", "days", "how far roaming reaches back", num(func(s *Settings) *int64 { return &s.RoamingDays }, 1, 3650)},
		{"roaming_sessions", "100", "conversations", "most recent conversations that roam", num(func(s *Settings) *int64 { return &s.RoamingSessions }, 1, 10000)},
		{"roaming_per_session", "100", "messages", "newest messages of each", num(func(s *Settings) *int64 { return &s.RoamingPerSession }, 1, 1000)},
		{"history_days", "365", "days", "how far history reaches back", num(func(s *Settings) *int64 { return &s.HistoryDays }, 1, 36500)},
		{"message_keep_days", "0", "days", "messages older than this are deleted, but none that a login could still get; 0 = kept for ever", num(func(s *Settings) *int64 { return &s.MessageKeepDays }, 0, 36500)},
		{"history_page", "100", "messages", "largest history page", num(func(s *Settings) *int64 { return &s.HistoryPage }, 1, 1000)},
		{"recall_window", "120", "s", "how long a message can be recalled", num(func(s *Settings) *int64 { return &s.RecallWindow }, 0, 604800)},

		{"rest_rate", "100", "1/s", "REST calls per endpoint", num(func(s *Settings) *int64 { return &s.RESTRate }, 1, 1000000)},
		{"rest_block", "10", "s", "how long an endpoint answers 416 after the rate was exceeded", num(func(s *Settings) *int64 { return &s.RESTBlock }, 0, 86400)},
		{"rest_failures", "600", "1/min", "REST calls with a wrong signature from one address before 416; loopback is not counted; 0 = no limit", num(func(s *Settings) *int64 { return &s.RESTFailures }, 0, 1000000)},
		{"rest_limits", "", "list", "other limits for single REST endpoints: NAME=CALLS/SECONDS/BLOCK,... with the block in seconds; NAME as in msg/sendMsg, or team/* and superteam/* for their shared counters; 0 calls = no limit", restLimits},
		{"rest_allow", "", "list", "addresses or CIDR ranges that may call REST (315 otherwise); empty = all", text(func(s *Settings) *string { return &s.RESTAllow })},
		{"rest_request_id_window", "600", "s", "how long a RequestId is remembered", num(func(s *Settings) *int64 { return &s.RequestIDWin }, 1, 86400)},

		{"download_auth", "false", "true, false", "file downloads need a token", flag(func(s *Settings) *bool { return &s.DownloadAuth })},
		{"download_token_ttl", "86400", "s", "life of a download token", num(func(s *Settings) *int64 { return &s.DownloadTokenTTL }, 60, 31536000)},
		{"file_max", "1024", "MiB", "largest file that may be uploaded", num(func(s *Settings) *int64 { return &s.FileMax }, 1, 40000)},
		{"file_app_quota", "0", "MiB", "what all files of the app may take; 0 = no limit", num(func(s *Settings) *int64 { return &s.FileAppQuota }, 0, 1<<40)},
		{"file_account_quota", "0", "MiB", "what the files of one account may take; 0 = no limit", num(func(s *Settings) *int64 { return &s.FileAccountQuota }, 0, 1<<40)},
		{"file_scenes", "", "list", "life of files by scene: SCENE=SECONDS,...; at least 86400; scenes that are not named keep files for ever", scenes},
		{"file_jobs", "friday", "friday, now", "when job/nos/del deletes: on Friday of the following week, or at once", oneOf(func(s *Settings) *string { return &s.FileJobs }, "friday", "now")},
		{"cdn_domain", "", "HOST[:PORT][/PATH]", "a CDN in front of downloads: file URLs name it instead of this server", cdnDomain},
		{"latency_probe", "false", "true, false", "ask clients for a time measurement after their sync (6-31; SDK 0.17.2 answers)", flag(func(s *Settings) *bool { return &s.LatencyProbe })},
		{"mixed_storage", "off", "off, s3, nos", "mixed storage (融合存储): which way clients that have an S3 class upload first; the other one follows when it fails",
			oneOf(func(s *Settings) *string { return &s.MixedStorage }, "off", "s3", "nos")},
		{"s3_credentials_ttl", "3600", "s", "life of the credentials that a client gets for one upload by the S3 way", num(func(s *Settings) *int64 { return &s.S3CredentialsTTL }, 900, 43200)},
		{"moderation", "off", "off, local", "word filter", oneOf(func(s *Settings) *string { return &s.Moderation }, "off", "local")},
		{"moderation_rest", "true", "true, false", "messages of REST calls are moderated too", flag(func(s *Settings) *bool { return &s.ModerationREST })},
		{"moderation_url", "", "URL", "service that is asked about messages which the word filter lets pass (docs/api/security.md section 6.1)", link(func(s *Settings) *string { return &s.ModerationURL })},
		{"moderation_timeout_ms", "2000", "ms", "how long it may take; the sender waits", num(func(s *Settings) *int64 { return &s.ModerationTimeout }, 10, 5000)},
		{"moderation_on_failure", "pass", "pass, refuse", "what becomes of a message when it does not decide: delivered, or 403", oneOf(func(s *Settings) *string { return &s.ModerationOnFailure }, "pass", "refuse")},
		{"cloud_search", "true", "true, false", "full-text search over one's own conversations", flag(func(s *Settings) *bool { return &s.CloudSearch })},

		{"presence", "true", "true, false", "online-state subscription; 403 when off", flag(func(s *Settings) *bool { return &s.Presence })},
		{"presence_subscriptions", "3000", "accounts", "subscriptions of one account; the oldest goes", num(func(s *Settings) *int64 { return &s.SubscriptionMax }, 1, 100000)},
		{"presence_grace", "5", "s", "how long a lost connection may take to come back before subscribers hear of it", num(func(s *Settings) *int64 { return &s.PresenceGrace }, 0, 600)},

		{"chatroom_history_days", "10", "days", "how long messages of chat rooms are kept", num(func(s *Settings) *int64 { return &s.RoomHistoryDays }, 1, 36500)},
		{"chatroom_ext_limit", "4096", "characters", "longest ext of a message to a chat room", num(func(s *Settings) *int64 { return &s.RoomExtLimit }, 0, 100000)},
		{"chatroom_anonymous", "false", "true, false", "who has no account may enter chat rooms; 403 when off", flag(func(s *Settings) *bool { return &s.RoomAnonymous })},
		{"chatroom_multi_login", "all", "all, one", "connections of one account in one chat room: several devices, or the newest one only", oneOf(func(s *Settings) *string { return &s.RoomMultiLogin }, "all", "one")},
		{"chatroom_devices_max", "10", "devices", "connections of one account in one chat room; the oldest leaves", num(func(s *Settings) *int64 { return &s.RoomDevicesMax }, 1, 1000)},
		{"chatroom_send_rate", "10", "1/s", "messages one connection may send to its chat room; more get 416; 0 = no limit", num(func(s *Settings) *int64 { return &s.RoomSendRate }, 0, 100000)},
		{"chatroom_receive_rate", "20", "1/s", "ordinary messages a connection gets of its chat room; more are dropped; 0 = no limit", num(func(s *Settings) *int64 { return &s.RoomReceiveRate }, 0, 100000)},
		{"chatroom_high_rate", "10", "1/s", "messages of high priority that the REST API may send to one chat room; more are ordinary", num(func(s *Settings) *int64 { return &s.RoomHighRate }, 0, 100000)},
		{"chatroom_in_out", "true", "true, false", "chat rooms are told of who enters and leaves (301, 302), but for those that have it off", flag(func(s *Settings) *bool { return &s.RoomInOut })},
		{"chatroom_delete_notice", "true", "true, false", "chatroom/deleteHistoryMessage tells the room (323)", flag(func(s *Settings) *bool { return &s.RoomDeleteNote })},

		{"signaling", "true", "true, false", "signaling of calls; 403 when off", flag(func(s *Settings) *bool { return &s.Signaling })},
		{"signaling_offline_days", "7", "days", "how long an unacknowledged signaling event waits", num(func(s *Settings) *int64 { return &s.SignalingOfflineDays }, 1, 365)},
		{"signaling_offline_max", "100", "events", "newest signaling events that wait for one account", num(func(s *Settings) *int64 { return &s.SignalingOfflineMax }, 1, 1000)},

		{"translate_url", "", "URL", "provider of translations for translator/textMsg; without one the call is 403", link(func(s *Settings) *string { return &s.TranslateURL })},
		{"translate_timeout", "5000", "ms", "how long it may take", num(func(s *Settings) *int64 { return &s.TranslateTimeout }, 10, 9000)},

		{"proxy_url_default", "", "URL", "where pass-through requests without a zone go; their path is appended", link(func(s *Settings) *string { return &s.ProxyURL })},
		{"proxy_zones", "", "list", "pass-through with a zone: NAME=URL,...", zones},
		{"proxy_timeout", "5000", "ms", "how long a pass-through request may take; the SDK waits 8 s", num(func(s *Settings) *int64 { return &s.ProxyTimeout }, 10, 7000)},
		{"proxy_answer_limit", "65536", "bytes", "longest answer that is passed through", num(func(s *Settings) *int64 { return &s.ProxyAnswerLimit }, 1, 1048576)},
	}...)
}

func num(field func(*Settings) *int64, min, max int64) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		if err != nil || n < min || n > max {
			return fmt.Errorf("a whole number from %d to %d", min, max)
		}
		*field(s) = n
		return nil
	}
}

func flag(field func(*Settings) *bool) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if v != "true" && v != "false" {
			return fmt.Errorf("true or false")
		}
		*field(s) = v == "true"
		return nil
	}
}

func oneOf(field func(*Settings) *string, allowed ...string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		for _, a := range allowed {
			if v == a {
				*field(s) = v
				return nil
			}
		}
		return fmt.Errorf("one of %s", strings.Join(allowed, ", "))
	}
}

func text(field func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, v string) error { *field(s) = v; return nil }
}

func link(field func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if v != "" {
			u, err := url.Parse(v)
			if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				return fmt.Errorf("an http or https URL")
			}
		}
		*field(s) = v
		return nil
	}
}

func set(field func(*Settings) *map[string]bool, allowed ...string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		m := map[string]bool{}
		for _, item := range splitList(v) {
			ok := false
			for _, a := range allowed {
				ok = ok || a == item
			}
			if !ok {
				return fmt.Errorf("%q is not one of %s", item, strings.Join(allowed, ", "))
			}
			m[item] = true
		}
		*field(s) = m
		return nil
	}
}

func numbers(field func(*Settings) *map[string]bool) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		m := map[string]bool{}
		for _, item := range splitList(v) {
			if _, err := strconv.ParseUint(item, 10, 16); err != nil {
				return fmt.Errorf("%q is not an event number", item)
			}
			m[item] = true
		}
		*field(s) = m
		return nil
	}
}

func matrix(s *Settings, v string) error {
	m := DeviceMatrix{}
	for _, item := range splitList(v) {
		from, olds, ok := strings.Cut(item, ">")
		n, err := strconv.ParseInt(from, 10, 64)
		if !ok || err != nil || n <= 0 {
			return fmt.Errorf("%q: NEW>OLD+OLD with client type numbers", item)
		}
		if m[n] == nil {
			m[n] = map[int64]bool{}
		}
		for _, o := range strings.Split(olds, "+") {
			k, err := strconv.ParseInt(o, 10, 64)
			if err != nil || k <= 0 {
				return fmt.Errorf("%q: NEW>OLD+OLD with client type numbers", item)
			}
			m[n][k] = true
		}
	}
	s.MultiDeviceMatrix = m
	return nil
}

// restLimits reads rest_limits.
func restLimits(s *Settings, v string) error {
	m := map[string]RESTLimit{}
	for _, item := range splitList(v) {
		name, figures, ok := strings.Cut(item, "=")
		parts := strings.Split(figures, "/")
		bad := fmt.Errorf("%q: NAME=CALLS/SECONDS/BLOCK, such as msg/sendMsg=100/1/10", item)
		if !ok || len(parts) != 3 || !strings.Contains(name, "/") || strings.HasSuffix(name, ".action") {
			return bad
		}
		var n [3]int64
		for i, most := range [3]int64{1_000_000_000, 86400, 86400} {
			var err error
			if n[i], err = strconv.ParseInt(parts[i], 10, 64); err != nil || n[i] < 0 || n[i] > most {
				return bad
			}
		}
		if n[1] == 0 {
			return bad
		}
		m[name] = RESTLimit{n[0], n[1], n[2]}
	}
	s.RESTLimits = m
	return nil
}

func scenes(s *Settings, v string) error {
	m := map[string]int64{}
	for _, item := range splitList(v) {
		name, life, ok := strings.Cut(item, "=")
		n, err := strconv.ParseInt(life, 10, 64)
		if !ok || name == "" || err != nil || n < 86400 || n > 100*366*86400 {
			return fmt.Errorf("%q: SCENE=SECONDS, at least 86400", item)
		}
		m[name] = n
	}
	s.FileScenes = m
	return nil
}

// cdnDomain takes what goes into https://{host}/{object} of a client: no scheme,
// no query, nothing that would end the host.
func cdnDomain(s *Settings, v string) error {
	if v != "" {
		u, err := url.Parse("https://" + v)
		if err != nil || u.Host == "" || u.Host+u.EscapedPath() != v || u.User != nil || strings.HasSuffix(v, "/") || strings.ContainsAny(v, "?#\\%") || !strings.Contains(u.Hostname(), ".") {
			return fmt.Errorf("a host with a dot, HOST[:PORT][/PATH] without a scheme")
		}
	}
	s.CDNDomain = v
	return nil
}

func zones(s *Settings, v string) error {
	m := map[string]string{}
	for _, item := range splitList(v) {
		name, target, ok := strings.Cut(item, "=")
		if !ok || name == "" || len(name) > 64 || target == "" {
			return fmt.Errorf("%q: NAME=URL", item)
		}
		url := ""
		if err := link(func(*Settings) *string { return &url })(s, target); err != nil {
			return fmt.Errorf("%q: %w", item, err)
		}
		m[name] = url
	}
	s.ProxyZones = m
	return nil
}

// delays reads copy_retry; empty means that nothing is repeated.
func delays(s *Settings, v string) error {
	var out []int64
	for _, item := range splitList(v) {
		n, err := strconv.ParseInt(item, 10, 64)
		if err != nil || n < 0 || n > 7*86400 || len(out) == 100 {
			return fmt.Errorf("%q: at most 100 whole numbers of seconds, up to 604800", item)
		}
		out = append(out, n)
	}
	s.CopyRetry = out
	return nil
}

func environments(field func(*Settings) *map[string]string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		m := map[string]string{}
		for _, item := range splitList(v) {
			name, target, ok := strings.Cut(item, "=")
			if !ok || name == "" {
				return fmt.Errorf("%q: NAME=URL", item)
			}
			if err := link(func(*Settings) *string { x := ""; return &x })(s, target); err != nil {
				return fmt.Errorf("%q: %w", item, err)
			}
			m[name] = target
		}
		*field(s) = m
		return nil
	}
}

func splitList(v string) []string {
	var out []string
	for _, p := range strings.Split(v, ",") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}
