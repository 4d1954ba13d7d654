-- +goose Up
-- last_time is the time of the newest message: times of a room ascend strictly.
-- in_out: members are told of who enters and leaves.
CREATE TABLE chatroom (
  app          INTEGER NOT NULL,
  id           INTEGER NOT NULL,
  creator      TEXT NOT NULL,
  name         TEXT NOT NULL,
  announcement TEXT NOT NULL,
  broadcast    TEXT NOT NULL,
  ext          TEXT NOT NULL,
  queue_level  INTEGER NOT NULL,
  open         INTEGER NOT NULL,
  muted        INTEGER NOT NULL,
  in_out       INTEGER NOT NULL,
  last_time    INTEGER NOT NULL,
  created      INTEGER NOT NULL,
  updated      INTEGER NOT NULL,
  PRIMARY KEY (app, id)
);

CREATE TABLE chatroom_message (
  app          INTEGER NOT NULL,
  room         INTEGER NOT NULL,
  time         INTEGER NOT NULL,
  sender       TEXT NOT NULL,
  client_id    TEXT NOT NULL,
  type         INTEGER NOT NULL,
  body         BLOB NOT NULL,
  PRIMARY KEY (app, room, time)
);
-- For repeated sends.
CREATE INDEX chatroom_message_client ON chatroom_message (app, room, client_id);
-- For what is too old.
CREATE INDEX chatroom_message_age ON chatroom_message (app, time);

-- +goose Down
DROP TABLE chatroom_message;
DROP TABLE chatroom;
