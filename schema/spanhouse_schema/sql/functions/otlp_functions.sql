-- How OTLP's values become ClickHouse's: the functions that the views on the ingest tables are written with.
-- Read by those views only, and written into them when they are created; analysts may call them too.
-- (A parameter's element is tupleElement(parameter, 'name'): ClickHouse does not substitute `parameter.name`.)
-- Spelling: opentelemetry-collector's pdata `Value.AsString()`. None of them can throw, whatever a client sends.

-- A double as JavaScript spells it: 0.1, 1e+21, NaN, Infinity.
CREATE OR REPLACE FUNCTION otlp_double AS (x) ->
    replaceRegexpOne(transform(toString(x), ['nan', 'inf', '-inf'], ['NaN', 'Infinity', '-Infinity']), 'e(\\d)', 'e+\\1');

-- The same in JSON, which knows no NaN: quoted, so that the text stays JSON and loses nothing.
CREATE OR REPLACE FUNCTION otlp_json_double AS (x) ->
    replaceRegexpOne(transform(toString(x), ['nan', 'inf', '-inf'], ['"NaN"', '"Infinity"', '"-Infinity"']), 'e(\\d)', 'e+\\1');

-- A string as a JSON literal, escaped as Go's encoding/json does without HTML escaping. Most need no escape at all.
CREATE OR REPLACE FUNCTION otlp_json_string AS (text) ->
    concat(
        '"',
        if(
            match(text, '["\\\\\\x00-\\x1f\\x{2028}\\x{2029}]'),
            arrayFold(
                (escaped, character, escape) -> replaceAll(escaped, character, escape),
                [
                    '\\', '"', '\n', '\r', '\t', '\b', '\f', '\xE2\x80\xA8', '\xE2\x80\xA9',
                    '\x00', '\x01', '\x02', '\x03', '\x04', '\x05', '\x06', '\x07', '\x0B',
                    '\x0E', '\x0F', '\x10', '\x11', '\x12', '\x13', '\x14', '\x15', '\x16',
                    '\x17', '\x18', '\x19', '\x1A', '\x1B', '\x1C', '\x1D', '\x1E', '\x1F'
                ],
                [
                    '\\\\', '\\"', '\\n', '\\r', '\\t', '\\b', '\\f', '\\u2028', '\\u2029',
                    '\\u0000', '\\u0001', '\\u0002', '\\u0003', '\\u0004', '\\u0005', '\\u0006', '\\u0007', '\\u000b',
                    '\\u000e', '\\u000f', '\\u0010', '\\u0011', '\\u0012', '\\u0013', '\\u0014', '\\u0015', '\\u0016',
                    '\\u0017', '\\u0018', '\\u0019', '\\u001a', '\\u001b', '\\u001c', '\\u001d', '\\u001e', '\\u001f'
                ],
                text
            ),
            text
        ),
        '"'
    );

-- An element of an array as JSON.
CREATE OR REPLACE FUNCTION otlp_json AS (element) ->
    multiIf(
        tupleElement(element, 'value') = 'string_value', otlp_json_string(tupleElement(element, 'string_value')),
        tupleElement(element, 'value') = 'int_value', toString(tupleElement(element, 'int_value')),
        tupleElement(element, 'value') = 'bool_value', if(tupleElement(element, 'bool_value'), 'true', 'false'),
        tupleElement(element, 'value') = 'double_value', otlp_json_double(tupleElement(element, 'double_value')),
        tupleElement(element, 'value') = 'bytes_value', concat('"', base64Encode(tupleElement(element, 'bytes_value')), '"'),
        'null'
    );

-- AnyValues as text. What nests deeper than one array was spelled by the receiver and comes as a string.
-- (One lambda over the members' columns: taking each value as a tuple costs a quarter more.)
CREATE OR REPLACE FUNCTION otlp_texts AS (any_values) ->
    arrayMap(
        (kind, string, int, bool, double, elements, bytes) -> multiIf(
            kind = 'string_value', string,
            kind = 'int_value', toString(int),
            kind = 'bool_value', if(bool, 'true', 'false'),
            kind = 'double_value', otlp_double(double),
            kind = 'array_value', concat('[', arrayStringConcat(arrayMap(element -> otlp_json(element), elements), ','), ']'),
            kind = 'bytes_value', base64Encode(bytes),
            ''
        ),
        tupleElement(any_values, 'value'),
        tupleElement(any_values, 'string_value'),
        tupleElement(any_values, 'int_value'),
        tupleElement(any_values, 'bool_value'),
        tupleElement(any_values, 'double_value'),
        tupleElement(tupleElement(any_values, 'array_value'), 'values'),
        tupleElement(any_values, 'bytes_value')
    );

-- Texts by their keys, as a Map sorted by key; of a key that comes twice the last one wins.
-- (With the lambda, because sorting pairs instead of keys costs half as much again.)
CREATE OR REPLACE FUNCTION otlp_map AS (keys, texts) ->
    mapSort((key, text) -> key, CAST(
        arrayFilter(
            (pair, nth_from_the_end) -> nth_from_the_end = 1,
            arrayZip(keys, texts),
            arrayReverse(arrayEnumerateUniq(arrayReverse(keys)))
        ) AS Map(LowCardinality(String), String)
    ));

CREATE OR REPLACE FUNCTION otlp_attributes AS (attributes) ->
    otlp_map(tupleElement(attributes, 'key'), otlp_texts(tupleElement(attributes, 'value')));

-- A trace or span id in lower-case hex; one of the wrong length or all zero is no id.
-- (multiIf, because ClickHouse takes a millisecond to plan an AND.)
CREATE OR REPLACE FUNCTION otlp_trace_id AS (id) ->
    multiIf(length(id) != 16, '', id = unhex('00000000000000000000000000000000'), '', lower(hex(id)));
CREATE OR REPLACE FUNCTION otlp_span_id AS (id) ->
    multiIf(length(id) != 8, '', id = unhex('0000000000000000'), '', lower(hex(id)));

-- Nanoseconds since 1970. What an Int64 cannot hold wraps to before 1970, exactly, and stands in ingest_errors.
CREATE OR REPLACE FUNCTION otlp_time AS (unix_nano) -> reinterpret(unix_nano, 'DateTime64(9)');

-- Whether a span's end is a time that it can have: not before its start, as 0 is that it never came, nor past what a column holds.
CREATE OR REPLACE FUNCTION otlp_end_is_known AS (start_unix_nano, end_unix_nano) ->
    multiIf(end_unix_nano < start_unix_nano, false, end_unix_nano > 9223372036854775807, false, true);

-- When a span ended, NULL where no DateTime64(9) holds that time. (Others than our receiver write durations that wrapped.)
CREATE OR REPLACE FUNCTION otlp_end AS (start, duration) ->
    if(
        duration <= greatest(9223372036854775807 - toUnixTimestamp64Nano(start), 0),
        fromUnixTimestamp64Nano(toInt64(toUnixTimestamp64Nano(start) + duration)),
        NULL
    );
