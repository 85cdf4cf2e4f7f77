-- Which executions are above which, 128 levels far, and each above itself. Folded and unfolded as in place.sql. Nothing is above
-- those whose ancestors never end: events may say anything of a parent.
SELECT TenantId, TraceId, ExecutionId, ParentExecutionId, RootExecutionId, arrayJoin(arrayPushFront(above_ids, ExecutionId)) AS AncestorId
FROM
(
    SELECT
        TenantId,
        TraceId,
        ids,
        ups,
        arrayMap((places, end) -> if(end = nowhere, otlp_gather(ids, places), []), known.2, known.1) AS lines,
        otlp_gather(ids, arrayMap((place, end, own) -> if(end = nowhere AND place != nowhere, place, toUInt32(own)), known.3, known.1, arrayEnumerate(ids))) AS roots
    FROM
    (
        SELECT
            *,
            arrayFold(
                (known, round) -> (
                    otlp_gather(known.1, known.1),
                    arrayMap((near, far) -> arraySlice(arrayConcat(near, far), 1, 127), known.2, otlp_gather(known.2, known.1)),
                    arrayMap((near, far) -> if(far = nowhere, near, far), known.3, otlp_gather(known.3, known.1))
                ),
                range(if(arrayAll(parent -> parent = nowhere, parents), 0, toUInt64(ceil(log2(nowhere))))),
                (parents, arrayMap(place -> arrayFilter(above -> above != nowhere, [place]), parents), parents)
            ) AS known
        FROM
        (
            SELECT
                TenantId,
                TraceId,
                arrayPushBack(arraySort(groupArray((ExecutionId, ParentExecutionId))), ('', '')) AS executions,
                executions.1 AS ids,
                executions.2 AS ups,
                toUInt32(length(ids)) AS nowhere,
                arrayMap(place -> least(toUInt32(place), nowhere), arraySlice(arrayEnumerateDense(arrayConcat(ids, ups)), nowhere + 1)) AS parents
            FROM execution
            GROUP BY TenantId, TraceId
        )
    )
)
ARRAY JOIN ids AS ExecutionId, ups AS ParentExecutionId, lines AS above_ids, roots AS RootExecutionId
WHERE notEmpty(ExecutionId);
