-- Frozen, like what it takes back.

ALTER TABLE spanhouse.otel_traces RESET SETTING min_bytes_for_wide_part;
ALTER TABLE spanhouse.agent_spans RESET SETTING min_bytes_for_wide_part;
ALTER TABLE spanhouse.agent_executions RESET SETTING min_bytes_for_wide_part;
ALTER TABLE spanhouse.agent_executions_by_agent RESET SETTING min_bytes_for_wide_part;
