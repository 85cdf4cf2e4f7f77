-- Stretches of a run in which each call is the one before it again, or in turns of two or three, and nothing else is called: how many
-- rounds, of which tools, and how many answers were other than the first to the same call.
SELECT
    TenantId, AgentName, TraceId, ExecutionId, Period,
    intDiv(count(), Period) + 1 AS Rounds,
    arraySort(groupUniqArray(toString(ToolName))) AS Tools,
    uniqExact(Asked, Answered) - uniqExact(Asked) AS NewAnswers,
    any(IsSuspect) AS OfSuspect,
    max(StartedAt) AS At,
    any(ClientAccountId) AS ClientAccountId,
    any(EngagementId) AS EngagementId
FROM
(
    SELECT *, countIf(NOT IsAgain) OVER (PARTITION BY TenantId, TraceId, ExecutionId, Period ORDER BY StartedAt, SpanId) AS Stretch
    FROM
    (
        SELECT * EXCEPT Again, Again.1 AS Period, Again.2 AS IsAgain
        FROM
        (
            SELECT *, [(1, Asked = Before1), (2, Asked = Before2), (3, Asked = Before3)] AS Again
            FROM
            (
                SELECT
                    *,
                    lagInFrame(Asked, 1) OVER run AS Before1,
                    lagInFrame(Asked, 2) OVER run AS Before2,
                    lagInFrame(Asked, 3) OVER run AS Before3
                FROM call
                WINDOW run AS (PARTITION BY TenantId, TraceId, ExecutionId ORDER BY StartedAt, SpanId)
            )
        )
        ARRAY JOIN Again
    )
)
WHERE IsAgain
GROUP BY TenantId, AgentName, TraceId, ExecutionId, Period, Stretch
-- Turns of one are also turns of two and of three.
ORDER BY Period
LIMIT 1 BY TenantId, TraceId, ExecutionId, At;
