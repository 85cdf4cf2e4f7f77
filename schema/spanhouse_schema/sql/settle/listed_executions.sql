-- Where to look, before anything stands there.
INSERT INTO spanhouse.listed_executions (TenantId, TraceId, ExecutionId, AgentName, StartedAt, Days, Users, Sessions, Version, Settler)
SELECT TenantId, TraceId, ExecutionId, AgentName, StartedAt, Days, Users, Sessions, changed.Version, {settler:String}
FROM listed
INNER JOIN changed USING (TenantId, TraceId);
