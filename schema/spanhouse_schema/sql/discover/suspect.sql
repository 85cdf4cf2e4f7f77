-- Runs that may have gone round in circles: six calls or more that look the same, the last of them on the day. What was asked of a
-- tool and not recorded is unknown, and nothing is the same as it.
SELECT TenantId, TraceId, ExecutionId, AgentName
FROM
(
    SELECT TenantId, TraceId, ExecutionId, any(AgentName) AS AgentName, cityHash64(ToolName, ToolArgumentsPreview) AS Asked, count() AS Times, max(StartedAt) AS At
    FROM spanhouse.agent_calls FINAL
    WHERE Kind = 'tool' AND notEmpty(ToolName) AND notEmpty(ToolArgumentsPreview)
        AND StartedAt >= {day_before:DateTime64(9, 'UTC')} AND StartedAt < {until:DateTime64(9, 'UTC')}
    GROUP BY TenantId, TraceId, ExecutionId, Asked
)
WHERE Times >= 6 AND At >= {since:DateTime64(9, 'UTC')}
GROUP BY TenantId, TraceId, ExecutionId, AgentName;
