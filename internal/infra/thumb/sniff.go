// Package thumb looks into contents: their media type, the size of pictures and
// films, and smaller versions of pictures.
//
// It must not know apps, accounts, storage or HTTP. Contents are hostile: what
// it reads of them is bounded before it reads.
package thumb

import (
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// Sniff tells the media type of a content by its first bytes, without
// parameters; application/octet-stream if they tell nothing.
func Sniff(head []byte) string {
	t, _, _ := strings.Cut(mimetype.Detect(head).String(), ";")
	return strings.TrimSpace(t)
}
