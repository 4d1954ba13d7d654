-- +goose Up
-- Event copies waiting for the app's server, written in the transaction of
-- their event; lane keeps the order of one conversation or account.
DROP TABLE outbox;
CREATE TABLE outbox (
  app      INTEGER NOT NULL,
  id       INTEGER NOT NULL,
  lane     TEXT NOT NULL,
  event    INTEGER NOT NULL,
  env      TEXT NOT NULL,
  body     TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  due      INTEGER NOT NULL,
  PRIMARY KEY (app, id)
) WITHOUT ROWID;

-- Copies that were given up; they can be sent again.
CREATE TABLE outbox_dead (
  app      INTEGER NOT NULL,
  id       INTEGER NOT NULL,
  lane     TEXT NOT NULL,
  event    INTEGER NOT NULL,
  env      TEXT NOT NULL,
  body     TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  died     INTEGER NOT NULL,
  cause    TEXT NOT NULL,
  PRIMARY KEY (app, id)
) WITHOUT ROWID;

-- Which process sends the copies of which part of the lanes.
CREATE TABLE outbox_lease (
  shard   INTEGER NOT NULL PRIMARY KEY,
  holder  TEXT NOT NULL,
  expires INTEGER NOT NULL
);

-- +goose Down
DROP TABLE outbox_lease;
DROP TABLE outbox_dead;
DROP TABLE outbox;
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
