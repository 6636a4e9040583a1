-- Every span of one trace, once each, oldest first; its kind is that of a step, or else that of the span.
-- Times beyond 2106, of wrong clocks, fit neither into that table nor into the days by which otel_traces is partitioned:
-- they are compared as nanoseconds, which leads to no day.
-- Index: the primary key of otel_traces_trace_id_ts gives the time, by which parts of otel_traces are left out; then idx_trace_id
-- of otel_traces and child_spans the granules.
WITH
  (SELECT min(Start) FROM otel_traces_trace_id_ts WHERE TraceId = {traceId:String}) AS first_second,
  (SELECT toDateTime64(max(End), 9) + 1 FROM otel_traces_trace_id_ts WHERE TraceId = {traceId:String}) AS last_second
SELECT
  SpanId AS spanId, ParentSpanId AS parentSpanId, SpanName AS name, if(StepKind = '', lower(SpanKind), StepKind) AS kind, ServiceName AS service,
  toUnixTimestamp64Nano(Timestamp) AS startNano, Duration / 1e6 AS durationMs,
  StatusCode AS status, StatusMessage AS message, SpanAttributes AS attributes,
  `Events.Name` AS eventNames, arrayMap(t -> toUnixTimestamp64Nano(t), `Events.Timestamp`) AS eventNanos, `Events.Attributes` AS eventAttributes
FROM otel_traces
LEFT ANY JOIN (SELECT SpanId, StepKind FROM child_spans WHERE TraceId = {traceId:String}) AS kinds USING (SpanId)
WHERE TraceId = {traceId:String}
  AND ((Timestamp >= first_second AND Timestamp <= last_second) OR toUnixTimestamp64Nano(Timestamp) >= 4294944000000000000)
ORDER BY Timestamp, SpanId
LIMIT 1 BY SpanId
LIMIT {limit:UInt32}
