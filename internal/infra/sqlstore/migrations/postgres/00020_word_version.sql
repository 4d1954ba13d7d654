-- +goose Up
-- Version of the word list that an app's clients download: it rises with every
-- change of that list. An app that never had one has no row.
CREATE TABLE word_version (
  app     BIGINT NOT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (app)
);
INSERT INTO word_version (app, version) SELECT DISTINCT app, 1 FROM word WHERE list = 'client';

-- +goose Down
DROP TABLE word_version;
