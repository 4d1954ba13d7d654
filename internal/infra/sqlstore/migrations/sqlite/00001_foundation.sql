-- +goose Up
CREATE TABLE app (
  no          INTEGER NOT NULL PRIMARY KEY,
  key         TEXT NOT NULL UNIQUE,
  secret      BLOB NOT NULL,
  org         TEXT NOT NULL DEFAULT '',
  name        TEXT NOT NULL DEFAULT '',
  easemob_id  TEXT NOT NULL DEFAULT '',
  easemob_key BLOB NOT NULL,
  disabled    INTEGER NOT NULL DEFAULT 0,
  settings    TEXT NOT NULL DEFAULT '{}',
  created     INTEGER NOT NULL
);

CREATE TABLE account (
  app        INTEGER NOT NULL,
  accid      TEXT NOT NULL,
  token_hash TEXT NOT NULL,
  name       TEXT NOT NULL DEFAULT '',
  icon       TEXT NOT NULL DEFAULT '',
  sign       TEXT NOT NULL DEFAULT '',
  email      TEXT NOT NULL DEFAULT '',
  birth      TEXT NOT NULL DEFAULT '',
  mobile     TEXT NOT NULL DEFAULT '',
  ex         TEXT NOT NULL DEFAULT '',
  gender     INTEGER NOT NULL DEFAULT 0,
  card_time  INTEGER NOT NULL,
  blocked    INTEGER NOT NULL DEFAULT 0,
  mutes      INTEGER NOT NULL DEFAULT 0,
  donnop     INTEGER NOT NULL DEFAULT 0,
  created    INTEGER NOT NULL,
  PRIMARY KEY (app, accid)
) WITHOUT ROWID;

CREATE TABLE login_record (
  app         INTEGER NOT NULL,
  accid       TEXT NOT NULL,
  id          INTEGER NOT NULL,
  time        INTEGER NOT NULL,
  event       INTEGER NOT NULL,
  client_type INTEGER NOT NULL,
  ip          TEXT NOT NULL,
  device      TEXT NOT NULL,
  sdk         INTEGER NOT NULL,
  PRIMARY KEY (app, accid, id)
);

CREATE TABLE conversation (
  app  INTEGER NOT NULL,
  conv TEXT NOT NULL,
  seq  INTEGER NOT NULL,
  time INTEGER NOT NULL,
  PRIMARY KEY (app, conv)
) WITHOUT ROWID;

CREATE TABLE conversation_member (
  app       INTEGER NOT NULL,
  accid     TEXT NOT NULL,
  conv      TEXT NOT NULL,
  delivered TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (app, accid, conv)
) WITHOUT ROWID;

-- time is strictly increasing inside a conversation, hence unique in it.
CREATE TABLE message (
  app         INTEGER NOT NULL,
  conv        TEXT NOT NULL,
  time        INTEGER NOT NULL,
  seq         INTEGER NOT NULL,
  id          INTEGER NOT NULL,
  sender      TEXT NOT NULL,
  id_client   TEXT NOT NULL,
  type        INTEGER NOT NULL,
  flags       INTEGER NOT NULL,
  client_type INTEGER NOT NULL,
  content     TEXT NOT NULL,
  PRIMARY KEY (app, conv, time)
);
CREATE UNIQUE INDEX message_id ON message (app, id);

-- First use of a client id by its sender in a conversation; rows older than the
-- longest dedup_hours are deleted, the oldest rowid first.
CREATE TABLE message_client (
  app       INTEGER NOT NULL,
  conv      TEXT NOT NULL,
  sender    TEXT NOT NULL,
  id_client TEXT NOT NULL,
  id        INTEGER NOT NULL,
  PRIMARY KEY (app, conv, sender, id_client)
);

CREATE TABLE session_ack (
  app    INTEGER NOT NULL,
  accid  TEXT NOT NULL,
  scene  INTEGER NOT NULL,
  target TEXT NOT NULL,
  time   INTEGER NOT NULL,
  PRIMARY KEY (app, accid, scene, target)
) WITHOUT ROWID;

-- Event copies waiting for the app's server, written in the transaction of
-- their event; lane keeps the order of one conversation.
CREATE TABLE outbox (
  app      INTEGER NOT NULL,
  lane     TEXT NOT NULL,
  id       INTEGER NOT NULL,
  event    INTEGER NOT NULL,
  body     TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  due      INTEGER NOT NULL,
  dead     INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (app, lane, id)
);
CREATE INDEX outbox_due ON outbox (dead, due);

CREATE TABLE change_log (
  id   INTEGER NOT NULL PRIMARY KEY,
  app  TEXT NOT NULL,
  kind TEXT NOT NULL,
  key  TEXT NOT NULL,
  body TEXT NOT NULL
);

CREATE TABLE node_lease (
  node    INTEGER NOT NULL PRIMARY KEY,
  holder  TEXT NOT NULL,
  kind    TEXT NOT NULL,
  expires INTEGER NOT NULL
);

CREATE TABLE meta (
  key   TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
);

-- +goose Down
DROP TABLE meta;
DROP TABLE node_lease;
DROP TABLE change_log;
DROP TABLE outbox;
DROP TABLE session_ack;
DROP TABLE message_client;
DROP TABLE message;
DROP TABLE conversation_member;
DROP TABLE conversation;
DROP TABLE login_record;
DROP TABLE account;
DROP TABLE app;
