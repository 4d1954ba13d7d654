-- +goose Up
-- Messages that were recalled: the message's row is gone, this is what is told
-- of it. kind is the type of the notice (7, 8, 12: recalled; 13, 14: deleted for
-- everybody but its sender).
CREATE TABLE recall (
  app      INTEGER NOT NULL,
  conv     TEXT NOT NULL,
  id       INTEGER NOT NULL,
  time     INTEGER NOT NULL,
  kind     INTEGER NOT NULL,
  msg_id   INTEGER NOT NULL,
  msg_time INTEGER NOT NULL,
  sender   TEXT NOT NULL,
  operator TEXT NOT NULL,
  content  TEXT NOT NULL,
  PRIMARY KEY (app, conv, id)
);
CREATE UNIQUE INDEX recall_id ON recall (app, id);

CREATE TABLE recall_ack (
  app   INTEGER NOT NULL,
  accid TEXT NOT NULL,
  id    INTEGER NOT NULL,
  PRIMARY KEY (app, accid, id)
);

-- Messages an account deleted for itself.
CREATE TABLE message_hide (
  app      INTEGER NOT NULL,
  accid    TEXT NOT NULL,
  conv     TEXT NOT NULL,
  msg_time INTEGER NOT NULL,
  deleted  INTEGER NOT NULL,
  content  TEXT NOT NULL,
  PRIMARY KEY (app, accid, conv, msg_time)
);
CREATE INDEX message_hide_deleted ON message_hide (app, accid, deleted);

-- Up to when an account cleared a conversation: cleared ends history and
-- everything else, roamed ends what a login gets. synced: other devices are told.
CREATE TABLE conversation_clear (
  app     INTEGER NOT NULL,
  accid   TEXT NOT NULL,
  conv    TEXT NOT NULL,
  cleared INTEGER NOT NULL DEFAULT 0,
  roamed  INTEGER NOT NULL DEFAULT 0,
  synced  INTEGER NOT NULL DEFAULT 0,
  ext     TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (app, accid, conv)
);

-- How far reader has read what accid wrote to it.
CREATE TABLE receipt (
  app       INTEGER NOT NULL,
  accid     TEXT NOT NULL,
  reader    TEXT NOT NULL,
  time      INTEGER NOT NULL,
  id_client TEXT NOT NULL,
  PRIMARY KEY (app, accid, reader)
);

-- Messages of a thread by the id of its root.
CREATE TABLE message_thread (
  app  INTEGER NOT NULL,
  conv TEXT NOT NULL,
  root INTEGER NOT NULL,
  time INTEGER NOT NULL,
  PRIMARY KEY (app, conv, root, time)
);

CREATE TABLE stick_top (
  app     INTEGER NOT NULL,
  accid   TEXT NOT NULL,
  id      TEXT NOT NULL,
  ext     TEXT NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  PRIMARY KEY (app, accid, id)
);

-- What an account's session list has beyond its conversations: the account's
-- own text, and until when the session is deleted (0 = it is not).
CREATE TABLE cloud_session (
  app     INTEGER NOT NULL,
  accid   TEXT NOT NULL,
  conv    TEXT NOT NULL,
  ext     TEXT NOT NULL DEFAULT '',
  updated INTEGER NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (app, accid, conv)
);

CREATE TABLE broadcast (
  app     INTEGER NOT NULL,
  id      INTEGER NOT NULL,
  sender  TEXT NOT NULL,
  body    TEXT NOT NULL,
  os      TEXT NOT NULL,
  stored  INTEGER NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  PRIMARY KEY (app, id)
);

CREATE TABLE broadcast_ack (
  app   INTEGER NOT NULL,
  accid TEXT NOT NULL,
  id    INTEGER NOT NULL,
  PRIMARY KEY (app, accid, id)
);

-- How far the search index has followed the messages of an app, by id.
CREATE TABLE search_cursor (
  app INTEGER NOT NULL PRIMARY KEY,
  id  INTEGER NOT NULL
);

-- Words of messages, by message id: unigrams and bigrams of Chinese, whole other
-- words, and tokens for the accounts and the conversation (search.go).
CREATE VIRTUAL TABLE message_search USING fts5 (words, content='', contentless_delete=1, detail='none', tokenize='ascii');

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
