-- Frozen: what changes these tables from here on is another revision.

ALTER TABLE spanhouse.otel_traces MODIFY SETTING min_bytes_for_wide_part = 67108864;
ALTER TABLE spanhouse.agent_spans MODIFY SETTING min_bytes_for_wide_part = 67108864;
ALTER TABLE spanhouse.agent_executions MODIFY SETTING min_bytes_for_wide_part = 67108864;
ALTER TABLE spanhouse.agent_executions_by_agent MODIFY SETTING min_bytes_for_wide_part = 67108864;
