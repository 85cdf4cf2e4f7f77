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

-- A hash of what a resource says of the process that it is.
CREATE OR REPLACE FUNCTION emitting_process AS (service, resource) ->
    cityHash64(
        service,
        resource['service.namespace'],
        resource['service.instance.id'],
        resource['host.name'],
        resource['k8s.pod.uid'],
        resource['process.pid']
    );

-- Under what those meet that may tell of one call of a model: the response's id; without one, which is to say of one that failed, its
-- process and when it began. Two that began within a second of each other share one of two overlapping stretches of two seconds.
-- A log record and a span of the same program also meet under their session and when they ended, within five seconds.
CREATE OR REPLACE FUNCTION response_keys AS (response_id, failed, process, started_at, ended_at, from_log, scope, service, session) ->
    arrayConcat(
        multiIf(
            notEmpty(response_id),
            [response_id],
            failed,
            arrayMap(
                half -> concat('failed ', toString(process), ' ', toString(half), ' ', toString(intDiv(toUnixTimestamp64Milli(started_at) + half, 2000))),
                [0, 1000]
            ),
            []
        ),
        if(
            notEmpty(session) AND (from_log OR hasAny({LoggingPrograms}, [scope, service])),
            arrayMap(
                half -> concat('session ', service, '\t', session, ' ', toString(half), ' ', toString(intDiv(toUnixTimestamp64Milli(ended_at) + half, 10000))),
                [0, 5000]
            ),
            []
        )
    );

-- Of what the spellings of a count say, the first that is one.
CREATE OR REPLACE FUNCTION agent_count AS (texts) ->
    arrayFirst(count -> isNotNull(count), arrayMap(text -> otlp_count(text), texts));

-- The numbers in a JSON text, at any depth and in JSON that is a text there, each with the name of what it is in and its own.
CREATE OR REPLACE FUNCTION agent_numbers_inside AS (name, text) -> arrayMap(
    found -> (concat(name, ': ', found[1]), found[2]),
    extractAllGroupsVertical(text, '"([^"\\\\]*)\\\\*" *: *\\\\*"?([0-9]+)')
);

-- The total that an attribute of usage tells of: by its name, or in its JSON; '' if none. Sentry's cost.total_tokens is money.
CREATE OR REPLACE FUNCTION agent_total AS (name, text) -> multiIf(
    match(name, '(?i)(^|[^.]|[^t][.])(total[._]?tokens?([._]?count)?|tokens?[._]total)$'), text,
    startsWith(text, '{'), extract(text, '(?i)"total_?tokens?(?:_?count)?\\\\*" *: *\\\\*"?([0-9]+)'),
    ''
);

-- The service tier that attributes of usage tell of, by the name of one or in JSON; '' if none.
CREATE OR REPLACE FUNCTION agent_tier AS (usage) -> arrayFirst(tier -> notEmpty(tier), arrayMap(
    each -> if(
        match(each.1, '(?i)service_?tier$'),
        each.2,
        extract(each.2, '(?i)"service_?tier\\\\*" *: *\\\\*"([a-z_]+)')
    ),
    usage
));

-- Whether a name says what may be counted, how fast, how dear, or whose token it is, and not how many tokens were used.
CREATE OR REPLACE FUNCTION agent_usage_is_other AS (name) -> match(lower(name), concat(
    '(^|[._: -])(max|min|limit|budget|remaining|window|capacity|threshold|rate|ratio|percent|speed|time|requests?|auth|csrf|session|cpu|memory|disk)',
    '|(max|limit|budget)[._]?(input|output|completion|prompt)?[._]?tokens|tokens?[._]?(limit|budget|per|id)|per[._]?(second|sec|minute|token)',
    '|cost|price|usd|latency|duration|time_?to|usage_?count|(^|[^a-z])text([._]?(input|output|prompt|candidates|completion|cached?|read))*([._]?tokens?)?$'
));
