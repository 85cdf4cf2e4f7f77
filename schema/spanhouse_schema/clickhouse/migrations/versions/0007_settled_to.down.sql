-- Frozen, like what it takes back.

ALTER TABLE spanhouse.settlers DROP COLUMN IF EXISTS SettledTo;
