-- +goose Up
-- Login records tell the custom tag of a login; clean-up finds the oldest ones.
ALTER TABLE login_record ADD COLUMN tag TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX login_record_age ON login_record (app, id);

-- +goose Down
DROP INDEX login_record_age;
ALTER TABLE login_record DROP COLUMN tag;
