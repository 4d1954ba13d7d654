-- +goose Up
CREATE TABLE app (
  no          BIGINT NOT NULL PRIMARY KEY,
  key         TEXT COLLATE "C" NOT NULL UNIQUE,
  secret      BYTEA NOT NULL,
  org         TEXT COLLATE "C" NOT NULL DEFAULT '',
  name        TEXT COLLATE "C" NOT NULL DEFAULT '',
  easemob_id  TEXT COLLATE "C" NOT NULL DEFAULT '',
  easemob_key BYTEA NOT NULL,
  disabled    BIGINT NOT NULL DEFAULT 0,
  settings    TEXT COLLATE "C" NOT NULL DEFAULT '{}',
  created     BIGINT NOT NULL
);

CREATE TABLE account (
  app        BIGINT NOT NULL,
  accid      TEXT COLLATE "C" NOT NULL,
  token_hash TEXT COLLATE "C" NOT NULL,
  name       TEXT COLLATE "C" NOT NULL DEFAULT '',
  icon       TEXT COLLATE "C" NOT NULL DEFAULT '',
  sign       TEXT COLLATE "C" NOT NULL DEFAULT '',
  email      TEXT COLLATE "C" NOT NULL DEFAULT '',
  birth      TEXT COLLATE "C" NOT NULL DEFAULT '',
  mobile     TEXT COLLATE "C" NOT NULL DEFAULT '',
  ex         TEXT COLLATE "C" NOT NULL DEFAULT '',
  gender     BIGINT NOT NULL DEFAULT 0,
  card_time  BIGINT NOT NULL,
  blocked    BIGINT NOT NULL DEFAULT 0,
  mutes      BIGINT NOT NULL DEFAULT 0,
  donnop     BIGINT NOT NULL DEFAULT 0,
  created    BIGINT NOT NULL,
  PRIMARY KEY (app, accid)
);

CREATE TABLE login_record (
  app         BIGINT NOT NULL,
  accid       TEXT COLLATE "C" NOT NULL,
  id          BIGINT NOT NULL,
  time        BIGINT NOT NULL,
  event       BIGINT NOT NULL,
  client_type BIGINT NOT NULL,
  ip          TEXT COLLATE "C" NOT NULL,
  device      TEXT COLLATE "C" NOT NULL,
  sdk         BIGINT NOT NULL,
  PRIMARY KEY (app, accid, id)
);

CREATE TABLE conversation (
  app  BIGINT NOT NULL,
  conv TEXT COLLATE "C" NOT NULL,
  seq  BIGINT NOT NULL,
  time BIGINT NOT NULL,
  PRIMARY KEY (app, conv)
);

CREATE TABLE conversation_member (
  app       BIGINT NOT NULL,
  accid     TEXT COLLATE "C" NOT NULL,
  conv      TEXT COLLATE "C" NOT NULL,
  delivered TEXT COLLATE "C" NOT NULL DEFAULT '',
  PRIMARY KEY (app, accid, conv)
);

-- time is strictly increasing inside a conversation, hence unique in it.
CREATE TABLE message (
  app         BIGINT NOT NULL,
  conv        TEXT COLLATE "C" NOT NULL,
  time        BIGINT NOT NULL,
  seq         BIGINT NOT NULL,
  id          BIGINT NOT NULL,
  sender      TEXT COLLATE "C" NOT NULL,
  id_client   TEXT COLLATE "C" NOT NULL,
  type        BIGINT NOT NULL,
  flags       BIGINT NOT NULL,
  client_type BIGINT NOT NULL,
  content     TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (app, conv, time)
);
CREATE UNIQUE INDEX message_id ON message (app, id);

-- First use of a client id by its sender in a conversation; rows older than the
-- longest dedup_hours are deleted.
CREATE TABLE message_client (
  app       BIGINT NOT NULL,
  conv      TEXT COLLATE "C" NOT NULL,
  sender    TEXT COLLATE "C" NOT NULL,
  id_client TEXT COLLATE "C" NOT NULL,
  id        BIGINT NOT NULL,
  PRIMARY KEY (app, conv, sender, id_client)
);
CREATE INDEX message_client_age ON message_client (id);

CREATE TABLE session_ack (
  app    BIGINT NOT NULL,
  accid  TEXT COLLATE "C" NOT NULL,
  scene  BIGINT NOT NULL,
  target TEXT COLLATE "C" NOT NULL,
  time   BIGINT NOT NULL,
  PRIMARY KEY (app, accid, scene, target)
);

-- Event copies waiting for the app's server, written in the transaction of
-- their event; lane keeps the order of one conversation.
CREATE TABLE outbox (
  app      BIGINT NOT NULL,
  lane     TEXT COLLATE "C" NOT NULL,
  id       BIGINT NOT NULL,
  event    BIGINT NOT NULL,
  body     TEXT COLLATE "C" NOT NULL,
  attempts BIGINT NOT NULL DEFAULT 0,
  due      BIGINT NOT NULL,
  dead     BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (app, lane, id)
);
CREATE INDEX outbox_due ON outbox (dead, due);

CREATE TABLE change_log (
  id   BIGINT NOT NULL PRIMARY KEY,
  app  TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  key  TEXT COLLATE "C" NOT NULL,
  body TEXT COLLATE "C" NOT NULL
);

CREATE TABLE node_lease (
  node    BIGINT NOT NULL PRIMARY KEY,
  holder  TEXT COLLATE "C" NOT NULL,
  kind    TEXT COLLATE "C" NOT NULL,
  expires BIGINT NOT NULL
);

CREATE TABLE meta (
  key   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  value TEXT COLLATE "C" NOT NULL
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
