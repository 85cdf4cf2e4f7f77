-- The agents and days whose executions change; where one begins on another day now, both days.
INSERT INTO touched
SELECT DISTINCT TenantId, AgentName, toDate32(StartedAt, {timezone:String}) AS Day
FROM listed;
