package easemob

import (
	"net/http"
	"slices"
	"strings"
)

// who may call a row.
type who int

const (
	anyone who = iota // the handler decides
	users             // a token of a user or of the app's server
	apps              // a token of the app's server
)

// Groups of calls that share a rate (docs/api/easemob.md section 9).
const (
	tokenGroup    = "token"
	userGroup     = "users"
	uploadGroup   = "upload"
	downloadGroup = "download"
)

// row is one endpoint. In path, * stands for one segment.
type row struct {
	method, path string
	name         string // in metrics
	who          who
	group        string // "" = the handler counts
	do           func(*call) error
}

func (h *Handler) table() []row {
	return []row{
		{"POST", "token", "token", anyone, tokenGroup, h.token},
		{"GET", "sdk/users/*/token/expires", "token_expires", users, userGroup, h.tokenExpires},

		{"POST", "users", "user_register", anyone, "", h.register},
		{"GET", "users", "user_list", apps, userGroup, h.listUsers},
		{"DELETE", "users", "user_delete_many", apps, userGroup, h.deleteUsers},
		{"GET", "users/*", "user_get", users, userGroup, h.getUser},
		{"PUT", "users/*", "user_update", users, userGroup, h.updateUser},
		{"DELETE", "users/*", "user_delete", apps, userGroup, h.deleteUser},
		{"PUT", "users/*/password", "user_password", apps, userGroup, h.setPassword},
		{"POST", "users/*/deactivate", "user_deactivate", apps, userGroup, h.deactivate},
		{"POST", "users/*/activate", "user_activate", apps, userGroup, h.activate},
		{"GET", "users/*/disconnect", "user_disconnect", apps, userGroup, h.disconnect},
		{"GET", "users/*/status", "user_status", users, userGroup, h.status},
		{"PUT", "users/*/chatfiles/lifetime", "file_lifetime", users, uploadGroup, h.lifetime},
		{"POST", "users/*/chatfiles/lifetime", "file_lifetime", users, uploadGroup, h.lifetime},

		{"POST", "chatfiles", "file_upload", users, uploadGroup, h.upload},
		{"GET", "chatfiles/exists", "file_exists", users, downloadGroup, h.exists},
		{"GET", "chatfiles/*", "file_download", anyone, "", h.download},
		{"HEAD", "chatfiles/*", "file_download", anyone, "", h.download},

		{"POST", "sdk/chatfiles/part-upload", "part_begin", users, uploadGroup, h.beginParts},
		{"PUT", "sdk/chatfiles/part-upload/*", "part_put", users, uploadGroup, h.putPart},
		{"POST", "sdk/chatfiles/part-upload/*", "part_complete", users, uploadGroup, h.completeParts},
		{"DELETE", "sdk/chatfiles/part-upload/*", "part_abort", users, uploadGroup, h.abortParts},
		{"GET", "sdk/chatfiles/part-upload/*/parts", "part_list", users, uploadGroup, h.listParts},
	}
}

// find returns the row of a path below /ORG/APP/.
func (h *Handler) find(c *call, seg []string) (row, error) {
	var methods []string
	for _, r := range h.rows {
		args, ok := match(r.path, seg)
		if !ok {
			continue
		}
		if r.method == c.r.Method {
			c.args = args
			return r, nil
		}
		methods = append(methods, r.method)
	}
	if methods == nil {
		return row{}, errNoService
	}
	slices.Sort(methods)
	c.w.Header().Set("Allow", strings.Join(slices.Compact(append(methods, http.MethodOptions)), ", "))
	return row{}, errMethod
}

func match(path string, seg []string) (args []string, ok bool) {
	want := strings.Split(path, "/")
	if len(want) != len(seg) {
		return nil, false
	}
	for i, w := range want {
		if w == "*" && seg[i] != "" {
			args = append(args, seg[i])
		} else if w != seg[i] {
			return nil, false
		}
	}
	return args, true
}
