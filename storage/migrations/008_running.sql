-- The log records that say a cycle has begun, once however often they were sent. Indexed by time, and by trace id.
CREATE TABLE IF NOT EXISTS cycle_starts (
  CycleName LowCardinality(String) CODEC(ZSTD(1)),
  Timestamp DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
  TraceId String CODEC(ZSTD(1)),
  ServiceName LowCardinality(String) CODEC(ZSTD(1)),
  ServiceVersion LowCardinality(String) CODEC(ZSTD(1)),
  Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(Timestamp)
ORDER BY (Timestamp, TraceId)
SETTINGS non_replicated_deduplication_window = 10000;

-- A record that belongs to no trace, or names no cycle, says nothing about any.
CREATE MATERIALIZED VIEW IF NOT EXISTS cycle_starts_mv TO cycle_starts AS
SELECT
  LogAttributes['cycle.name'] AS CycleName, Timestamp, TraceId, ServiceName,
  ResourceAttributes['service.version'] AS ServiceVersion,
  mapFilter((k, v) -> k != 'event.name', LogAttributes) AS Attributes, ResourceAttributes
FROM otel_logs
WHERE (EventName = 'cycle.started' OR LogAttributes['event.name'] = 'cycle.started')
  AND LogAttributes['cycle.name'] != '' AND match(TraceId, '^[0-9a-f]{32}$') AND TraceId != repeat('0', 32);

-- Cycles that have begun at `since` (epoch milliseconds) or later and have no root span, whichever of the two arrives first:
-- SELECT … FROM running_cycles(since = 1793520000000). Roots are looked for in that time alone, and a day before it, since the
-- clock may have been set back meanwhile; all roots there ever were are too many for every look at the history.
CREATE VIEW IF NOT EXISTS running_cycles AS
SELECT CycleName, Timestamp, TraceId, ServiceName, ServiceVersion, Attributes, ResourceAttributes
FROM cycle_starts
WHERE Timestamp >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
  AND TraceId NOT IN (SELECT TraceId FROM root_spans WHERE EndTime >= fromUnixTimestamp64Milli({since:Int64} - 86400000, 'UTC'))
ORDER BY Timestamp
LIMIT 1 BY TraceId;
