-- How what a client says of an execution becomes our words and numbers.
-- Read by the views on events and spans only, and written into them when they are created. None of them can throw.

-- The status that a word of any letter case stands for, empty where it is none.
CREATE OR REPLACE FUNCTION execution_status AS (word) ->
    transform(
        lower(word),
        [
            'created', 'pending',
            'queued', 'starting',
            'running', 'thinking', 'waiting_for_llm',
            'blocked',
            'paused',
            'completed', 'success',
            'failed', 'error', 'timeout',
            'cancelled', 'canceled'
        ],
        [
            'created', 'created',
            'queued', 'queued',
            'running', 'running', 'running',
            'blocked',
            'paused',
            'completed', 'completed',
            'failed', 'failed', 'failed',
            'cancelled', 'cancelled'
        ],
        ''
    );

-- A number from 0 to `most`, NULL where the text is none. (NaN lies between no two numbers.)
CREATE OR REPLACE FUNCTION execution_number AS (text, most) ->
    if(toFloat64OrNull(text) BETWEEN 0 AND most, toFloat64OrNull(text), NULL);
