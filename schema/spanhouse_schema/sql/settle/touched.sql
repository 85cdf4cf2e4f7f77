-- The agents and days whose executions change; where one begins on another day now, both days. And the scopes and days whose spend does.
INSERT INTO touched
SELECT DISTINCT TenantId, AgentName, toDate32(StartedAt, {timezone:String}) AS Day
FROM listed;

INSERT INTO spent_on
SELECT DISTINCT TenantId, Day, scope.1 AS Scope, scope.2 AS ScopeId
FROM (SELECT TenantId, Day, budget_scopes([toString(AgentName)], Users, Sessions) AS Scopes FROM listed ARRAY JOIN Days AS Day)
ARRAY JOIN Scopes AS scope;
