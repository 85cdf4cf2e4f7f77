// Reads through the SQL door with a client of ClickHouse's: `node read.mjs client|client-web URL KEY`.
// Prints what it got as JSON. The web client is the one of browsers; in Node it sends the same requests.

const [which, url, password] = process.argv.slice(2);
const { createClient } = await import(`@clickhouse/${which}`);
const client = createClient({ url, username: "analyst", password, compression: { response: which === "client" } });

const rows = async (query, options = {}) => (await client.query({ query, format: "JSONEachRow", ...options })).json();

async function refusal(query) {
  try {
    await client.query({ query });
  } catch (error) {
    return { code: error.code, type: error.type };
  }
}

async function streamed(query) {
  const result = await client.query({ query, format: "JSONCompactEachRow" });
  let count = 0;
  for await (const chunk of result.stream()) count += chunk.length;
  return count;
}

async function streamedByWeb(query) {
  const reader = (await client.query({ query, format: "JSONCompactEachRow" })).stream().getReader();
  let count = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) count += part.value.length;
  return count;
}

console.log(
  JSON.stringify({
    ping: (await client.ping()).success,
    rows: await rows("SELECT TenantId, SpanName FROM otel_traces WHERE ServiceName = 'read-by-javascript'"),
    parameters: await rows("SELECT {text: String} AS text, {ids: Array(UInt32)} AS ids", {
      query_params: { text: "it's", ids: [1, 2] },
    }),
    settings: await rows("SELECT toUInt64(1) AS number", {
      clickhouse_settings: { output_format_json_quote_64bit_integers: 1, max_execution_time: 5 },
    }),
    session: await rows("SELECT 1 AS one", { session_id: "mine" }),
    streamed: await (which === "client" ? streamed : streamedByWeb)("SELECT number FROM numbers(300000)"),
    denied: await refusal("SELECT file('/etc/passwd')"),
    wrong: await refusal("SELECT nope"),
  }),
);
await client.close();
