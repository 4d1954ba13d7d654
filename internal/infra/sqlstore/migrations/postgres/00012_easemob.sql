-- +goose Up
-- What the Easemob API knows of accounts: a salted hash ('' = none), and that
-- one is deleted until its name is registered anew.
ALTER TABLE account ADD COLUMN password TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN deleted BIGINT NOT NULL DEFAULT 0;

-- What a chat file has beyond its row in file. The row outlives an expired file,
-- so that clients are told that it is expired.
CREATE TABLE chatfile (
  app          BIGINT NOT NULL,
  object       TEXT COLLATE "C" NOT NULL,
  name         TEXT COLLATE "C" NOT NULL,
  restricted   BIGINT NOT NULL,
  thumb_width  BIGINT NOT NULL,
  thumb_height BIGINT NOT NULL,
  chat_type    TEXT COLLATE "C" NOT NULL,
  chat_target  TEXT COLLATE "C" NOT NULL,
  expires      BIGINT NOT NULL,
  PRIMARY KEY (app, object)
);
CREATE INDEX chatfile_expires ON chatfile (expires) WHERE expires > 0;

-- +goose Down
DROP TABLE chatfile;
ALTER TABLE account DROP COLUMN deleted;
ALTER TABLE account DROP COLUMN password;
