-- Frozen, like what it takes back.

ALTER TABLE spanhouse.response_ids DROP INDEX IF EXISTS idx_response_id;
