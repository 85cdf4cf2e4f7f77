-- How the texts of attributes become values of agent_spans. Read by agent_spans_mv only, and written into it when it is made.

-- Of what the spellings of a number say, the first that says something: null is nothing.
CREATE OR REPLACE FUNCTION agent_number AS (texts) -> arrayFirst(text -> text NOT IN ('', 'null'), texts);

-- A count of tokens; NULL for what is none. More than 18 digits would wrap.
CREATE OR REPLACE FUNCTION otlp_count AS (text) -> if(length(text) <= 18, toUInt64OrNull(text), NULL);

-- Whether a tool's result says that the tool failed: MCP's isError, Anthropic's is_error, a tool message (LangChain, Strands) of
-- status error, or what tools of Google ADK return; as they stand, in a list, or under the names under which frameworks wrap them. What is no JSON says nothing.
CREATE OR REPLACE FUNCTION tool_result_failed AS (result) ->
    arrayExists(
        part -> JSONExtractBool(part, 'isError')
            OR JSONExtractBool(part, 'is_error')
            OR (
                JSONExtractString(part, 'status') = 'error'
                AND (JSONHas(part, 'tool_call_id') OR JSONHas(part, 'toolUseId') OR JSONHas(part, 'error_message'))
            ),
        arrayConcat(
            [
                result,
                JSONExtractRaw(result, 'result'),
                JSONExtractRaw(result, 'response'),
                JSONExtractRaw(result, 'data'),
                JSONExtractRaw(result, 'kwargs'),
                JSONExtractRaw(result, 'output'),
                JSONExtractRaw(result, 'output', 'data'),
                JSONExtractRaw(result, 'output', 'kwargs')
            ],
            JSONExtractArrayRaw(result),
            JSONExtractArrayRaw(result, 'content'),
            JSONExtractArrayRaw(result, 'messages'),
            JSONExtractArrayRaw(result, 'output', 'update', 'messages')
        )
    );

-- Under what those meet that may tell of one call of a model: the response's id; without one, which is to say of one that failed, its
-- process and when it began. Two that began within a second of each other share one of two overlapping stretches of two seconds.
CREATE OR REPLACE FUNCTION response_keys AS (response_id, process, started_at) ->
    if(
        notEmpty(response_id),
        [response_id],
        arrayMap(
            half -> concat('failed ', toString(process), ' ', toString(half), ' ', toString(intDiv(toUnixTimestamp64Milli(started_at) + half, 2000))),
            [0, 1000]
        )
    );
