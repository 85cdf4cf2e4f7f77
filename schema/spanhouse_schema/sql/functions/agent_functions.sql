-- How the texts of attributes become values of agent_spans. Read by agent_spans_mv only, and written into it when it is made.

-- A count of tokens; NULL for what is none. More than 18 digits would wrap.
CREATE OR REPLACE FUNCTION otlp_count AS (text) -> if(length(text) <= 18, toUInt64OrNull(text), NULL);

-- Of each place (counted from 1) what stands there in `source`. An arrayMap that indexes `source` would copy it for each
-- element: for a trace of 50,000 spans 10 GB.
CREATE OR REPLACE FUNCTION otlp_gather AS (source, places) ->
    arrayReduceInRanges('any', arrayMap(place -> (place, 1), places), source);

-- A number that is in the order of the spans' times, and of their ids where those are equal.
CREATE OR REPLACE FUNCTION otlp_order AS (time, span_id) ->
    bitShiftLeft(toInt256(toUnixTimestamp64Nano(time)) + 9223372036854775809, 64) + reinterpretAsUInt64(reverse(unhex(span_id)));
