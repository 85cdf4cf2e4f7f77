DROP TABLE IF EXISTS spanhouse.set_aside_traces;
