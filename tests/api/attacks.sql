-- What a reader of the tenant acme tries, one attack a line. {secret} is a file that only the owner may read, {out} one that must
-- not come to be. A heading names the rule that denies what stands below it; `harmless` is run, and gives nothing away.

-- function: a file as a scalar, however its function is written
SELECT file('{secret}')
SELECT File('{secret}')
SELECT FILE('{secret}')
SELECT `file`('{secret}')
SELECT "file"('{secret}')
SELECT "f\x69le"('{secret}')
SELECT "\x66\x69\x6c\x65"('{secret}')
SELECT /* */ file /* */ ( /* */ '{secret}' /* */ )
SELECT file('{secret}') AS a WHERE a != ''
SELECT 1 WHERE file('{secret}') LIKE 'f%'
SELECT throwIf(1, file('{secret}'))
SELECT number FROM numbers(1) ORDER BY file('{secret}')
SELECT count() FROM numbers(1) GROUP BY file('{secret}')
SELECT max(file('{secret}')) OVER () FROM numbers(1)
SELECT (SELECT (SELECT file('{secret}')))
WITH (SELECT file('{secret}')) AS a SELECT a
WITH a AS (SELECT file('{secret}') AS b) SELECT b FROM a
SELECT 1 UNION ALL SELECT length(file('{secret}'))
SELECT * FROM (SELECT 1 AS a) AS x JOIN (SELECT length(file('{secret}')) AS a) AS y ON x.a = y.a
SELECT * FROM numbers(length(file('{secret}')))
SELECT 1 LIMIT length(file('{secret}'))
SELECT [file('{secret}')], (1, file('{secret}')), map('a', file('{secret}'))
SELECT * REPLACE (file('{secret}') AS x) FROM (SELECT 'a' AS x)
SELECT arrayJoin([file('{secret}')])
SELECT 1 HAVING file('{secret}') != ''
SELECT 1 QUALIFY file('{secret}') != ''
SELECT SpanName FROM otel_traces PREWHERE file('{secret}') != SpanName
SELECT number FROM numbers(3) ORDER BY number WITH FILL TO length(file('{secret}'))
SELECT 1 AS a ORDER BY a WITH FILL FROM 0 TO 3 INTERPOLATE (a AS length(file('{secret}')))
SELECT CASE WHEN file('{secret}') = '' THEN 1 ELSE 2 END
SELECT sumIf(1, file('{secret}') != '')
SELECT fileIf('{secret}', 1)

-- function: a file's function passed on by its name
SELECT arrayMap(file, ['{secret}'])
SELECT arrayMap(`file`, ['{secret}'])
SELECT arrayMap("fi\x6ce", ['{secret}'])
SELECT arrayMap(FILE, ['{secret}'])
SELECT arrayFilter(file, ['{secret}'])
SELECT arraySort(file, ['{secret}'])
SELECT arrayFold(file, ['{secret}'], '')
SELECT mapApply(file, map('a', '{secret}'))
SELECT arrayMap(x -> file(x), ['{secret}'])
SELECT arrayMap((x, y) -> file(y), [1], ['{secret}'])
SELECT arrayMap(x -> arrayMap(y -> file(y), [x]), ['{secret}'])
WITH file AS f SELECT arrayMap(f, ['{secret}'])
SELECT 'x' AS file, upper(file)
WITH (x -> file(x)) AS f SELECT arrayMap(f, ['{secret}'])
WITH x -> file(x) AS f SELECT f('{secret}')

-- syntax: names that are made at run time
SELECT * APPLY(file) FROM (SELECT '{secret}' AS x)
SELECT * APPLY file FROM (SELECT '{secret}' AS x)
SELECT * APPLY(f -> file(f)) FROM (SELECT '{secret}' AS x)
SELECT COLUMNS('x') APPLY(file) FROM (SELECT '{secret}' AS x)
SELECT t.* APPLY(file) FROM (SELECT '{secret}' AS x) AS t
SELECT * EXCEPT (y) APPLY(file) FROM (SELECT '{secret}' AS x, 1 AS y)
SELECT {f:Identifier}
SELECT arrayMap({f:Identifier}, ['{secret}'])
SELECT * FROM {t:Identifier}
SELECT * FROM system.{t:Identifier}

