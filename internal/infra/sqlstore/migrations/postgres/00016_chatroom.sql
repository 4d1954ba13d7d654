-- +goose Up
-- last_time is the time of the newest message: times of a room ascend strictly.
-- in_out: members are told of who enters and leaves.
CREATE TABLE chatroom (
  app          BIGINT NOT NULL,
  id           BIGINT NOT NULL,
  creator      TEXT COLLATE "C" NOT NULL,
  name         TEXT COLLATE "C" NOT NULL,
  announcement TEXT COLLATE "C" NOT NULL,
  broadcast    TEXT COLLATE "C" NOT NULL,
  ext          TEXT COLLATE "C" NOT NULL,
  queue_level  BIGINT NOT NULL,
  open         BIGINT NOT NULL,
  muted        BIGINT NOT NULL,
  in_out       BIGINT NOT NULL,
  last_time    BIGINT NOT NULL,
  created      BIGINT NOT NULL,
  updated      BIGINT NOT NULL,
  PRIMARY KEY (app, id)
);

CREATE TABLE chatroom_message (
  app          BIGINT NOT NULL,
  room         BIGINT NOT NULL,
  time         BIGINT NOT NULL,
  sender       TEXT COLLATE "C" NOT NULL,
  client_id    TEXT COLLATE "C" NOT NULL,
  type         BIGINT NOT NULL,
  body         BYTEA NOT NULL,
  PRIMARY KEY (app, room, time)
);
-- For repeated sends.
CREATE INDEX chatroom_message_client ON chatroom_message (app, room, client_id);
-- For what is too old.
CREATE INDEX chatroom_message_age ON chatroom_message (app, time);

-- +goose Down
DROP TABLE chatroom_message;
DROP TABLE chatroom;
