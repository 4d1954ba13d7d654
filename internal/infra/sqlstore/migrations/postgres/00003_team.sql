-- +goose Up
-- conv is the conversation's key: t|<tid> for teams, s|<tid> for super teams.
CREATE TABLE team (
  app           BIGINT NOT NULL,
  conv          TEXT COLLATE "C" NOT NULL,
  type          BIGINT NOT NULL,
  name          TEXT COLLATE "C" NOT NULL,
  owner         TEXT COLLATE "C" NOT NULL,
  level         BIGINT NOT NULL,
  valid         BIGINT NOT NULL,
  member_num    BIGINT NOT NULL,
  intro         TEXT COLLATE "C" NOT NULL,
  announcement  TEXT COLLATE "C" NOT NULL,
  avatar        TEXT COLLATE "C" NOT NULL,
  ext           TEXT COLLATE "C" NOT NULL,
  server_ext    TEXT COLLATE "C" NOT NULL,
  join_mode     BIGINT NOT NULL,
  invited_mode  BIGINT NOT NULL,
  invite_mode   BIGINT NOT NULL,
  update_mode   BIGINT NOT NULL,
  ext_mode      BIGINT NOT NULL,
  mute_type     BIGINT NOT NULL,
  member_time   BIGINT NOT NULL,
  created       BIGINT NOT NULL,
  updated       BIGINT NOT NULL,
  last_join     BIGINT NOT NULL,
  PRIMARY KEY (app, conv)
);
CREATE INDEX team_owner ON team (app, owner);

-- Ended memberships stay for a while: who was removed while offline hears of it.
-- joined, left_seq and past are the sequences of the conversation that the
-- member may be sent; left_seq 0 means still a member.
CREATE TABLE team_member (
  app       BIGINT NOT NULL,
  conv      TEXT COLLATE "C" NOT NULL,
  accid     TEXT COLLATE "C" NOT NULL,
  role      BIGINT NOT NULL,
  nick      TEXT COLLATE "C" NOT NULL,
  ext       TEXT COLLATE "C" NOT NULL,
  bits      BIGINT NOT NULL,
  muted     BIGINT NOT NULL,
  inviter   TEXT COLLATE "C" NOT NULL,
  join_time BIGINT NOT NULL,
  updated   BIGINT NOT NULL,
  valid     BIGINT NOT NULL,
  joined    BIGINT NOT NULL,
  left_seq  BIGINT NOT NULL,
  left_time BIGINT NOT NULL,
  past      TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (app, conv, accid)
);
CREATE INDEX team_member_account ON team_member (app, accid);
CREATE INDEX team_member_joined ON team_member (app, conv, join_time);

-- Applications (kind 0) and invitations (kind 1) that wait for an answer.
CREATE TABLE team_pending (
  app   BIGINT NOT NULL,
  conv  TEXT COLLATE "C" NOT NULL,
  accid TEXT COLLATE "C" NOT NULL,
  kind  BIGINT NOT NULL,
  by_   TEXT COLLATE "C" NOT NULL,
  time  BIGINT NOT NULL,
  PRIMARY KEY (app, conv, accid, kind, by_)
);

CREATE TABLE team_receipt (
  app    BIGINT NOT NULL,
  conv   TEXT COLLATE "C" NOT NULL,
  id     BIGINT NOT NULL,
  reader TEXT COLLATE "C" NOT NULL,
  time   BIGINT NOT NULL,
  PRIMARY KEY (app, conv, id, reader)
);

-- +goose Down
DROP TABLE team_receipt;
DROP TABLE team_pending;
DROP TABLE team_member;
DROP TABLE team;
