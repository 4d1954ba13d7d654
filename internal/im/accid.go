package im

import "strings"

// MaxAccid is the longest accid in characters (docs/api/server-v1.md section 9).
const MaxAccid = 32

// NormalizeAccid lower-cases s and says whether it is a legal accid: 1 to 32
// characters of A-Z a-z 0-9 _ @ . -. Accids are case-insensitive and stored in
// lower case (docs/api/server-v1.md section 9).
func NormalizeAccid(s string) (string, bool) {
	if len(s) == 0 || len(s) > MaxAccid {
		return "", false
	}
	upper := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '_', c == '@', c == '.', c == '-':
		case c >= 'A' && c <= 'Z':
			upper = true
		default:
			return "", false
		}
	}
	if upper {
		s = strings.ToLower(s)
	}
	return s, true
}
