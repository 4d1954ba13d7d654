-- +goose Up
-- An object, finished (done) or being uploaded. expires: 0 = never.
CREATE TABLE file (
  app     INTEGER NOT NULL,
  object  TEXT NOT NULL,
  owner   TEXT NOT NULL,
  scene   TEXT NOT NULL,
  type    TEXT NOT NULL,
  size    INTEGER NOT NULL,
  md5     TEXT NOT NULL,
  context TEXT NOT NULL,
  done    INTEGER NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  PRIMARY KEY (app, object)
);
CREATE INDEX file_expires ON file (expires) WHERE expires > 0;
CREATE INDEX file_created ON file (app, created);

-- The pieces of an object; blob is a key of the blob store, hash the state of
-- the digest after the piece.
CREATE TABLE file_part (
  app    INTEGER NOT NULL,
  object TEXT NOT NULL,
  n      INTEGER NOT NULL,
  start  INTEGER NOT NULL,
  size   INTEGER NOT NULL,
  blob   TEXT NOT NULL,
  hash   BLOB NOT NULL,
  PRIMARY KEY (app, object, n)
);

-- Bytes stored per account; the empty owner is the whole app.
CREATE TABLE file_usage (
  app   INTEGER NOT NULL,
  owner TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (app, owner)
);

CREATE TABLE file_job (
  app     INTEGER NOT NULL,
  id      TEXT NOT NULL,
  type    TEXT NOT NULL,
  scene   TEXT NOT NULL,
  since   INTEGER NOT NULL,
  until   INTEGER NOT NULL,
  due     INTEGER NOT NULL,
  PRIMARY KEY (app, id)
);

-- +goose Down
DROP TABLE file_job;
DROP TABLE file_usage;
DROP TABLE file_part;
DROP TABLE file;
