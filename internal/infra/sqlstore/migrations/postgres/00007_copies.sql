-- +goose Up
-- Event copies waiting for the app's server, written in the transaction of
-- their event; lane keeps the order of one conversation or account.
DROP TABLE outbox;
CREATE TABLE outbox (
  app      BIGINT NOT NULL,
  id       BIGINT NOT NULL,
  lane     TEXT COLLATE "C" NOT NULL,
  event    BIGINT NOT NULL,
  env      TEXT COLLATE "C" NOT NULL,
  body     TEXT COLLATE "C" NOT NULL,
  attempts BIGINT NOT NULL,
  due      BIGINT NOT NULL,
  PRIMARY KEY (app, id)
);

-- Copies that were given up; they can be sent again.
CREATE TABLE outbox_dead (
  app      BIGINT NOT NULL,
  id       BIGINT NOT NULL,
  lane     TEXT COLLATE "C" NOT NULL,
  event    BIGINT NOT NULL,
  env      TEXT COLLATE "C" NOT NULL,
  body     TEXT COLLATE "C" NOT NULL,
  attempts BIGINT NOT NULL,
  died     BIGINT NOT NULL,
  cause    TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (app, id)
);

-- Which process sends the copies of which part of the lanes.
CREATE TABLE outbox_lease (
  shard   BIGINT NOT NULL PRIMARY KEY,
  holder  TEXT COLLATE "C" NOT NULL,
  expires BIGINT NOT NULL
);

-- +goose Down
DROP TABLE outbox_lease;
DROP TABLE outbox_dead;
DROP TABLE outbox;
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
