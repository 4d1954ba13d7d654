package easemob

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"hongyan/internal/im/file"
)

const (
	filesPath = "/chatfiles"
	// maxLifetimes bounds the files of one call for their lifetime (section 5.7).
	maxLifetimes = 100
)

// chatfile is an uploaded file as clients read it.
type chatfile struct {
	UUID     string       `json:"uuid"`
	Type     string       `json:"type"`
	Secret   string       `json:"share-secret"`
	Metadata fileMetadata `json:"file-metadata"`
}

type fileMetadata struct {
	Length int64  `json:"content-length"`
	Type   string `json:"content-type"`
}

func (c *call) stored(f *file.File) error {
	return c.entities(filesPath, []chatfile{{f.UUID(), "chatfile", c.h.Files.Secret(f), fileMetadata{f.Size, f.Type}}})
}

// transfer runs an upload within the bounds that all uploads share.
func (c *call) transfer(fn func() error) error {
	return c.h.Transfers.Upload(c.w, c.r, func(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
		c.ctx, c.w, c.r = ctx, w, r
		return fn()
	})
}

// upload is POST chatfiles (docs/api/easemob.md section 5.2).
func (h *Handler) upload(c *call) error {
	return c.transfer(func() error {
		most := file.ChatMax(c.app)
		form, err := c.form(most)
		if err != nil {
			return err
		}
		part, err := form.next("file")
		if err != nil {
			return err
		}
		if part == nil {
			return errArgument.because("file must be provided.")
		}
		f, err := h.Files.PutChat(c.ctx, c.app, c.holder.Accid(), form.source(part, most), func() (*file.Chat, error) {
			if err := form.rest(); err != nil {
				return nil, err
			}
			return c.chat(form.fields, part.FileName()), nil
		})
		if err != nil {
			return err
		}
		return c.stored(f)
	})
}

// exists is asked before large uploads by newer clients: nothing is claimed by
// its digest (section 6.3).
func (h *Handler) exists(c *call) error {
	return c.entities(filesPath, []map[string]bool{{"exists": false}})
}

// lifetime changes when files end.
func (h *Handler) lifetime(c *call) error {
	if err := c.self(c.args[0]); err != nil {
		return err
	}
	var q struct {
		Lifetime string   `json:"lifetime"`
		Files    []string `json:"chatfile_ids"`
	}
	if err := c.body(&q); err != nil {
		return err
	}
	var life file.Lifetime
	switch strings.ToLower(q.Lifetime) {
	case "default":
		life = file.LifeDefault
	case "refresh":
		life = file.LifeRefresh
	case "forever":
		life = file.LifeForever
	default:
		return errArgument.because("lifetime must be either 'forever' or 'default' or 'refresh'")
	}
	if len(q.Files) > maxLifetimes {
		return errArgument.because("chatfile_ids size is too large")
	}
	out := map[string]string{}
	for _, id := range q.Files {
		out[clip(id)] = "success"
		if err := h.Files.SetLifetime(c.ctx, c.app, c.holder.Accid(), id, life); err != nil {
			if _, internal := refusalOf(err); internal {
				return err
			}
			out[clip(id)] = "failed"
		}
	}
	return c.data(usersPath+"/"+c.args[0]+filesPath+"/lifetime", out)
}

const partPath = "/sdk/chatfiles/part-upload"

// beginParts opens an upload by parts (section 6.1).
func (h *Handler) beginParts(c *call) error {
	f, err := h.Files.BeginChat(c.ctx, c.app, c.holder.Accid())
	if err != nil {
		return err
	}
	return c.entities(partPath, []map[string]any{{"uuid": f.UUID(), "part_lower_limit": file.MinPart, "file_upper_limit": file.ChatMax(c.app)}})
}

type partEntity struct {
	Number int64 `json:"part_number"`
	Size   int64 `json:"part_size"`
}

// putPart stores one part; its number comes behind it.
func (h *Handler) putPart(c *call) error {
	return c.transfer(func() error {
		most := file.ChatMax(c.app)
		form, err := c.form(most)
		if err != nil {
			return err
		}
		part, err := form.next("part_file")
		if err != nil {
			return err
		}
		if part == nil {
			return errArgument.because("part_file must be provided.")
		}
		p, err := h.Files.PutChatPart(c.ctx, c.app, c.holder.Accid(), c.args[0], form.source(part, most), func() (int64, error) {
			if err := form.rest(); err != nil {
				return 0, err
			}
			n, err := strconv.ParseInt(strings.TrimSpace(form.fields["part_number"]), 10, 64)
			if err != nil {
				return 0, errArgument.because("part_number must be provided.")
			}
			return n, nil
		})
		if err != nil {
			return err
		}
		return c.entities(partPath, []partEntity{{p.Start, p.Size}})
	})
}

// completeParts makes the file.
func (h *Handler) completeParts(c *call) error {
	f, err := h.Files.CompleteChat(c.ctx, c.app, c.holder.Accid(), c.args[0], *c.chat(nil, c.query.Get("filename")))
	if err != nil {
		return err
	}
	return c.stored(f)
}

func (h *Handler) abortParts(c *call) error {
	if err := h.Files.AbortChat(c.ctx, c.app, c.holder.Accid(), c.args[0]); err != nil {
		return err
	}
	return c.entities(partPath, []map[string]string{{"uuid": c.args[0]}})
}

func (h *Handler) listParts(c *call) error {
	parts, err := h.Files.ChatParts(c.ctx, c.app, c.holder.Accid(), c.args[0])
	if err != nil {
		return err
	}
	out := make([]partEntity, 0, len(parts))
	for _, p := range parts {
		out = append(out, partEntity{p.Start, p.Size})
	}
	return c.entities(partPath, [][]partEntity{out})
}
