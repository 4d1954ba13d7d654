-- +goose Up
-- Messages that were recalled: the message's row is gone, this is what is told
-- of it. kind is the type of the notice (7, 8, 12: recalled; 13, 14: deleted for
-- everybody but its sender).
CREATE TABLE recall (
  app      BIGINT NOT NULL,
  conv     TEXT COLLATE "C" NOT NULL,
  id       BIGINT NOT NULL,
  time     BIGINT NOT NULL,
  kind     BIGINT NOT NULL,
  msg_id   BIGINT NOT NULL,
  msg_time BIGINT NOT NULL,
  sender   TEXT COLLATE "C" NOT NULL,
  operator TEXT COLLATE "C" NOT NULL,
  content  TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (app, conv, id)
);
CREATE UNIQUE INDEX recall_id ON recall (app, id);

CREATE TABLE recall_ack (
  app   BIGINT NOT NULL,
  accid TEXT COLLATE "C" NOT NULL,
  id    BIGINT NOT NULL,
  PRIMARY KEY (app, accid, id)
);

-- Messages an account deleted for itself.
CREATE TABLE message_hide (
  app      BIGINT NOT NULL,
  accid    TEXT COLLATE "C" NOT NULL,
  conv     TEXT COLLATE "C" NOT NULL,
  msg_time BIGINT NOT NULL,
  deleted  BIGINT NOT NULL,
  content  TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (app, accid, conv, msg_time)
);
CREATE INDEX message_hide_deleted ON message_hide (app, accid, deleted);

-- Up to when an account cleared a conversation: cleared ends history and
-- everything else, roamed ends what a login gets. synced: other devices are told.
CREATE TABLE conversation_clear (
  app     BIGINT NOT NULL,
  accid   TEXT COLLATE "C" NOT NULL,
  conv    TEXT COLLATE "C" NOT NULL,
  cleared BIGINT NOT NULL DEFAULT 0,
  roamed  BIGINT NOT NULL DEFAULT 0,
  synced  BIGINT NOT NULL DEFAULT 0,
  ext     TEXT COLLATE "C" NOT NULL DEFAULT '',
  PRIMARY KEY (app, accid, conv)
);

-- How far reader has read what accid wrote to it.
CREATE TABLE receipt (
  app       BIGINT NOT NULL,
  accid     TEXT COLLATE "C" NOT NULL,
  reader    TEXT COLLATE "C" NOT NULL,
  time      BIGINT NOT NULL,
  id_client TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (app, accid, reader)
);

-- Messages of a thread by the id of its root.
CREATE TABLE message_thread (
  app  BIGINT NOT NULL,
  conv TEXT COLLATE "C" NOT NULL,
  root BIGINT NOT NULL,
  time BIGINT NOT NULL,
  PRIMARY KEY (app, conv, root, time)
);

CREATE TABLE stick_top (
  app     BIGINT NOT NULL,
  accid   TEXT COLLATE "C" NOT NULL,
  id      TEXT COLLATE "C" NOT NULL,
  ext     TEXT COLLATE "C" NOT NULL,
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  PRIMARY KEY (app, accid, id)
);

-- What an account's session list has beyond its conversations: the account's
-- own text, and until when the session is deleted (0 = it is not).
CREATE TABLE cloud_session (
  app     BIGINT NOT NULL,
  accid   TEXT COLLATE "C" NOT NULL,
  conv    TEXT COLLATE "C" NOT NULL,
  ext     TEXT COLLATE "C" NOT NULL DEFAULT '',
  updated BIGINT NOT NULL,
  deleted BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (app, accid, conv)
);

CREATE TABLE broadcast (
  app     BIGINT NOT NULL,
  id      BIGINT NOT NULL,
  sender  TEXT COLLATE "C" NOT NULL,
  body    TEXT COLLATE "C" NOT NULL,
  os      TEXT COLLATE "C" NOT NULL,
  stored  BIGINT NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  PRIMARY KEY (app, id)
);

CREATE TABLE broadcast_ack (
  app   BIGINT NOT NULL,
  accid TEXT COLLATE "C" NOT NULL,
  id    BIGINT NOT NULL,
  PRIMARY KEY (app, accid, id)
);

-- How far the search index has followed the messages of an app, by id.
CREATE TABLE search_cursor (
  app BIGINT NOT NULL PRIMARY KEY,
  id  BIGINT NOT NULL
);

-- Words of messages, by message id: unigrams and bigrams of Chinese, whole other
-- words, and tokens for the accounts and the conversation (search.go).
CREATE TABLE message_search (
  app   BIGINT NOT NULL,
  id    BIGINT NOT NULL,
  words TSVECTOR NOT NULL,
  PRIMARY KEY (app, id)
);
CREATE INDEX message_search_words ON message_search USING GIN (words);

-- +goose Down
DROP TABLE message_search;
DROP TABLE search_cursor;
DROP TABLE broadcast_ack;
DROP TABLE broadcast;
DROP TABLE cloud_session;
DROP TABLE stick_top;
DROP TABLE message_thread;
DROP TABLE receipt;
DROP TABLE conversation_clear;
DROP TABLE message_hide;
DROP TABLE recall_ack;
DROP TABLE recall;
