-- The executions of the traces that changed. First the copy by agent: the rows have the fingerprint, so that whatever breaks off on
-- the way is done again.
INSERT INTO spanhouse.agent_executions_by_agent SELECT * FROM stored WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed);

INSERT INTO spanhouse.agent_executions SELECT * FROM stored WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed);
