-- What the ledger says of the traces of the stretch.
SELECT *
FROM spanhouse.daily_ledger
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch);
