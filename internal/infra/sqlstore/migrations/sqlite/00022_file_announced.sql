-- +goose Up
-- What the uploader said of the type: job/nos/del selects by it. It is never
-- served; type is what the content looks like.
ALTER TABLE file ADD COLUMN announced TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE file DROP COLUMN announced;
