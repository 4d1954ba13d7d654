-- +goose Up
-- Words of an app's moderation; list is replace, intercept or client.
CREATE TABLE word (
  app         INTEGER NOT NULL,
  list        TEXT NOT NULL,
  word        TEXT NOT NULL,
  replacement TEXT NOT NULL,
  PRIMARY KEY (app, list, word)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE word;
