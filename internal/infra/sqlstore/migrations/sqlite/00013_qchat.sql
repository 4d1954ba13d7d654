-- +goose Up
CREATE TABLE qchat_server (
  app         INTEGER NOT NULL,
  id          INTEGER NOT NULL,
  name        TEXT NOT NULL,
  icon        TEXT NOT NULL,
  ext         TEXT NOT NULL,
  owner       TEXT NOT NULL,
  invite_mode INTEGER NOT NULL,
  apply_mode  INTEGER NOT NULL,
  search_type INTEGER NOT NULL,
  search      INTEGER NOT NULL,
  members     INTEGER NOT NULL,
  channels    INTEGER NOT NULL,
  created     INTEGER NOT NULL,
  updated     INTEGER NOT NULL,
  PRIMARY KEY (app, id)
);

CREATE TABLE qchat_member (
  app     INTEGER NOT NULL,
  server  INTEGER NOT NULL,
  accid   TEXT NOT NULL,
  inviter TEXT NOT NULL,
  joined  INTEGER NOT NULL,
  PRIMARY KEY (app, server, accid)
);
CREATE INDEX qchat_member_account ON qchat_member (app, accid);

-- last_time is the time of the newest message: times of a channel ascend strictly.
CREATE TABLE qchat_channel (
  app          INTEGER NOT NULL,
  id           INTEGER NOT NULL,
  server       INTEGER NOT NULL,
  name         TEXT NOT NULL,
  topic        TEXT NOT NULL,
  ext          TEXT NOT NULL,
  type         INTEGER NOT NULL,
  visitor_mode INTEGER NOT NULL,
  owner        TEXT NOT NULL,
  last_time    INTEGER NOT NULL,
  created      INTEGER NOT NULL,
  updated      INTEGER NOT NULL,
  PRIMARY KEY (app, id)
);

-- history and badge: whether the message is in the history and counts as unread.
CREATE TABLE qchat_message (
  app       INTEGER NOT NULL,
  channel   INTEGER NOT NULL,
  time      INTEGER NOT NULL,
  id        INTEGER NOT NULL,
  sender    TEXT NOT NULL,
  client_id TEXT NOT NULL,
  history   INTEGER NOT NULL,
  badge     INTEGER NOT NULL,
  body      BLOB NOT NULL,
  PRIMARY KEY (app, channel, time)
);
CREATE UNIQUE INDEX qchat_message_client ON qchat_message (app, sender, client_id);

CREATE TABLE qchat_read (
  app     INTEGER NOT NULL,
  channel INTEGER NOT NULL,
  accid   TEXT NOT NULL,
  time    INTEGER NOT NULL,
  PRIMARY KEY (app, channel, accid)
);

-- +goose Down
DROP TABLE qchat_read;
DROP TABLE qchat_message;
DROP TABLE qchat_channel;
DROP TABLE qchat_member;
DROP TABLE qchat_server;
