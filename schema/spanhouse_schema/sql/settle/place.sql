-- What each span belongs to. A trace is folded into arrays, a place a span, what a span points to being a place too; `nowhere`,
-- the place after the last, is none. At the end it is unfolded again, into ids.
SELECT
    TenantId, TraceId, SpanId, TopId, TwinId, RootId,
    if(notEmpty(RunId), RunId, ChainId) AS ParentExecutionId,
    if(notEmpty(ParentExecutionId), ParentExecutionId, RootId) AS ExecutionId
FROM
(
    SELECT
        *,
        otlp_gather(ids, top) AS top_ids,
        arrayMap((own, place, id) -> if(own = place, '', id), arrayEnumerate(twin), twin, otlp_gather(ids, twin)) AS twin_ids,
        otlp_gather(ids, otlp_gather(top, run_above)) AS run_ids,
        otlp_gather(ids, chain_above) AS chain_ids,
        -- The trace's root, or the parent that it names and that never came.
        arrayMap((id, up, above) -> if(above = nowhere AND up NOT IN ('', id), up, id), otlp_gather(ids, root), otlp_gather(ups, root), otlp_gather(parents, root)) AS root_ids
    FROM
    (
        -- Of a span's twins, all the way up, the outermost.
        SELECT
            *,
            arrayFold((known, round) -> otlp_gather(known, known), range(if(twin = arrayEnumerate(twin), 0, rounds)), twin) AS top
        FROM
        (
            SELECT
                *,
                -- The next span above that counts, where it tells of the same thing; else the span itself.
                arrayMap(
                    (own, place, subject, subject_above, call, call_above, kind, kind_above) -> if(
                        place != nowhere
                        AND (subject = subject_above OR (call != 0 AND call = call_above) OR (kind = 'model' AND kind_above = 'embedding')),
                        place, toUInt32(own)
                    ),
                    arrayEnumerate(ids), counted_above,
                    subjects, otlp_gather(subjects, counted_above), calls, otlp_gather(calls, counted_above), kinds, otlp_gather(kinds, counted_above)
                ) AS twin
            FROM
            (
                -- A span whose ancestors never end is on a cycle, or below one: it counts as a root.
                SELECT
                    *,
                    arrayMap((place, end) -> if(end = nowhere, place, nowhere), known.2, known.1) AS counted_above,
                    arrayMap((place, end) -> if(end = nowhere, place, nowhere), known.3, known.1) AS run_above,
                    arrayMap((place, end) -> if(end = nowhere, place, nowhere), known.4, known.1) AS chain_above,
                    arrayMap((place, end, own) -> if(end = nowhere AND place != nowhere, place, toUInt32(own)), known.5, known.1, arrayEnumerate(ids)) AS root
                FROM
                (
                    -- Doubling: after k rounds, what is known of a span's nearest 2^k ancestors: the farthest of them, the
                    -- nearest that counts, the nearest run, the topmost chain, the topmost of all.
                    SELECT
                        *,
                        arrayFold(
                            (known, round) -> (
                                otlp_gather(known.1, known.1),
                                arrayMap((near, far) -> if(near = nowhere, far, near), known.2, otlp_gather(known.2, known.1)),
                                arrayMap((near, far) -> if(near = nowhere, far, near), known.3, otlp_gather(known.3, known.1)),
                                arrayMap((near, far) -> if(far = nowhere, near, far), known.4, otlp_gather(known.4, known.1)),
                                arrayMap((near, far) -> if(far = nowhere, near, far), known.5, otlp_gather(known.5, known.1))
                            ),
                            range(rounds),
                            (
                                parents,
                                arrayMap((place, kind) -> if(kind IN ('', 'other', 'chain'), nowhere, place), parents, kinds_above),
                                arrayMap((place, kind) -> if(kind IN ('agent', 'workflow'), place, nowhere), parents, kinds_above),
                                arrayMap((place, kind) -> if(kind = 'chain', place, nowhere), parents, kinds_above),
                                parents
                            )
                        ) AS known
                    FROM
                    (
                        SELECT
                            *,
                            otlp_gather(kinds, parents) AS kinds_above,
                            -- Most traces are shallow: where nobody has a grandparent, or a fourth ancestor, few rounds do.
                            otlp_gather(parents, parents) AS grandparents,
                            multiIf(
                                arrayAll(place -> place = nowhere, grandparents), 1,
                                arrayAll(place -> place = nowhere, otlp_gather(grandparents, grandparents)), 2,
                                toUInt64(ceil(log2(nowhere)))
                            ) AS rounds
                        FROM
                        (
                            SELECT
                                TenantId,
                                TraceId,
                                -- In whatever order they come: all that leaves this query is ids. The last place is nowhere.
                                arrayPushBack(groupArray((SpanId, ParentSpanId, KindOrNone, Subject, Call)), ('', '', '', 0, 0)) AS spans,
                                spans.1 AS ids,
                                spans.2 AS ups,
                                spans.3 AS kinds,
                                spans.4 AS subjects,
                                spans.5 AS calls,
                                toUInt32(length(ids)) AS nowhere,
                                arrayMap(
                                    (place, up, id) -> if(up = id, nowhere, least(toUInt32(place), nowhere)),
                                    arraySlice(arrayEnumerateDense(arrayConcat(ids, ups)), nowhere + 1), ups, ids
                                ) AS parents
                            FROM
                            (
                                SELECT
                                    TenantId, TraceId, SpanId, ParentSpanId,
                                    CAST(Kind, 'Enum8(\'\' = 0, \'other\', \'chain\', \'agent\', \'workflow\', \'model\', \'embedding\', \'tool\')') AS KindOrNone,
                                    multiIf(Kind IN ('agent', 'workflow'), cityHash64(Kind, AgentName), Kind = 'tool', cityHash64(Kind, ToolName), cityHash64(Kind)) AS Subject,
                                    if(Kind = 'tool' AND notEmpty(ToolCallId), cityHash64(ToolCallId), 0) AS Call
                                FROM span
                            )
                            GROUP BY TenantId, TraceId
                        )
                    )
                )
            )
        )
    )
)
ARRAY JOIN ids AS SpanId, top_ids AS TopId, twin_ids AS TwinId, run_ids AS RunId, chain_ids AS ChainId, root_ids AS RootId
WHERE notEmpty(SpanId);
