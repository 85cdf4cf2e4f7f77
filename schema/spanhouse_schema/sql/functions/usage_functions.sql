-- What the view on unread usage calls it.

-- What a name of usage looks like, by its words: the first that it has. A part of the input or the output comes before the whole.
CREATE OR REPLACE FUNCTION usage_looks_like AS (name) -> multiIf(
    match(name, '(?i)audio'), 'audio',
    match(name, '(?i)image'), 'image',
    match(name, '(?i)video'), 'video',
    match(name, '(?i)predict'), 'prediction',
    match(name, '(?i)search|citation'), 'search',
    match(name, '(?i)(un|non?|not)[_.-]?cach'), 'input',
    match(name, '(?i)ephemeral|cach.*(creat|writ)|(creat|writ).*cach'), 'cache_write',
    match(name, '(?i)cach'), 'cache_read',
    match(name, '(?i)reason|thought|think'), 'reasoning',
    match(name, '(?i)tool'), 'tool',
    match(name, '(?i)total'), 'total',
    match(name, '(?i)input|prompt'), 'input',
    match(name, '(?i)output|completion|candidates'), 'output',
    'other'
);
