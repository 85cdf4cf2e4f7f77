-- One row is one agent that began a run within the window, the last seen first. Asked by lists of agents.
-- An agent that begins another run moves to the front of the list: a window that ends now keeps it in its place.
SELECT
    agent_name,
    agent_ids,
    agent_versions,
    executions,
    failed,
    first_seen_at,
    last_seen_at,
    last_seen_at AS position_at,
    [agent_name] AS position_key,
    {{position}}
FROM
(
    SELECT
        toString(AgentName) AS agent_name,
        arraySort(groupUniqArrayIf(10)(AgentId, notEmpty(AgentId))) AS agent_ids,
        arraySort(groupUniqArrayIf(10)(AgentVersion, notEmpty(AgentVersion))) AS agent_versions,
        count() AS executions,
        countIf(Status = 'failed') AS failed,
        min(position_at) AS first_seen_at,
        max(position_at) AS last_seen_at
    FROM (SELECT *, StartedAt AS position_at FROM spanhouse.agent_executions_by_agent FINAL)
    WHERE Kind = 'agent' AND {{window}}
    GROUP BY AgentName
)
WHERE {{after}}
{{page}}
