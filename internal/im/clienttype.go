package im

import "strconv"

// ClientTypeName is the text app servers know a client type by
// (docs/api/callbacks.md section 2); an unknown number is its decimal text, 0
// is empty.
func ClientTypeName(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "AOS"
	case 2:
		return "IOS"
	case 4:
		return "PC"
	case 8:
		return "WINPHONE"
	case 16:
		return "WEB"
	case 32:
		return "REST"
	case 64:
		return "MAC"
	case 65:
		return "HARMONY"
	}
	return strconv.Itoa(n)
}