-- function: what reads, runs or waits for something else
SELECT dictGet('spanhouse.d', 'a', 1)
SELECT joinGet('spanhouse.j', 'a', 1)
SELECT getSetting('log_comment')
SELECT getSettingOrDefault('log_comment', '')
SELECT getServerSetting('users_config'), getMacro('shard')
SELECT hostName(), FQDN(), serverUUID(), tcpPort(), getOSKernelVersion()
SELECT filesystemAvailable(), filesystemCapacity()
SELECT hasColumnInTable('spanhouse', 'sql_audit', 'Statement')
SELECT currentQueryID(), initialQueryID(), queryID()
SELECT sleep(3)
SELECT sleepEachRow(1) FROM numbers(100)
SELECT arrayReduce('aggThrow(1)', [1])
SELECT arrayReduceInRanges('groupFormat', [(1, 1)], [1])
SELECT initializeAggregation('sumState', 1)
SELECT finalizeAggregation(unhex('00'))
SELECT runningAccumulate(1)
SELECT formatRow('Template', 1)
SELECT formatQuery('SELECT 1'), parseQueryToJSON('SELECT 1'), fuzzQuery('SELECT 1')
SELECT evalMLMethod(1), catboostEvaluate('{secret}', 1)
SELECT aiGenerate('say'), AIGenerate('say')
SELECT addressToLine(1), demangle('x'), logTrace('x')
SELECT showCertificate(), getClientHTTPHeader('authorization')
SELECT structureToProtobufSchema('a String')
SELECT detectLanguage('x'), lemmatize('en', 'x'), synonyms('en', 'x')
SELECT regionToName(1), zookeeperSessionUptime(), transactionID()
SELECT icebergHash(1), generateSerialID('x')
SELECT sumState(1)
SELECT uniqMerge(x) FROM (SELECT uniqState(1) AS x)
SELECT nothing_of_that_name(1)

-- function: what no limit of time ends within a block
SELECT arrayLevenshteinDistance(range(10000000), range(10000000))
SELECT arraySimilarity(range(50000), range(50000), range(50000), range(50000))
SELECT editDistance(repeat('a', 65000), repeat('b', 65000)) FROM numbers(65000)
SELECT levenshteinDistanceUTF8(repeat('a', 60000), repeat('b', 60000))
SELECT seriesDecomposeSTL(range(10000000), 100000)
SELECT kolmogorovSmirnovTest('two-sided', 'exact')(number, number % 2) FROM numbers(1000000)

-- function: what fails at the bounds of a granule, which other tenants' rows may set
SELECT count() FROM otel_traces WHERE factorial(Duration) > 1

-- function: what is another function, for all that it ends like a suffix
SELECT accurateCastOrDefault('abc', 'AggregateFunction(max, String)')


