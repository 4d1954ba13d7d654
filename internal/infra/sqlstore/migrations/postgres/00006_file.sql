-- +goose Up
-- An object, finished (done) or being uploaded. expires: 0 = never.
CREATE TABLE file (
  app     BIGINT NOT NULL,
  object  TEXT COLLATE "C" NOT NULL,
  owner   TEXT COLLATE "C" NOT NULL,
  scene   TEXT COLLATE "C" NOT NULL,
  type    TEXT COLLATE "C" NOT NULL,
  size    BIGINT NOT NULL,
  md5     TEXT COLLATE "C" NOT NULL,
  context TEXT COLLATE "C" NOT NULL,
  done    BIGINT NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  PRIMARY KEY (app, object)
);
CREATE INDEX file_expires ON file (expires) WHERE expires > 0;
CREATE INDEX file_created ON file (app, created);

-- The pieces of an object; blob is a key of the blob store, hash the state of
-- the digest after the piece.
CREATE TABLE file_part (
  app    BIGINT NOT NULL,
  object TEXT COLLATE "C" NOT NULL,
  n      BIGINT NOT NULL,
  start  BIGINT NOT NULL,
  size   BIGINT NOT NULL,
  blob   TEXT COLLATE "C" NOT NULL,
  hash   BYTEA NOT NULL,
  PRIMARY KEY (app, object, n)
);

-- Bytes stored per account; the empty owner is the whole app.
CREATE TABLE file_usage (
  app   BIGINT NOT NULL,
  owner TEXT COLLATE "C" NOT NULL,
  bytes BIGINT NOT NULL,
  PRIMARY KEY (app, owner)
);

CREATE TABLE file_job (
  app     BIGINT NOT NULL,
  id      TEXT COLLATE "C" NOT NULL,
  type    TEXT COLLATE "C" NOT NULL,
  scene   TEXT COLLATE "C" NOT NULL,
  since   BIGINT NOT NULL,
  until   BIGINT NOT NULL,
  due     BIGINT NOT NULL,
  PRIMARY KEY (app, id)
);

-- +goose Down
DROP TABLE file_job;
DROP TABLE file_usage;
DROP TABLE file_part;
DROP TABLE file;
