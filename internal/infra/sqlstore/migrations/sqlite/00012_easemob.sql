-- +goose Up
-- What the Easemob API knows of accounts: a salted hash ('' = none), and that
-- one is deleted until its name is registered anew.
ALTER TABLE account ADD COLUMN password TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;

-- What a chat file has beyond its row in file. The row outlives an expired file,
-- so that clients are told that it is expired.
CREATE TABLE chatfile (
  app          INTEGER NOT NULL,
  object       TEXT NOT NULL,
  name         TEXT NOT NULL,
  restricted   INTEGER NOT NULL,
  thumb_width  INTEGER NOT NULL,
  thumb_height INTEGER NOT NULL,
  chat_type    TEXT NOT NULL,
  chat_target  TEXT NOT NULL,
  expires      INTEGER NOT NULL,
  PRIMARY KEY (app, object)
);
CREATE INDEX chatfile_expires ON chatfile (expires) WHERE expires > 0;

-- +goose Down
DROP TABLE chatfile;
ALTER TABLE account DROP COLUMN deleted;
ALTER TABLE account DROP COLUMN password;
