-- How what a client says in records becomes values. Read by the views on records only, and written into them when they are
-- created. None of them can throw: what cannot be read is NULL.

-- What was said, with when: of several, maxMap takes of each thing what was said last, and record_latest the time away again.
CREATE OR REPLACE FUNCTION record_dated AS (said, at, id) -> mapApply((name, text) -> (name, (at, id, text)), said);
CREATE OR REPLACE FUNCTION record_latest AS (dated) -> mapApply((name, statement) -> (name, statement.3), dated);

-- What was said, as text; NULL where nothing was.
CREATE OR REPLACE FUNCTION record_text AS (said, name) -> nullIf(said[name], '');

CREATE OR REPLACE FUNCTION record_flag AS (text) ->
    CAST(transform(lower(text), ['true', '1', 'false', '0'], [1, 1, 0, 0], NULL) AS Nullable(Bool));

-- Finite, and a flag counts as 1 or 0.
CREATE OR REPLACE FUNCTION record_number AS (text) ->
    if(isFinite(ifNull(toFloat64OrNull(text), nan)), toFloat64OrNull(text), transform(lower(text), ['true', 'false'], [1., 0.], NULL));

-- The items of a JSON array, texts as they are and the rest as JSON; of any other text, that text alone.
CREATE OR REPLACE FUNCTION record_list AS (text) ->
    multiIf(
        empty(text), [],
        startsWith(text, '[') AND isValidJSON(text),
        arrayMap(item -> if(startsWith(item, '"'), JSONExtractString(item), item), JSONExtractArrayRaw(text)),
        [text]
    );

-- Seconds from one time to another; NULL where the other came before.
CREATE OR REPLACE FUNCTION record_seconds AS (since, until) ->
    if(
        ifNull(until >= since, false),
        (toInt128(toUnixTimestamp64Nano(ifNull(until, toDateTime64(0, 9)))) - toUnixTimestamp64Nano(ifNull(since, toDateTime64(0, 9)))) / 1e9,
        NULL
    );
