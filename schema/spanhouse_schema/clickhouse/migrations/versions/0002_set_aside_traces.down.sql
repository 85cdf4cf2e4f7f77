-- Frozen, like what it takes back.

DROP TABLE IF EXISTS spanhouse.set_aside_traces;
