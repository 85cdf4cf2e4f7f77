-- Frozen: what changes this table from here on is another revision.

ALTER TABLE spanhouse.response_ids ADD INDEX IF NOT EXISTS idx_response_id ResponseId TYPE bloom_filter(0.001) GRANULARITY 1;
ALTER TABLE spanhouse.response_ids MATERIALIZE INDEX idx_response_id SETTINGS mutations_sync = 0;
