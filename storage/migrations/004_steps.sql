-- Every span below a root, once however often it was sent. Those of cycles of ours carry its name; foreign ones have ''.
CREATE TABLE IF NOT EXISTS child_spans (
  CycleName LowCardinality(String) CODEC(ZSTD(1)),
  StepKind LowCardinality(String) CODEC(ZSTD(1)),
  StepName LowCardinality(String) CODEC(ZSTD(1)),
  Timestamp DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
  EndTime DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
  Duration UInt64 CODEC(ZSTD(1)),
  TraceId String CODEC(ZSTD(1)),
  SpanId String CODEC(ZSTD(1)),
  ParentSpanId String CODEC(ZSTD(1)),
  ServiceName LowCardinality(String) CODEC(ZSTD(1)),
  ServiceVersion LowCardinality(String) CODEC(ZSTD(1)),
  StatusCode LowCardinality(String) CODEC(ZSTD(1)),
  ErrorType LowCardinality(String) CODEC(ZSTD(1)),
  Host LowCardinality(String) CODEC(ZSTD(1)),
  UrlTemplate LowCardinality(String) CODEC(ZSTD(1)),
  WaitReason LowCardinality(String) CODEC(ZSTD(1)),
  INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1
) ENGINE = ReplacingMergeTree
PARTITION BY toMonday(EndTime)
ORDER BY (CycleName, StepKind, StepName, EndTime, TraceId, SpanId)
SETTINGS non_replicated_deduplication_window = 10000;

-- Foreign spans say by their semantic conventions what kind of step they are.
CREATE MATERIALIZED VIEW IF NOT EXISTS child_spans_mv TO child_spans AS
WITH
  toUnixTimestamp64Nano(Timestamp) AS started,
  if(Duration > 9223372036854775807, 0, Duration) AS lasted
SELECT
  SpanAttributes['cycle.name'] AS CycleName,
  multiIf(
    SpanAttributes['step.kind'] IN ('fetch', 'db', 'cache', 'wait', 'compute'), SpanAttributes['step.kind'],
    SpanAttributes['db.system.name'] != '' OR SpanAttributes['db.system'] != '', 'db',
    SpanKind = 'Client' AND (SpanAttributes['http.request.method'] != '' OR SpanAttributes['http.method'] != ''), 'fetch',
    'compute') AS StepKind,
  SpanName AS StepName,
  Timestamp, fromUnixTimestamp64Nano(started + toInt64(least(lasted, 9223372036854775807 - greatest(started, 0))), 'UTC') AS EndTime, lasted AS Duration,
  TraceId, SpanId, ParentSpanId, ServiceName, ResourceAttributes['service.version'] AS ServiceVersion, StatusCode,
  SpanAttributes['error.type'] AS ErrorType, SpanAttributes['server.address'] AS Host,
  SpanAttributes['url.template'] AS UrlTemplate, SpanAttributes['wait.reason'] AS WaitReason
FROM otel_traces
WHERE ParentSpanId != '';

-- The steps of cycles. A foreign span takes its cycle from the root of its trace, whichever of the two came first.
CREATE VIEW IF NOT EXISTS steps AS
SELECT CycleName, StepKind, StepName, Timestamp, EndTime, Duration, TraceId, SpanId, ParentSpanId, ServiceName, ServiceVersion, StatusCode, ErrorType, Host, UrlTemplate, WaitReason
FROM child_spans FINAL
WHERE CycleName != ''
UNION ALL
SELECT c.CycleName AS CycleName, StepKind, StepName, Timestamp, EndTime, Duration, TraceId, SpanId, ParentSpanId, ServiceName, ServiceVersion, StatusCode, ErrorType, Host, UrlTemplate, WaitReason
FROM child_spans AS s FINAL
INNER JOIN (SELECT DISTINCT TraceId, CycleName FROM named_roots) AS c ON s.TraceId = c.TraceId
WHERE s.CycleName = ''
SETTINGS do_not_merge_across_partitions_select_final = 1;
