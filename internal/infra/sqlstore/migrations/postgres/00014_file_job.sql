-- +goose Up
-- What became of a job: when it was ordered, what it has deleted so far, and when
-- it ended (0 = not yet). Times are ms since 1970.
ALTER TABLE file_job ADD COLUMN created BIGINT NOT NULL DEFAULT 0;
ALTER TABLE file_job ADD COLUMN files   BIGINT NOT NULL DEFAULT 0;
ALTER TABLE file_job ADD COLUMN bytes   BIGINT NOT NULL DEFAULT 0;
ALTER TABLE file_job ADD COLUMN ended   BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE file_job DROP COLUMN created;
ALTER TABLE file_job DROP COLUMN files;
ALTER TABLE file_job DROP COLUMN bytes;
ALTER TABLE file_job DROP COLUMN ended;
