-- +goose Up
-- System notifications that wait for an account; deleted when acknowledged.
CREATE TABLE notice (
  app   INTEGER NOT NULL,
  accid TEXT NOT NULL,
  id    INTEGER NOT NULL,
  time  INTEGER NOT NULL,
  type  INTEGER NOT NULL,
  body  TEXT NOT NULL,
  PRIMARY KEY (app, accid, id)
);

-- One direction of a friendship. valid = 0 marks one that ended: the next
-- incremental sync tells of it, and a kept alias waits for a new beginning.
CREATE TABLE friend (
  app      INTEGER NOT NULL,
  accid    TEXT NOT NULL,
  friend   TEXT NOT NULL,
  valid    INTEGER NOT NULL,
  origin   INTEGER NOT NULL,
  alias    TEXT NOT NULL DEFAULT '',
  ext      TEXT NOT NULL DEFAULT '',
  serverex TEXT NOT NULL DEFAULT '',
  created  INTEGER NOT NULL,
  updated  INTEGER NOT NULL,
  PRIMARY KEY (app, accid, friend)
);

-- Friend requests without an answer, by who was asked.
CREATE TABLE friend_request (
  app    INTEGER NOT NULL,
  accid  TEXT NOT NULL,
  sender TEXT NOT NULL,
  time   INTEGER NOT NULL,
  PRIMARY KEY (app, accid, sender)
);

-- Black and mute lists; a row with both 0 says that something was taken off.
CREATE TABLE relation (
  app     INTEGER NOT NULL,
  accid   TEXT NOT NULL,
  other   TEXT NOT NULL,
  black   INTEGER NOT NULL DEFAULT 0,
  muted   INTEGER NOT NULL DEFAULT 0,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  PRIMARY KEY (app, accid, other)
);

-- +goose Down
DROP TABLE relation;
DROP TABLE friend_request;
DROP TABLE friend;
DROP TABLE notice;