-- table function: rows from elsewhere
SELECT * FROM file('{secret}', 'LineAsString')
SELECT * FROM File('{secret}', LineAsString, 'l String')
SELECT * FROM url('http://127.0.0.1:1/', CSV)
SELECT * FROM s3('http://127.0.0.1:1/x', CSV), remote('127.0.0.1', system.one)
SELECT * FROM sqlite('{secret}', 'keys')
SELECT * FROM executable('cat {secret}', CSV, 'a String')
SELECT * FROM format(JSONEachRow, 'x String', '{}')
SELECT * FROM format(JSONEachRow, concat('x String default fi', 'le(''{secret}'')'), '{}')
SELECT * FROM values('x String DEFAULT file(''{secret}'')', ('a'))
SELECT * FROM null('x String')
SELECT * FROM generateRandom('a String', 1, 10, 2)
SELECT * FROM fuzzJSON(a, '{}')
SELECT * FROM input('a String')
SELECT * FROM view(SELECT 1)
SELECT * FROM viewIfPermitted(SELECT 1 ELSE null('a Int8'))
SELECT * FROM viewExplain('EXPLAIN', '', (SELECT 1))
SELECT * FROM merge('spanhouse', '.*')
SELECT * FROM merge('.*', '.*')
SELECT * FROM loop('spanhouse', 'sql_audit')
SELECT * FROM dictionary('spanhouse.d')
SELECT * FROM mergeTreeIndex(spanhouse, otel_traces)
SELECT * FROM mergeTreeAnalyzeIndexes(spanhouse, otel_traces, TraceId = 'x')
SELECT * FROM mergeTreeProjection(spanhouse, otel_traces, p)
SELECT * FROM python('x')
SELECT * FROM filesystem('/')
SELECT * FROM cluster('default', system.one)
SELECT * FROM numbers(1) JOIN file('{secret}', 'RawBLOB') AS f ON 1 = 1
SELECT 1 WHERE 1 IN (SELECT * FROM file('{secret}', 'RawBLOB'))

-- function: a table function where a value stands
SELECT 1 IN file('{secret}', 'RawBLOB')
SELECT 1 WHERE 1 IN (file('{secret}', 'RawBLOB'))

-- relation: what is not the tenant's
SELECT * FROM sql_audit
SELECT * FROM spanhouse.sql_audit
SELECT * FROM `spanhouse`.`sql_\x61udit`
SELECT * FROM alembic_version
SELECT * FROM otel_traces_mv
SELECT * FROM otlp_traces
SELECT * FROM otlp_scope_spans_mv
SELECT * FROM system.processes
SELECT * FROM system.parts
SELECT * FROM system.errors
SELECT * FROM system.disks
SELECT * FROM system.query_log
SELECT * FROM system.view_refreshes
SELECT * FROM system.row_policies
SELECT * FROM system.users
SELECT * FROM system.merges, system.mutations
SELECT * FROM system.stack_trace
SELECT * FROM system.dropped_tables
SELECT * FROM system.server_settings
SELECT * FROM system.asynchronous_metrics
SELECT * FROM SYSTEM.processes
SELECT * FROM information_schema.tables
SELECT * FROM INFORMATION_SCHEMA.TABLES
SELECT * FROM default.anything
SELECT * FROM `default`.`{secret}`
SELECT * FROM `{secret}`
SELECT 1 IN sql_audit
SELECT 1 IN (sql_audit)
SELECT 1 IN system.processes
SELECT ('a', 'b') GLOBAL NOT IN system.processes
SELECT 1 WHERE EXISTS(SELECT * FROM sql_audit)
WITH sql_audit AS (SELECT * FROM sql_audit) SELECT * FROM sql_audit
WITH a AS (SELECT * FROM sql_audit), sql_audit AS (SELECT 1) SELECT * FROM a
SELECT * FROM sql_audit UNION ALL (WITH sql_audit AS (SELECT 1) SELECT * FROM sql_audit)
WITH RECURSIVE sql_audit AS (SELECT * FROM sql_audit) SELECT * FROM sql_audit
WITH 1 AS sql_audit SELECT 1 IN sql_audit
WITH sql_audit AS y SELECT 1 IN y
WITH spanhouse.sql_audit AS y SELECT 1 IN (y)
SELECT 1 AS y, (WITH sql_audit AS y SELECT 1 IN y)
WITH sql_audit AS y, y AS z SELECT 1 IN z
SELECT * FROM (SELECT * FROM otel_traces UNION ALL SELECT * FROM otlp_traces)
SELECT a.* FROM otel_traces AS a JOIN sql_audit AS b ON a.TenantId = b.TenantId
DESCRIBE sql_audit
SHOW CREATE TABLE sql_audit
SHOW CREATE TABLE system.processes
SHOW TABLES FROM information_schema
SHOW TABLES FROM default

