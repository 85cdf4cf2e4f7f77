-- Frozen, like what it takes back.

ALTER TABLE spanhouse.otel_traces DROP COLUMN IF EXISTS EndIsKnown;
