-- +goose Up
CREATE TABLE qchat_server (
  app         BIGINT NOT NULL,
  id          BIGINT NOT NULL,
  name        TEXT COLLATE "C" NOT NULL,
  icon        TEXT COLLATE "C" NOT NULL,
  ext         TEXT COLLATE "C" NOT NULL,
  owner       TEXT COLLATE "C" NOT NULL,
  invite_mode BIGINT NOT NULL,
  apply_mode  BIGINT NOT NULL,
  search_type BIGINT NOT NULL,
  search      BIGINT NOT NULL,
  members     BIGINT NOT NULL,
  channels    BIGINT NOT NULL,
  created     BIGINT NOT NULL,
  updated     BIGINT NOT NULL,
  PRIMARY KEY (app, id)
);

CREATE TABLE qchat_member (
  app     BIGINT NOT NULL,
  server  BIGINT NOT NULL,
  accid   TEXT COLLATE "C" NOT NULL,
  inviter TEXT COLLATE "C" NOT NULL,
  joined  BIGINT NOT NULL,
  PRIMARY KEY (app, server, accid)
);
CREATE INDEX qchat_member_account ON qchat_member (app, accid);

-- last_time is the time of the newest message: times of a channel ascend strictly.
CREATE TABLE qchat_channel (
  app          BIGINT NOT NULL,
  id           BIGINT NOT NULL,
  server       BIGINT NOT NULL,
  name         TEXT COLLATE "C" NOT NULL,
  topic        TEXT COLLATE "C" NOT NULL,
  ext          TEXT COLLATE "C" NOT NULL,
  type         BIGINT NOT NULL,
  visitor_mode BIGINT NOT NULL,
  owner        TEXT COLLATE "C" NOT NULL,
  last_time    BIGINT NOT NULL,
  created      BIGINT NOT NULL,
  updated      BIGINT NOT NULL,
  PRIMARY KEY (app, id)
);

-- history and badge: whether the message is in the history and counts as unread.
CREATE TABLE qchat_message (
  app       BIGINT NOT NULL,
  channel   BIGINT NOT NULL,
  time      BIGINT NOT NULL,
  id        BIGINT NOT NULL,
  sender    TEXT COLLATE "C" NOT NULL,
  client_id TEXT COLLATE "C" NOT NULL,
  history   BIGINT NOT NULL,
  badge     BIGINT NOT NULL,
  body      BYTEA NOT NULL,
  PRIMARY KEY (app, channel, time)
);
CREATE UNIQUE INDEX qchat_message_client ON qchat_message (app, sender, client_id);

CREATE TABLE qchat_read (
  app     BIGINT NOT NULL,
  channel BIGINT NOT NULL,
  accid   TEXT COLLATE "C" NOT NULL,
  time    BIGINT NOT NULL,
  PRIMARY KEY (app, channel, accid)
);

-- +goose Down
DROP TABLE qchat_read;
DROP TABLE qchat_message;
DROP TABLE qchat_channel;
DROP TABLE qchat_member;
DROP TABLE qchat_server;