-- column: how much others have
SELECT * FROM system.tables
SELECT count(*) FROM system.tables
SELECT t.* FROM system.tables AS t
SELECT COLUMNS('total_.*') FROM system.tables
SELECT t.COLUMNS('rows') FROM system.tables AS t
SELECT total_rows FROM system.tables
SELECT t.total_rows FROM system.tables AS t
SELECT system.tables.total_bytes FROM system.tables
SELECT `total\x5frows` FROM system.tables
SELECT total_rows.null FROM system.tables
SELECT tuple(*) FROM system.tables
SELECT x.1 FROM (SELECT tuple(name, total_rows) AS x FROM system.tables)
SELECT name FROM system.tables WHERE total_rows > 5
SELECT name FROM system.tables ORDER BY lifetime_rows
SELECT name FROM system.tables JOIN (SELECT toNullable(toUInt64(2)) AS total_rows) AS x USING (total_rows)
SELECT data_paths, metadata_path FROM system.tables
SELECT data_compressed_bytes FROM system.columns
SELECT data_path FROM system.databases
SELECT a.name, b.total_rows FROM numbers(1) JOIN system.databases AS a ON 1 = 1, system.tables AS b

-- column: parts of hidden columns, as one name in quotes
SELECT `total_rows.null` FROM system.tables
SELECT t.`total_rows.null` FROM system.tables AS t
SELECT name FROM system.tables ORDER BY `data_paths.size0`
SELECT name FROM system.tables AS total_rows

-- column: all columns at once, as a set
SELECT ('a', 1) IN system.tables
SELECT ('a', 1) NOT IN (system.databases)
SELECT name FROM system.tables WHERE tuple(name) GLOBAL IN system.columns

-- column: where rows lie among the rows of others
SELECT _part_offset FROM otel_traces
SELECT _part, _part_index, _partition_id FROM otel_traces
SELECT t._block_number FROM otel_traces AS t
SELECT otel_traces._row_exists FROM otel_traces
SELECT `_partition_value.1` FROM otel_traces
SELECT "\x5fpart" FROM otel_traces
SELECT count() FROM otel_traces WHERE toUInt64(_part) > 0
SELECT count() FROM otel_traces PREWHERE _part_offset > 10
SELECT a.SpanName FROM otel_traces AS a JOIN otel_traces AS b USING (_part_offset)
SELECT COLUMNS(_part_offset, SpanName) FROM otel_traces
SELECT SpanName FROM otel_traces ARRAY JOIN [_part_offset] AS x
SELECT max(_part_offset) OVER () FROM otel_traces


-- syntax: shapes that are not known
SELECT name FROM system.tables NATURAL JOIN (SELECT toNullable(toUInt64(2)) AS total_rows) AS x
SELECT 1 INTO OUTFILE '{out}'
SELECT 1 INTO OUTFILE '{out}' FORMAT CSV
SELECT 1 INTO OUTFILE '{out}' TRUNCATE FORMAT CSV
SELECT 1 INTO OUTFILE '{out}' AND STDOUT
SELECT 1 INTO OUTFILE '{out}' COMPRESSION 'gzip'
SELECT 1 /**/ INTO /**/ OUTFILE /**/ '{out}'
EXPLAIN AST SELECT 1 INTO OUTFILE '{out}'
SHOW TABLES INTO OUTFILE '{out}'
EXPLAIN TABLE OVERRIDE mysql('', '', '', '', '') PARTITION BY a
EXPLAIN indexes = 1 SELECT count() FROM otel_traces WHERE TraceId = 'x'
SHOW CLUSTERS
SHOW SETTINGS LIKE '%'
SELECT 1 FROM (SELECT 2 SETTINGS max_threads = 1)
SELECT 1 SETTINGS max_memory_usage = 0 UNION ALL SELECT 2
SHOW TABLES WHERE throwIf(1, file('{secret}'))
SELECT SpanName FROM otel_traces ORDER BY SpanName COLLATE 'en'

