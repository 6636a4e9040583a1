-- The cycle of one trace, if it has begun and its root has not arrived.
-- Index: idx_trace_id of cycle_starts and root_spans.
SELECT
  CycleName AS cycle, TraceId AS traceId,
  toFloat64(toUnixTimestamp64Milli(Timestamp)) AS startedAt, NULL AS endedAt,
  toFloat64(greatest(0, {now:Int64} - toUnixTimestamp64Milli(Timestamp))) AS durationMs, NULL AS bucket, 'running' AS outcome,
  ServiceName AS service, ServiceVersion AS version, '' AS message, Attributes AS attributes, ResourceAttributes AS resource
FROM cycle_starts
WHERE TraceId = {traceId:String} AND {traceId:String} NOT IN (SELECT TraceId FROM root_spans WHERE TraceId = {traceId:String})
ORDER BY Timestamp
LIMIT 1
