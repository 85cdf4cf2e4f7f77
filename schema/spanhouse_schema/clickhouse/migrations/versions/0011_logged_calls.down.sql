-- Frozen, like what it takes back.

DROP VIEW IF EXISTS spanhouse.logged_calls_mv;
DROP VIEW IF EXISTS spanhouse.logged_spans_mv;
DROP TABLE IF EXISTS spanhouse.logged_calls;
ALTER TABLE spanhouse.agent_spans DROP COLUMN IF EXISTS FromLog;