-- statement: what is no reading
INSERT INTO otel_traces (TenantId) VALUES ('zed')
INSERT INTO otel_traces (TenantId) SELECT 'zed'
INSERT INTO otel_traces FROM INFILE '{secret}' FORMAT CSV
INSERT INTO FUNCTION file('{out}', CSV, 'a Int8') SELECT 1
CREATE TABLE spanhouse.leak (a Int8) ENGINE = Memory
CREATE TEMPORARY TABLE leak (a Int8)
CREATE TABLE leak ENGINE = File(CSV, '{secret}')
CREATE VIEW leak AS SELECT * FROM sql_audit
CREATE FUNCTION leak AS x -> file(x)
CREATE DICTIONARY leak (a Int8) PRIMARY KEY a SOURCE(FILE(PATH '{secret}' FORMAT CSV)) LAYOUT(FLAT()) LIFETIME(0)
CREATE USER leak
GRANT ALL ON *.* TO default
DROP TABLE otel_traces
TRUNCATE TABLE otel_traces
ALTER TABLE otel_traces DELETE WHERE 1
DELETE FROM otel_traces WHERE 1
UPDATE otel_traces SET SpanName = '' WHERE 1
OPTIMIZE TABLE otel_traces FINAL
RENAME TABLE otel_traces TO leak
EXCHANGE TABLES otel_traces AND otel_logs
ATTACH TABLE leak
DETACH TABLE otel_traces
BACKUP TABLE otel_traces TO File('{out}')
RESTORE TABLE otel_traces FROM File('{secret}')
SYSTEM FLUSH LOGS
SYSTEM STOP MERGES
SYSTEM SHUTDOWN
KILL QUERY WHERE 1
KILL MUTATION WHERE 1
SET readonly = 0
SET log_comment = ''
SET ROLE ALL
USE default
CHECK TABLE otel_traces
EXECUTE AS default SELECT 1
SHOW PROCESSLIST
SHOW GRANTS
SHOW ACCESS
SHOW USERS
SHOW FUNCTIONS
SHOW COLUMNS FROM sql_audit
SHOW COLUMNS FROM system.one WHERE throwIf(1, file('{secret}'))
SHOW INDEXES FROM otel_traces
SHOW CREATE DATABASE spanhouse
SHOW CREATE USER default
DESCRIBE TABLE file('{secret}', 'CSV')
DESCRIBE (SELECT file('{secret}'))
DESCRIBE TABLE otel_traces SETTINGS describe_include_subcolumns = 1
EXISTS DATABASE spanhouse
EXPLAIN SELECT count() FROM otel_traces WHERE TraceId = 'x'
EXPLAIN ESTIMATE SELECT * FROM otel_traces
EXPLAIN PIPELINE SELECT * FROM otel_traces
BEGIN TRANSACTION
SELECT 1 PARALLEL WITH SELECT 2

-- function: what is explained is checked as well
EXPLAIN SYNTAX SELECT file('{secret}')
EXPLAIN QUERY TREE SELECT file('{secret}')
EXPLAIN AST SELECT file('{secret}')

-- type: states of aggregate functions, whose bytes could be forged
SELECT CAST(unhex('00'), 'AggregateFunction(sum, UInt8)')
SELECT unhex('00')::AggregateFunction(uniq, String)
SELECT CAST('x' AS Array(AggregateFunction(groupArray, String)))
SELECT CAST('x', concat('Aggregate', 'Function(sum, UInt8)'))
SELECT accurateCastOrNull('x', 'aggregatefunction(sum, UInt8)')
SELECT JSONExtract('{}', 'a', 'AggregateFunction(sum, UInt8)')
SELECT reinterpret('x', materialize('UInt8'))
WITH 'UInt8' AS t SELECT CAST('1', t)
SELECT {a:AggregateFunction(sum, UInt8)}
SELECT CAST('abc', '`AggregateFunction`(max, String)')
SELECT CAST('abc', '`Aggregate\\x46unction`(max, String)')
SELECT CAST('abc', '"Aggregate\\x46unction"(max, String)')
SELECT CAST('abc', 'Array(`Simple\\x41ggregateFunction`(max, String))')
SELECT JSONExtract('{}', 'a', '`Aggregate\\x46unction`(sum, UInt8)')
SELECT {a:`Aggregate\x46unction`(sum, UInt8)}

