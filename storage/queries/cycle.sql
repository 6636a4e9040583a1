-- The cycle of one trace, if its root has arrived.
-- Index: idx_trace_id of root_spans, through the view `cycles`.
SELECT
  CycleName AS cycle, TraceId AS traceId,
  toFloat64(toUnixTimestamp64Milli(Timestamp)) AS startedAt, toFloat64(toUnixTimestamp64Milli(EndTime)) AS endedAt,
  Duration / 1e6 AS durationMs, Bucket AS bucket, Outcome AS outcome,
  ServiceName AS service, ServiceVersion AS version, StatusMessage AS message, Attributes AS attributes, ResourceAttributes AS resource
FROM cycles
WHERE TraceId = {traceId:String}
ORDER BY EndTime DESC
LIMIT 1
