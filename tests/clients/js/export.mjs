// Records spans, log records and metrics and exports them once: `node export.mjs json|protobuf SERVICE`.
// Where to, how compressed and with which key is in OTEL_EXPORTER_OTLP_*.
// Prints the ids of its trace as JSON; on standard error the SDK says what it does.

import { DiagLogLevel, ROOT_CONTEXT, SpanKind, SpanStatusCode, diag, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

const say = (...words) => console.error(...words);
diag.setLogger({ error: say, warn: say, info: say, debug: say, verbose: say }, DiagLogLevel.VERBOSE);

const [encoding, service] = process.argv.slice(2);
const suffix = { json: "http", protobuf: "proto" }[encoding];
const { OTLPTraceExporter } = await import(`@opentelemetry/exporter-trace-otlp-${suffix}`);
const { OTLPLogExporter } = await import(`@opentelemetry/exporter-logs-otlp-${suffix}`);
const { OTLPMetricExporter } = await import(`@opentelemetry/exporter-metrics-otlp-${suffix}`);

const resource = resourceFromAttributes({ "service.name": service, "host.cores": 8 });
const scope = ["shop.checkout", "2.1"];
const began = [1_767_225_600, 123_456_789];
const later = (nanoseconds) => [began[0], began[1] + nanoseconds];
const attributes = {
  text: "Grüße, 世界 🎉",
  empty: "",
  yes: true,
  no: false,
  zero: 0,
  exact: Number.MAX_SAFE_INTEGER,
  least: Number.MIN_SAFE_INTEGER,
  ratio: 0.1,
  tiny: 5e-324,
  texts: ["a", "b"],
  numbers: [1, 2 ** 52 + 1],
  ratios: [0.5, 1.5],
  flags: [true, false],
};

function recordSpans() {
  const provider = new BasicTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
  const tracer = provider.getTracer(...scope);
  const elsewhere = { traceId: "abc".padStart(32, "0"), spanId: "def".padStart(16, "0"), traceFlags: 0 };
  const order = tracer.startSpan(
    "order",
    { kind: SpanKind.SERVER, startTime: began, attributes, links: [{ context: elsewhere, attributes: { why: "retry" } }] },
    ROOT_CONTEXT,
  );
  const charge = tracer.startSpan("charge", { startTime: later(1) }, trace.setSpan(ROOT_CONTEXT, order));
  charge.addEvent("declined", { attempt: 2 }, later(2));
  charge.setStatus({ code: SpanStatusCode.ERROR, message: "no funds" });
  charge.end(later(3));
  order.end(later(1_000_000_001));
  return [provider, trace.setSpan(ROOT_CONTEXT, charge), [order, charge].map((span) => span.spanContext())];
}

function recordLogs(context) {
  const provider = new LoggerProvider({ resource, processors: [new BatchLogRecordProcessor({ exporter: new OTLPLogExporter() })] });
  provider.getLogger(...scope).emit({
    timestamp: began,
    context,
    severityNumber: SeverityNumber.WARN2,
    severityText: "WARN2",
    body: { order: { id: 7, items: ["tea", 2.5, null], paid: true }, raw: new Uint8Array([0, 255]) },
    attributes: { ...attributes, nested: { deep: [1, { er: null }] } },
    eventName: "order.declined",
  });
  return provider;
}

function recordMetrics() {
  const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter(), exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ resource, readers: [reader] });
  const meter = provider.getMeter(...scope);
  meter.createCounter("orders", { unit: "1" }).add(2 ** 53, { paid: true });
  meter.createGauge("load").record(0.75, { core: 3 });
  const durations = meter.createHistogram("durations", { unit: "ms", advice: { explicitBucketBoundaries: [1, 10] } });
  [0.5, 5, 50].forEach((value) => durations.record(value));
  return provider;
}

const [tracing, context, [order, charge]] = recordSpans();
// Shut down, a provider exports what it holds.
await Promise.all([tracing, recordLogs(context), recordMetrics()].map((provider) => provider.shutdown()));
console.log(JSON.stringify({ trace_id: order.traceId, parent_id: order.spanId, child_id: charge.spanId }));