-- setting: at the end of the statement
SELECT 1 SETTINGS readonly = 0, log_comment = ''
SELECT 1 SETTINGS log_comment = 'tenant:zed'
SELECT 1 SETTINGS profile = 'default'
SELECT 1 SETTINGS max_memory_usage = 0
SELECT 1 SETTINGS max_threads = 64
SELECT 1 SETTINGS max_rows_to_read = 1
SELECT 1 SETTINGS Log_Comment = ''
SELECT 1 SETTINGS `log_comment` = ''
SELECT 1 SETTINGS output_format_schema = '{out}'
SELECT 1 SETTINGS output_format_write_statistics = 1
SELECT SpanName FROM otel_traces FORMAT Arrow SETTINGS output_format_arrow_low_cardinality_as_dictionary = 1
SELECT 1 SETTINGS format_avro_schema_registry_url = 'http://127.0.0.1:1'
SELECT 1 SETTINGS format_template_resultset = '{secret}'
SELECT 1 SETTINGS send_logs_level = 'trace'
SELECT 1 SETTINGS allow_introspection_functions = 1
SELECT 1 SETTINGS os_threads_nice_value_query = -20
SELECT 1 SETTINGS limit = DEFAULT
SELECT 1 SETTINGS limit = 1, param_x = 1
SELECT 1 FORMAT CSV SETTINGS log_comment = ''
SELECT 1 SETTINGS limit = 1 FORMAT CSV SETTINGS log_comment = ''
SELECT 1 SETTINGS additional_table_filters = 1
SELECT 1 SETTINGS additional_table_filters = {'otel_traces': '1 IN (SELECT 1)'}
SELECT 1 SETTINGS additional_table_filters = {'otel_traces': '1 UNION ALL SELECT 1'}
SELECT 1 SETTINGS additional_result_filter = '1'

-- function: in a condition of additional_table_filters
SELECT SpanName FROM otel_traces SETTINGS additional_table_filters = {'otel_traces': 'file(\'{secret}\') = \'\''}
SELECT SpanName FROM otel_traces SETTINGS additional_table_filters = '{\'otel_traces\': \'fi\\x6ce(1) = 2 OR file(1) = 2\'}'

-- column: in a condition of additional_table_filters, which does not say what table it is put to
SELECT count() FROM system.tables SETTINGS additional_table_filters = {'system.tables': 'total_rows > 5'}
SELECT count() FROM system.tables AS otel_logs SETTINGS additional_table_filters = {'otel_logs': 'total_rows > 5'}
SELECT count() FROM system.tables SETTINGS additional_table_filters = {'system.tables': '`total_rows.null`'}
SELECT count() FROM otel_traces SETTINGS additional_table_filters = {'otel_traces': '_part_offset > 5'}


-- relation: of additional_table_filters
SELECT 1 SETTINGS additional_table_filters = {'sql_audit': '1'}
SELECT 1 SETTINGS additional_table_filters = {'system.processes': '1'}
SELECT 1 SETTINGS additional_table_filters = {'spanhouse.otel_traces.x': '1'}

-- format: that reads a file, or counts what was read
SELECT 1 FORMAT Template
SELECT 1 FORMAT Protobuf
SELECT 1 FORMAT CapnProto
SELECT 1 FORMAT AvroConfluent
SELECT number FROM numbers(3) FORMAT JSONEachRowWithProgress
SELECT number FROM numbers(3) FORMAT MySQLWire
SELECT number FROM numbers(3) FORMAT Buffers

