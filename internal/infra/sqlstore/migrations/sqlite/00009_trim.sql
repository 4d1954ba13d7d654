-- +goose Up
-- Clean-up finds the oldest acknowledgements and deletion marks.
CREATE INDEX recall_ack_id ON recall_ack (app, id);
CREATE INDEX broadcast_ack_id ON broadcast_ack (app, id);
CREATE INDEX message_hide_age ON message_hide (app, deleted);

-- Rows of the search index carry negative ids from now on (search.go): it is made
-- anew in the background.
INSERT INTO message_search (message_search) VALUES ('delete-all');
DELETE FROM search_cursor;

-- +goose Down
DROP INDEX message_hide_age;
DROP INDEX broadcast_ack_id;
DROP INDEX recall_ack_id;
