-- The spans of the stretch, in every state in which they came.
SELECT
    * EXCEPT (IngestedAt, UnreadUsage),
    toBool(notEmpty(UnreadUsage)) AS HasUnread,
    cityHash64(ScopeName, replaceOne(SpanName, RequestModel, '')) AS Signature
FROM spanhouse.agent_spans
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch);
