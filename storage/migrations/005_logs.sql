-- The log table of the OpenTelemetry Collector's ClickHouse exporter, column for column; see 001_traces.sql. The indexes
-- are those it makes on older servers: its text indexes make inserting a quarter dearer and the table twice as large.

CREATE TABLE IF NOT EXISTS otel_logs (
  Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
  TraceId String CODEC(ZSTD(1)),
  SpanId String CODEC(ZSTD(1)),
  TraceFlags UInt8,
  SeverityText LowCardinality(String) CODEC(ZSTD(1)),
  SeverityNumber UInt8,
  ServiceName LowCardinality(String) CODEC(ZSTD(1)),
  Body String CODEC(ZSTD(1)),
  ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
  ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
  ScopeName String CODEC(ZSTD(1)),
  ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
  ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  LogAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  EventName String CODEC(ZSTD(1)),
  `__otel_materialized_k8s.cluster.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.cluster.name'] CODEC(ZSTD(1)),
  `__otel_materialized_k8s.container.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.container.name'] CODEC(ZSTD(1)),
  `__otel_materialized_k8s.deployment.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.deployment.name'] CODEC(ZSTD(1)),
  `__otel_materialized_k8s.namespace.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.namespace.name'] CODEC(ZSTD(1)),
  `__otel_materialized_k8s.node.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.node.name'] CODEC(ZSTD(1)),
  `__otel_materialized_k8s.pod.name` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.pod.name'] CODEC(ZSTD(1)),
  `__otel_materialized_k8s.pod.uid` LowCardinality(String) MATERIALIZED ResourceAttributes['k8s.pod.uid'] CODEC(ZSTD(1)),
  `__otel_materialized_deployment.environment.name` LowCardinality(String) MATERIALIZED ResourceAttributes['deployment.environment.name'] CODEC(ZSTD(1)),
  INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
  INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_log_attr_key mapKeys(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_log_attr_value mapValues(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_lower_body lower(Body) TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 8
) ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- Tables that an older Collector made have no such column.
ALTER TABLE otel_logs ADD COLUMN IF NOT EXISTS EventName String CODEC(ZSTD(1));

-- OTLP bodies go into the two Null tables as they came; the views below turn them into rows of otel_logs.

CREATE TABLE IF NOT EXISTS otlp_logs_protobuf (
  resource_logs Array(Tuple(
    resource Tuple(attributes Map(String, Tuple(string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'bytes_value' = 7)))),
    scope_logs Array(Tuple(
      scope Tuple(name String, version String, attributes Map(String, Tuple(string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'bytes_value' = 7)))),
      log_records Array(Tuple(
        time_unix_nano UInt64, observed_time_unix_nano UInt64, severity_number Int32, severity_text String,
        body Tuple(string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'bytes_value' = 7)),
        attributes Map(String, Tuple(string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'bytes_value' = 7))),
        flags UInt32, trace_id String, span_id String, event_name String)),
      schema_url String)),
    schema_url String))
) ENGINE = Null;

CREATE TABLE IF NOT EXISTS otlp_logs_json (
  resourceLogs Array(Tuple(
    resource Tuple(attributes Array(Tuple(key String, value Tuple(stringValue Nullable(String), boolValue Nullable(Bool), intValue Nullable(String), doubleValue Nullable(String), bytesValue Nullable(String))))),
    scopeLogs Array(Tuple(
      scope Tuple(name String, version String, attributes Array(Tuple(key String, value Tuple(stringValue Nullable(String), boolValue Nullable(Bool), intValue Nullable(String), doubleValue Nullable(String), bytesValue Nullable(String))))),
      logRecords Array(Tuple(
        timeUnixNano UInt64, observedTimeUnixNano UInt64, severityNumber Int32, severityText String,
        body Tuple(stringValue Nullable(String), boolValue Nullable(Bool), intValue Nullable(String), doubleValue Nullable(String), bytesValue Nullable(String)),
        attributes Array(Tuple(key String, value Tuple(stringValue Nullable(String), boolValue Nullable(Bool), intValue Nullable(String), doubleValue Nullable(String), bytesValue Nullable(String)))),
        flags UInt32, traceId String, spanId String, eventName String)),
      schemaUrl String)),
    schemaUrl String))
) ENGINE = Null;

-- Both encodings meet here: values as text, ids as lower-case hex or '', everything else as it was sent.
CREATE TABLE IF NOT EXISTS otlp_log_records (
  resource Map(LowCardinality(String), String), resource_schema_url String,
  scope_name String, scope_version String, scope_attributes Map(LowCardinality(String), String), scope_schema_url String,
  time_nano UInt64, observed_nano UInt64, severity_number Int32, severity_text String, body String,
  attributes Map(LowCardinality(String), String), flags UInt32, trace_id String, span_id String, event_name String
) ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_logs_protobuf_mv TO otlp_log_records AS
WITH
  (d -> replaceOne(replaceOne(transform(toString(d), ['nan', 'inf', '-inf', '-0'], ['NaN', 'Infinity', '-Infinity', '0']), 'e', 'e+'), 'e+-', 'e-')) AS number,
  (v -> multiIf(v.value = 'string_value', toValidUTF8(v.string_value), v.value = 'int_value', toString(v.int_value), v.value = 'double_value', number(v.double_value), v.value = 'bool_value', if(v.bool_value, 'true', 'false'), v.value = 'bytes_value', base64Encode(v.bytes_value), '')) AS text,
  (m -> CAST(mapFromArrays(arrayMap(k -> toValidUTF8(k), mapKeys(m)), arrayMap(v -> text(v), mapValues(m))), 'Map(LowCardinality(String), String)')) AS texts
SELECT
  resource, resource_schema_url, scope_name, scope_version, scope_attributes, scope_schema_url,
  record.time_unix_nano AS time_nano, record.observed_time_unix_nano AS observed_nano,
  record.severity_number AS severity_number, record.severity_text AS severity_text, text(record.body) AS body,
  texts(record.attributes) AS attributes, record.flags AS flags,
  if(length(record.trace_id) = 16, lower(hex(record.trace_id)), '') AS trace_id,
  if(length(record.span_id) = 8, lower(hex(record.span_id)), '') AS span_id, record.event_name AS event_name
FROM (
  SELECT
    resource, resource_schema_url, scoped.scope.name AS scope_name, scoped.scope.version AS scope_version,
    texts(scoped.scope.attributes) AS scope_attributes, scoped.schema_url AS scope_schema_url, arrayJoin(scoped.log_records) AS record
  FROM (
    SELECT texts(sent.resource.attributes) AS resource, sent.schema_url AS resource_schema_url, arrayJoin(sent.scope_logs) AS scoped FROM (
      SELECT arrayJoin(resource_logs) AS sent FROM otlp_logs_protobuf)));

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_logs_json_mv TO otlp_log_records AS
WITH
  (d -> replaceOne(replaceOne(transform(toString(d), ['nan', 'inf', '-inf', '-0'], ['NaN', 'Infinity', '-Infinity', '0']), 'e', 'e+'), 'e+-', 'e-')) AS number,
  (v -> multiIf(v.stringValue IS NOT NULL, toValidUTF8(assumeNotNull(v.stringValue)), toInt128OrNull(v.intValue) IS NOT NULL, assumeNotNull(v.intValue), coalesce(v.intValue, v.doubleValue) IS NOT NULL, number(toFloat64OrZero(assumeNotNull(coalesce(v.intValue, v.doubleValue)))), v.boolValue IS NOT NULL, if(assumeNotNull(v.boolValue), 'true', 'false'), toValidUTF8(assumeNotNull(coalesce(v.bytesValue, ''))))) AS text,
  (a -> CAST(mapFromArrays(arrayMap(p -> toValidUTF8(p.key), a), arrayMap(p -> text(p.value), a)), 'Map(LowCardinality(String), String)')) AS texts
SELECT
  resource, resource_schema_url, scope_name, scope_version, scope_attributes, scope_schema_url,
  record.timeUnixNano AS time_nano, record.observedTimeUnixNano AS observed_nano,
  record.severityNumber AS severity_number, record.severityText AS severity_text, text(record.body) AS body,
  texts(record.attributes) AS attributes, record.flags AS flags,
  if(match(record.traceId, '^[0-9A-Fa-f]{32}$'), lower(record.traceId), '') AS trace_id,
  if(match(record.spanId, '^[0-9A-Fa-f]{16}$'), lower(record.spanId), '') AS span_id, record.eventName AS event_name
FROM (
  SELECT
    resource, resource_schema_url, scoped.scope.name AS scope_name, scoped.scope.version AS scope_version,
    texts(scoped.scope.attributes) AS scope_attributes, scoped.schemaUrl AS scope_schema_url, arrayJoin(scoped.logRecords) AS record
  FROM (
    SELECT texts(sent.resource.attributes) AS resource, sent.schemaUrl AS resource_schema_url, arrayJoin(sent.scopeLogs) AS scoped FROM (
      SELECT arrayJoin(resourceLogs) AS sent FROM otlp_logs_json)));

-- A record without a time has that of its observation. Times beyond what DateTime64(9) can hold become its last instant.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_log_records_mv TO otel_logs AS
SELECT
  fromUnixTimestamp64Nano(toInt64(least(if(time_nano = 0, observed_nano, time_nano), 9223372036854775807))) AS Timestamp,
  if(trace_id = repeat('0', 32), '', trace_id) AS TraceId, if(span_id = repeat('0', 16), '', span_id) AS SpanId,
  toUInt8(bitAnd(flags, 255)) AS TraceFlags, toValidUTF8(severity_text) AS SeverityText,
  toUInt8(if(severity_number BETWEEN 0 AND 255, severity_number, 0)) AS SeverityNumber,
  resource['service.name'] AS ServiceName, body AS Body,
  toValidUTF8(resource_schema_url) AS ResourceSchemaUrl, resource AS ResourceAttributes,
  toValidUTF8(scope_schema_url) AS ScopeSchemaUrl, toValidUTF8(scope_name) AS ScopeName, toValidUTF8(scope_version) AS ScopeVersion,
  scope_attributes AS ScopeAttributes, attributes AS LogAttributes, toValidUTF8(event_name) AS EventName
FROM otlp_log_records;
