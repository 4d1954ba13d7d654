-- +goose Up
-- accid wants to know of publisher's presence until expires.
CREATE TABLE subscription (
  app       INTEGER NOT NULL,
  accid     TEXT NOT NULL,
  publisher TEXT NOT NULL,
  created   INTEGER NOT NULL,
  expires   INTEGER NOT NULL,
  PRIMARY KEY (app, accid, publisher)
);
CREATE INDEX subscription_expires ON subscription (app, expires);

-- What one kind of client of an account has published of itself.
CREATE TABLE presence_value (
  app         INTEGER NOT NULL,
  accid       TEXT NOT NULL,
  client_type INTEGER NOT NULL,
  device      TEXT NOT NULL,
  value       INTEGER NOT NULL,
  ext         TEXT NOT NULL,
  id          TEXT NOT NULL,
  id_client   TEXT NOT NULL,
  time        INTEGER NOT NULL,
  expires     INTEGER NOT NULL,
  broadcast   INTEGER NOT NULL,
  PRIMARY KEY (app, accid, client_type)
);
CREATE INDEX presence_value_expires ON presence_value (app, expires);

-- A signaling channel; state holds its members and invitations.
CREATE TABLE signal_channel (
  app   INTEGER NOT NULL,
  id    INTEGER NOT NULL,
  name  TEXT NOT NULL,
  due   INTEGER NOT NULL,
  state TEXT NOT NULL,
  PRIMARY KEY (app, id)
);
CREATE UNIQUE INDEX signal_channel_name ON signal_channel (app, name);
CREATE INDEX signal_channel_due ON signal_channel (app, due);

CREATE TABLE signal_member (
  app     INTEGER NOT NULL,
  accid   TEXT NOT NULL,
  channel INTEGER NOT NULL,
  PRIMARY KEY (app, accid, channel)
);

-- Signaling events that an account has not acknowledged.
CREATE TABLE signal_event (
  app     INTEGER NOT NULL,
  accid   TEXT NOT NULL,
  id      INTEGER NOT NULL,
  body    TEXT NOT NULL,
  PRIMARY KEY (app, accid, id)
);
CREATE INDEX signal_event_age ON signal_event (app, id);

-- Where a device can be reached by push.
CREATE TABLE push_device (
  app         INTEGER NOT NULL,
  accid       TEXT NOT NULL,
  device      TEXT NOT NULL,
  client_type INTEGER NOT NULL,
  token_name  TEXT NOT NULL DEFAULT '',
  token       TEXT NOT NULL DEFAULT '',
  pushkit     INTEGER NOT NULL DEFAULT 0,
  background  INTEGER NOT NULL DEFAULT 0,
  badge       INTEGER NOT NULL DEFAULT 0,
  updated     INTEGER NOT NULL,
  PRIMARY KEY (app, accid, device)
);

-- +goose Down
DROP TABLE push_device;
DROP TABLE signal_event;
DROP TABLE signal_member;
DROP TABLE signal_channel;
DROP TABLE presence_value;
DROP TABLE subscription;
