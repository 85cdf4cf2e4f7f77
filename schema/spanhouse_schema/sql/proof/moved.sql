-- What the traces that are written anew cost before, and cost now; and how many of their calls got a price.
SELECT
    toString(ifNull(sumIf(CostUSD, NOT IsNew), 0)),
    toString(ifNull(sumIf(CostUSD, IsNew), 0)),
    toInt64(sumIf(UnpricedCalls, NOT IsNew)) - toInt64(sumIf(UnpricedCalls, IsNew))
FROM
(
    SELECT CostUSD, UnpricedCalls, true AS IsNew FROM stored WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed)
    UNION ALL
    SELECT CostUSD, UnpricedCalls, false FROM spanhouse.agent_executions FINAL WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed)
);
