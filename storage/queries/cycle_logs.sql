-- Log records next to a cycle: those of its trace, then those without a trace of its service and of no other host or process in its
-- time; each oldest first, so that a limit cuts the latter before the former. Long texts are cut: a body may have megabytes.
-- Index: idx_trace_id of otel_logs for the former; its day partitions and primary key for the latter, which starts with
-- toStartOfFiveMinutes(Timestamp): ClickHouse does not conclude from the time to that.
SELECT
  toUnixTimestamp64Nano(Timestamp) AS nano, TraceId != '' AS own,
  SeverityText AS severityText, SeverityNumber AS severityNumber, EventName AS event,
  if(lengthUTF8(Body) > 16384, concat(leftUTF8(Body, 16384), '…'), Body) AS body, SpanId AS spanId, ServiceName AS service,
  mapApply((k, v) -> (k, if(lengthUTF8(v) > 1024, concat(leftUTF8(v, 1024), '…'), v)), LogAttributes) AS attributes
FROM (
  SELECT Timestamp, TraceId, SeverityText, SeverityNumber, EventName, Body, SpanId, ServiceName, LogAttributes
  FROM otel_logs
  WHERE TraceId = {traceId:String}
  UNION ALL
  SELECT Timestamp, TraceId, SeverityText, SeverityNumber, EventName, Body, SpanId, ServiceName, LogAttributes
  FROM otel_logs
  WHERE toStartOfFiveMinutes(Timestamp) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Milli({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Milli({to:Int64}))
    AND Timestamp >= fromUnixTimestamp64Milli({from:Int64}) AND Timestamp < fromUnixTimestamp64Milli({to:Int64} + 1)
    AND TraceId = '' AND ServiceName = {service:String} AND ServiceName != ''
    AND arrayAll((k, v) -> NOT mapContains(ResourceAttributes, k) OR ResourceAttributes[k] = v, {keys:Array(String)}, {values:Array(String)})
)
ORDER BY own DESC, nano
LIMIT {limit:UInt32}
