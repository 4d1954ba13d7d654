-- +goose Up
-- accid wants to know of publisher's presence until expires.
CREATE TABLE subscription (
  app       BIGINT NOT NULL,
  accid     TEXT COLLATE "C" NOT NULL,
  publisher TEXT COLLATE "C" NOT NULL,
  created   BIGINT NOT NULL,
  expires   BIGINT NOT NULL,
  PRIMARY KEY (app, accid, publisher)
);
CREATE INDEX subscription_expires ON subscription (app, expires);

-- What one kind of client of an account has published of itself.
CREATE TABLE presence_value (
  app         BIGINT NOT NULL,
  accid       TEXT COLLATE "C" NOT NULL,
  client_type BIGINT NOT NULL,
  device      TEXT COLLATE "C" NOT NULL,
  value       BIGINT NOT NULL,
  ext         TEXT COLLATE "C" NOT NULL,
  id          TEXT COLLATE "C" NOT NULL,
  id_client   TEXT COLLATE "C" NOT NULL,
  time        BIGINT NOT NULL,
  expires     BIGINT NOT NULL,
  broadcast   BIGINT NOT NULL,
  PRIMARY KEY (app, accid, client_type)
);
CREATE INDEX presence_value_expires ON presence_value (app, expires);

-- A signaling channel; state holds its members and invitations.
CREATE TABLE signal_channel (
  app   BIGINT NOT NULL,
  id    BIGINT NOT NULL,
  name  TEXT COLLATE "C" NOT NULL,
  due   BIGINT NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (app, id)
);
CREATE UNIQUE INDEX signal_channel_name ON signal_channel (app, name);
CREATE INDEX signal_channel_due ON signal_channel (app, due);

CREATE TABLE signal_member (
  app     BIGINT NOT NULL,
  accid   TEXT COLLATE "C" NOT NULL,
  channel BIGINT NOT NULL,
  PRIMARY KEY (app, accid, channel)
);

-- Signaling events that an account has not acknowledged.
CREATE TABLE signal_event (
  app     BIGINT NOT NULL,
  accid   TEXT COLLATE "C" NOT NULL,
  id      BIGINT NOT NULL,
  body    TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (app, accid, id)
);
CREATE INDEX signal_event_age ON signal_event (app, id);

-- Where a device can be reached by push.
CREATE TABLE push_device (
  app         BIGINT NOT NULL,
  accid       TEXT COLLATE "C" NOT NULL,
  device      TEXT COLLATE "C" NOT NULL,
  client_type BIGINT NOT NULL,
  token_name  TEXT COLLATE "C" NOT NULL DEFAULT '',
  token       TEXT COLLATE "C" NOT NULL DEFAULT '',
  pushkit     BIGINT NOT NULL DEFAULT 0,
  background  BIGINT NOT NULL DEFAULT 0,
  badge       BIGINT NOT NULL DEFAULT 0,
  updated     BIGINT NOT NULL,
  PRIMARY KEY (app, accid, device)
);

-- +goose Down
DROP TABLE push_device;
DROP TABLE signal_event;
DROP TABLE signal_member;
DROP TABLE signal_channel;
DROP TABLE presence_value;
DROP TABLE subscription;
