-- +goose Up
-- Words of an app's moderation; list is replace, intercept or client.
CREATE TABLE word (
  app         BIGINT NOT NULL,
  list        TEXT COLLATE "C" NOT NULL,
  word        TEXT COLLATE "C" NOT NULL,
  replacement TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (app, list, word)
);

-- +goose Down
DROP TABLE word;
