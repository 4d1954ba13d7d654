-- +goose Up
-- conv is the conversation's key: t|<tid> for teams, s|<tid> for super teams.
CREATE TABLE team (
  app           INTEGER NOT NULL,
  conv          TEXT NOT NULL,
  type          INTEGER NOT NULL,
  name          TEXT NOT NULL,
  owner         TEXT NOT NULL,
  level         INTEGER NOT NULL,
  valid         INTEGER NOT NULL,
  member_num    INTEGER NOT NULL,
  intro         TEXT NOT NULL,
  announcement  TEXT NOT NULL,
  avatar        TEXT NOT NULL,
  ext           TEXT NOT NULL,
  server_ext    TEXT NOT NULL,
  join_mode     INTEGER NOT NULL,
  invited_mode  INTEGER NOT NULL,
  invite_mode   INTEGER NOT NULL,
  update_mode   INTEGER NOT NULL,
  ext_mode      INTEGER NOT NULL,
  mute_type     INTEGER NOT NULL,
  member_time   INTEGER NOT NULL,
  created       INTEGER NOT NULL,
  updated       INTEGER NOT NULL,
  last_join     INTEGER NOT NULL,
  PRIMARY KEY (app, conv)
);
CREATE INDEX team_owner ON team (app, owner);

-- Ended memberships stay for a while: who was removed while offline hears of it.
-- joined, left_seq and past are the sequences of the conversation that the
-- member may be sent; left_seq 0 means still a member.
CREATE TABLE team_member (
  app       INTEGER NOT NULL,
  conv      TEXT NOT NULL,
  accid     TEXT NOT NULL,
  role      INTEGER NOT NULL,
  nick      TEXT NOT NULL,
  ext       TEXT NOT NULL,
  bits      INTEGER NOT NULL,
  muted     INTEGER NOT NULL,
  inviter   TEXT NOT NULL,
  join_time INTEGER NOT NULL,
  updated   INTEGER NOT NULL,
  valid     INTEGER NOT NULL,
  joined    INTEGER NOT NULL,
  left_seq  INTEGER NOT NULL,
  left_time INTEGER NOT NULL,
  past      TEXT NOT NULL,
  PRIMARY KEY (app, conv, accid)
);
CREATE INDEX team_member_account ON team_member (app, accid);
CREATE INDEX team_member_joined ON team_member (app, conv, join_time);

-- Applications (kind 0) and invitations (kind 1) that wait for an answer.
CREATE TABLE team_pending (
  app   INTEGER NOT NULL,
  conv  TEXT NOT NULL,
  accid TEXT NOT NULL,
  kind  INTEGER NOT NULL,
  by_   TEXT NOT NULL,
  time  INTEGER NOT NULL,
  PRIMARY KEY (app, conv, accid, kind, by_)
);

CREATE TABLE team_receipt (
  app    INTEGER NOT NULL,
  conv   TEXT NOT NULL,
  id     INTEGER NOT NULL,
  reader TEXT NOT NULL,
  time   INTEGER NOT NULL,
  PRIMARY KEY (app, conv, id, reader)
);

-- +goose Down
DROP TABLE team_receipt;
DROP TABLE team_pending;
DROP TABLE team_member;
DROP TABLE team;
