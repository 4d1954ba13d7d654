-- +goose Up
-- System notifications that wait for an account; deleted when acknowledged.
CREATE TABLE notice (
  app   BIGINT NOT NULL,
  accid TEXT COLLATE "C" NOT NULL,
  id    BIGINT NOT NULL,
  time  BIGINT NOT NULL,
  type  BIGINT NOT NULL,
  body  TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (app, accid, id)
);

-- One direction of a friendship. valid = 0 marks one that ended: the next
-- incremental sync tells of it, and a kept alias waits for a new beginning.
CREATE TABLE friend (
  app      BIGINT NOT NULL,
  accid    TEXT COLLATE "C" NOT NULL,
  friend   TEXT COLLATE "C" NOT NULL,
  valid    BIGINT NOT NULL,
  origin   BIGINT NOT NULL,
  alias    TEXT COLLATE "C" NOT NULL DEFAULT '',
  ext      TEXT COLLATE "C" NOT NULL DEFAULT '',
  serverex TEXT COLLATE "C" NOT NULL DEFAULT '',
  created  BIGINT NOT NULL,
  updated  BIGINT NOT NULL,
  PRIMARY KEY (app, accid, friend)
);

-- Friend requests without an answer, by who was asked.
CREATE TABLE friend_request (
  app    BIGINT NOT NULL,
  accid  TEXT COLLATE "C" NOT NULL,
  sender TEXT COLLATE "C" NOT NULL,
  time   BIGINT NOT NULL,
  PRIMARY KEY (app, accid, sender)
);

-- Black and mute lists; a row with both 0 says that something was taken off.
CREATE TABLE relation (
  app     BIGINT NOT NULL,
  accid   TEXT COLLATE "C" NOT NULL,
  other   TEXT COLLATE "C" NOT NULL,
  black   BIGINT NOT NULL DEFAULT 0,
  muted   BIGINT NOT NULL DEFAULT 0,
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  PRIMARY KEY (app, accid, other)
);

-- +goose Down
DROP TABLE relation;
DROP TABLE friend_request;
DROP TABLE friend;
DROP TABLE notice;
