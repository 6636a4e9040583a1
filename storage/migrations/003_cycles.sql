-- What the configuration says about each cycle. Joined when read, so that a change applies to the whole history at once.
CREATE TABLE IF NOT EXISTS cycle_definitions (
  CycleName String,
  MatchService String,
  MatchSpan String,
  FastMs Float64,
  NormalMs Float64,
  SlowMs Float64,
  Deleted Bool,
  UpdatedAt DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree(UpdatedAt)
ORDER BY CycleName
SETTINGS non_replicated_deduplication_window = 1000;

-- Every root span, once however often it was sent. Those of cycles of ours know their cycle; foreign ones have ''.
CREATE TABLE IF NOT EXISTS root_spans (
  CycleName LowCardinality(String) CODEC(ZSTD(1)),
  Timestamp DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
  EndTime DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
  Duration UInt64 CODEC(ZSTD(1)),
  Outcome LowCardinality(String) CODEC(ZSTD(1)),
  TraceId String CODEC(ZSTD(1)),
  SpanId String CODEC(ZSTD(1)),
  SpanName LowCardinality(String) CODEC(ZSTD(1)),
  ServiceName LowCardinality(String) CODEC(ZSTD(1)),
  ServiceVersion LowCardinality(String) CODEC(ZSTD(1)),
  StatusMessage String CODEC(ZSTD(1)),
  Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(EndTime)
ORDER BY (CycleName, EndTime, TraceId, SpanId)
SETTINGS non_replicated_deduplication_window = 10000;

-- A duration below zero, which the Collector's exporter writes as a huge one, is 0; an end beyond time is its last instant.
CREATE MATERIALIZED VIEW IF NOT EXISTS root_spans_mv TO root_spans AS
WITH
  toUnixTimestamp64Nano(Timestamp) AS started,
  if(Duration > 9223372036854775807, 0, Duration) AS lasted
SELECT
  SpanAttributes['cycle.name'] AS CycleName,
  Timestamp, fromUnixTimestamp64Nano(started + toInt64(least(lasted, 9223372036854775807 - greatest(started, 0))), 'UTC') AS EndTime, lasted AS Duration,
  multiIf(SpanAttributes['cycle.outcome'] IN ('ok', 'partial', 'failed', 'timeout'), SpanAttributes['cycle.outcome'], StatusCode = 'Error', 'failed', 'ok') AS Outcome,
  TraceId, SpanId, SpanName, ServiceName, ResourceAttributes['service.version'] AS ServiceVersion, StatusMessage,
  SpanAttributes AS Attributes, ResourceAttributes
FROM otel_traces
WHERE ParentSpanId = '';

-- Roots that are cycles: those that name themselves, and foreign ones that a definition matches. Two branches, so that a filter on
-- CycleName and EndTime reaches the primary key of the first.
CREATE VIEW IF NOT EXISTS named_roots AS
SELECT CycleName, Timestamp, EndTime, Duration, Outcome, TraceId, SpanId, SpanName, ServiceName, ServiceVersion, StatusMessage, Attributes, ResourceAttributes
FROM root_spans FINAL
WHERE CycleName != ''
UNION ALL
SELECT d.CycleName AS CycleName, Timestamp, EndTime, Duration, Outcome, TraceId, SpanId, SpanName, ServiceName, ServiceVersion, StatusMessage, Attributes, ResourceAttributes
FROM root_spans AS r FINAL
INNER JOIN (SELECT toLowCardinality(CycleName) AS CycleName, MatchService, MatchSpan FROM cycle_definitions FINAL WHERE NOT Deleted AND MatchSpan != '') AS d
  ON r.ServiceName = d.MatchService AND r.SpanName = d.MatchSpan
WHERE r.CycleName = ''
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- The cycles, each with the bucket it falls into by the bounds in force now; a name without a definition has the defaults
-- of model/buckets.ts.
CREATE VIEW IF NOT EXISTS cycles AS
SELECT c.*, multiIf(
  Duration <= if(d.Slow > 0, d.Fast, 20e9), 'fast',
  Duration <= if(d.Slow > 0, d.Normal, 30e9), 'normal',
  Duration <= if(d.Slow > 0, d.Slow, 60e9), 'slow', 'very_slow') AS Bucket
FROM named_roots AS c
LEFT JOIN (
  SELECT toLowCardinality(CycleName) AS CycleName, FastMs * 1e6 AS Fast, NormalMs * 1e6 AS Normal, SlowMs * 1e6 AS Slow
  FROM cycle_definitions FINAL
  WHERE NOT Deleted
) AS d ON c.CycleName = d.CycleName;