-- refused: by ClickHouse, which does not understand it
SELECT 1; SELECT file('{secret}')
SELECT 1;; KILL QUERY WHERE 1
WATCH otel_traces
SHOW DATABASES WHERE 1
SELECT (x -> file(x))('{secret}')
ﬁle('{secret}')
SELECT fıle('{secret}')
SELECT ｆｉｌｅ('{secret}')
SELECT f​ile('{secret}')
SELECT 1 /*
file('{secret}')
SELECT 'unclosed

-- harmless: it is run, over one's own rows only
SELECT * FROM otel_traces
SELECT TenantId, count() FROM otel_traces GROUP BY TenantId WITH TOTALS
SELECT * FROM spanhouse.otel_logs FINAL
SELECT * FROM otel_traces WHERE 1 OR TenantId = 'zed'
SELECT * FROM otel_traces WHERE TenantId = 'zed' OR (TenantId != 'acme')
SELECT * FROM otel_traces PREWHERE 1 OR TenantId = 'zed' WHERE 1
SELECT throwIf(TenantId = 'zed', SpanName) FROM otel_traces
SELECT SpanName FROM otel_traces WHERE throwIf(TenantId = 'zed', 'seen') = 0
SELECT SpanName FROM otel_traces PREWHERE throwIf(TenantId != 'acme', 'seen') = 0
SELECT toUInt8(SpanName) FROM otel_traces WHERE TenantId != 'acme'
SELECT intDiv(1, TenantId != 'zed') FROM otel_traces
SELECT SpanName FROM otel_traces ARRAY JOIN [throwIf(TenantId = 'zed', 'seen')] AS a
SELECT max(throwIf(TenantId = 'zed', 'seen')) OVER () FROM otel_traces
SELECT a.SpanName, b.Body FROM otel_traces AS a FULL JOIN otel_logs AS b ON a.TenantId != b.TenantId
SELECT * FROM otel_traces AS a ANY LEFT JOIN otel_traces AS b ON throwIf(b.TenantId = 'zed', 'seen') = 0 AND a.TraceId = b.TraceId
SELECT min(SpanName), max(SpanName), any(SpanName), groupArray(SpanName) FROM otel_traces
SELECT count(), uniqExact(TenantId) FROM otel_traces
SELECT SpanName FROM otel_traces ORDER BY TenantId DESC LIMIT 1 BY TenantId
SELECT * FROM otel_traces WHERE (TenantId, SpanName) IN (SELECT TenantId, SpanName FROM otel_traces)
SELECT SpanName FROM otel_traces WHERE SpanName IN otel_logs
SELECT * FROM (SELECT * FROM otel_traces UNION DISTINCT SELECT * FROM otel_traces)
SELECT * FROM otel_traces SETTINGS additional_table_filters = {'otel_traces': 'TenantId = \'zed\''}
SELECT SpanName FROM otel_traces SETTINGS additional_table_filters = {'otel_traces': 'throwIf(TenantId = \'zed\', \'seen\') = 0'}
SELECT SpanName FROM otel_traces SETTINGS additional_table_filters = {'otel_traces': '1 OR 1', 'spanhouse.otel_traces': '1'}
SELECT Reason, Item FROM ingest_errors
SELECT count() FROM otel_metrics_gauge UNION ALL SELECT count() FROM otel_metrics_sum
SELECT name, create_table_query FROM system.tables
SELECT name FROM system.tables WHERE name = 'sql_audit'
SELECT database, table, name FROM system.columns WHERE table IN ('sql_audit', 'processes')
SELECT name FROM system.databases
SELECT name, value FROM system.settings WHERE name = 'log_comment'
SHOW TABLES
SHOW TABLES FROM system
SHOW DATABASES
EXISTS sql_audit
SELECT 1 -- file('{secret}')
SELECT 1 --
SELECT 'file(''{secret}'')'
SELECT 1 AS file
SELECT file.a FROM (SELECT 1 AS a) AS file
SELECT $$file('{secret}')$$
SELECT 1 FORMAT Null
FROM otel_traces |> WHERE TenantId = 'zed' |> SELECT SpanName
SELECT number FROM system.numbers LIMIT 3
SELECT * FROM numbers(100000000000) LIMIT 3
SELECT displayName(), version(), currentDatabase()
