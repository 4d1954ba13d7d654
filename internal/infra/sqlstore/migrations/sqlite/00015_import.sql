-- +goose Up
-- How far moving an app's data in has come, and with what result.
CREATE TABLE import_mark (
  app   INTEGER NOT NULL,
  kind  TEXT NOT NULL,
  key   TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (app, kind, key)
) WITHOUT ROWID;

-- Ids of the source (old) and what they became here.
CREATE TABLE import_map (
  app  INTEGER NOT NULL,
  kind TEXT NOT NULL,
  old  TEXT NOT NULL,
  new  INTEGER NOT NULL,
  PRIMARY KEY (app, kind, old)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE import_map;
DROP TABLE import_mark;
