-- +goose Up
-- How far moving an app's data in has come, and with what result.
CREATE TABLE import_mark (
  app   BIGINT NOT NULL,
  kind  TEXT COLLATE "C" NOT NULL,
  key   TEXT COLLATE "C" NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (app, kind, key)
);

-- Ids of the source (old) and what they became here.
CREATE TABLE import_map (
  app  BIGINT NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  old  TEXT COLLATE "C" NOT NULL,
  new  BIGINT NOT NULL,
  PRIMARY KEY (app, kind, old)
);

-- +goose Down
DROP TABLE import_map;
DROP TABLE import_mark;
