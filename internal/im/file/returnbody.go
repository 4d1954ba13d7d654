package file

import (
	"encoding/json"
	"strconv"
	"strings"
)

// FillReturnBody puts what is known of a file into the template that the client
// gave with 6-2 (docs/protocol/storage.md section 7). Unknown placeholders
// become empty. The result is always a JSON object: the client makes it the body
// of its message.
func FillReturnBody(template string, f *File, pic *Picture, film *Film) string {
	known := map[string]string{
		"Etag": f.MD5, "ObjectSize": strconv.FormatInt(f.Size, 10), "Object": f.Object, "Bucket": Bucket, "MimeType": f.Type,
	}
	if pic != nil {
		known["ImageInfo.Width"], known["ImageInfo.Height"] = strconv.Itoa(pic.Width), strconv.Itoa(pic.Height)
		known["ImageInfo.Type"] = pic.Format
		if pic.Orientation != 0 {
			known["ImageInfo.Orientation"] = strconv.Itoa(pic.Orientation)
		}
	}
	if film != nil {
		known["AVinfo.Audio.Duration"] = strconv.FormatInt(film.DurationMs, 10)
		if film.Video {
			known["AVinfo.Video.Duration"] = known["AVinfo.Audio.Duration"]
			known["AVinfo.Video.Width"], known["AVinfo.Video.Height"] = strconv.Itoa(film.Width), strconv.Itoa(film.Height)
		}
	}
	var b strings.Builder
	rest := template
	for {
		before, after, ok := strings.Cut(rest, "$(")
		b.WriteString(before)
		if !ok {
			break
		}
		name, tail, ok := strings.Cut(after, ")")
		if !ok {
			break
		}
		b.WriteString(jsonEscape(known[name]))
		rest = tail
	}
	out := b.String()
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(out), &object) != nil || object == nil {
		return `{"md5":"` + f.MD5 + `","size":"` + strconv.FormatInt(f.Size, 10) + `"}`
	}
	return out
}

// WantsPicture and WantsFilm say whether a template asks for what costs a look
// into the content.
func WantsPicture(template string) bool { return strings.Contains(template, "$(ImageInfo.") }

// WantsFilm says whether a template asks for a duration or the size of a film.
func WantsFilm(template string) bool { return strings.Contains(template, "$(AVinfo.") }

// jsonEscape returns s as the inside of a JSON text.
func jsonEscape(s string) string {
	b, _ := json.Marshal(s) // a text: cannot fail
	return string(b[1 : len(b)-1])
}
