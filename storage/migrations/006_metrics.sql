-- The metric tables of the OpenTelemetry Collector's ClickHouse exporter, column for column; see 001_traces.sql.

CREATE TABLE IF NOT EXISTS otel_metrics_gauge (
  ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  ResourceSchemaUrl String CODEC(ZSTD(1)),
  ScopeName String CODEC(ZSTD(1)),
  ScopeVersion String CODEC(ZSTD(1)),
  ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
  ScopeSchemaUrl String CODEC(ZSTD(1)),
  ServiceName LowCardinality(String) CODEC(ZSTD(1)),
  MetricName LowCardinality(String) CODEC(ZSTD(1)),
  MetricDescription String CODEC(ZSTD(1)),
  MetricUnit String CODEC(ZSTD(1)),
  Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  StartTimeUnix DateTime CODEC(Delta, ZSTD(1)),
  TimeUnix DateTime CODEC(Delta, ZSTD(1)),
  Value Float64 CODEC(ZSTD(1)),
  Flags UInt32 CODEC(ZSTD(1)),
  `Exemplars.FilteredAttributes` Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
  `Exemplars.TimeUnix` Array(DateTime) CODEC(ZSTD(1)),
  `Exemplars.Value` Array(Float64) CODEC(ZSTD(1)),
  `Exemplars.SpanId` Array(String) CODEC(ZSTD(1)),
  `Exemplars.TraceId` Array(String) CODEC(ZSTD(1)),
  INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_attr_key mapKeys(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_attr_value mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_time_minmax TimeUnix TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, toStartOfHour(TimeUnix), cityHash64(Attributes), TimeUnix)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS otel_metrics_sum (
  ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  ResourceSchemaUrl String CODEC(ZSTD(1)),
  ScopeName String CODEC(ZSTD(1)),
  ScopeVersion String CODEC(ZSTD(1)),
  ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
  ScopeSchemaUrl String CODEC(ZSTD(1)),
  ServiceName LowCardinality(String) CODEC(ZSTD(1)),
  MetricName LowCardinality(String) CODEC(ZSTD(1)),
  MetricDescription String CODEC(ZSTD(1)),
  MetricUnit String CODEC(ZSTD(1)),
  Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  StartTimeUnix DateTime CODEC(Delta, ZSTD(1)),
  TimeUnix DateTime CODEC(Delta, ZSTD(1)),
  Value Float64 CODEC(ZSTD(1)),
  Flags UInt32 CODEC(ZSTD(1)),
  `Exemplars.FilteredAttributes` Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
  `Exemplars.TimeUnix` Array(DateTime) CODEC(ZSTD(1)),
  `Exemplars.Value` Array(Float64) CODEC(ZSTD(1)),
  `Exemplars.SpanId` Array(String) CODEC(ZSTD(1)),
  `Exemplars.TraceId` Array(String) CODEC(ZSTD(1)),
  AggregationTemporality Int32 CODEC(ZSTD(1)),
  IsMonotonic Boolean CODEC(Delta, ZSTD(1)),
  INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_attr_key mapKeys(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_attr_value mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_time_minmax TimeUnix TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, toStartOfHour(TimeUnix), cityHash64(Attributes), TimeUnix)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS otel_metrics_histogram (
  ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  ResourceSchemaUrl String CODEC(ZSTD(1)),
  ScopeName String CODEC(ZSTD(1)),
  ScopeVersion String CODEC(ZSTD(1)),
  ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
  ScopeSchemaUrl String CODEC(ZSTD(1)),
  ServiceName LowCardinality(String) CODEC(ZSTD(1)),
  MetricName LowCardinality(String) CODEC(ZSTD(1)),
  MetricDescription String CODEC(ZSTD(1)),
  MetricUnit String CODEC(ZSTD(1)),
  Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  StartTimeUnix DateTime CODEC(Delta, ZSTD(1)),
  TimeUnix DateTime CODEC(Delta, ZSTD(1)),
  Count UInt64 CODEC(Delta, ZSTD(1)),
  Sum Float64 CODEC(ZSTD(1)),
  BucketCounts Array(UInt64) CODEC(ZSTD(1)),
  ExplicitBounds Array(Float64) CODEC(ZSTD(1)),
  `Exemplars.FilteredAttributes` Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
  `Exemplars.TimeUnix` Array(DateTime) CODEC(ZSTD(1)),
  `Exemplars.Value` Array(Float64) CODEC(ZSTD(1)),
  `Exemplars.SpanId` Array(String) CODEC(ZSTD(1)),
  `Exemplars.TraceId` Array(String) CODEC(ZSTD(1)),
  Flags UInt32 CODEC(ZSTD(1)),
  Min Float64 CODEC(ZSTD(1)),
  Max Float64 CODEC(ZSTD(1)),
  AggregationTemporality Int32 CODEC(ZSTD(1)),
  INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_attr_key mapKeys(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_attr_value mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_time_minmax TimeUnix TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, toStartOfHour(TimeUnix), cityHash64(Attributes), TimeUnix)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS otel_metrics_exponential_histogram (
  ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  ResourceSchemaUrl String CODEC(ZSTD(1)),
  ScopeName String CODEC(ZSTD(1)),
  ScopeVersion String CODEC(ZSTD(1)),
  ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
  ScopeSchemaUrl String CODEC(ZSTD(1)),
  ServiceName LowCardinality(String) CODEC(ZSTD(1)),
  MetricName LowCardinality(String) CODEC(ZSTD(1)),
  MetricDescription String CODEC(ZSTD(1)),
  MetricUnit String CODEC(ZSTD(1)),
  Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  StartTimeUnix DateTime CODEC(Delta, ZSTD(1)),
  TimeUnix DateTime CODEC(Delta, ZSTD(1)),
  Count UInt64 CODEC(Delta, ZSTD(1)),
  Sum Float64 CODEC(ZSTD(1)),
  Scale Int32 CODEC(ZSTD(1)),
  ZeroCount UInt64 CODEC(ZSTD(1)),
  PositiveOffset Int32 CODEC(ZSTD(1)),
  PositiveBucketCounts Array(UInt64) CODEC(ZSTD(1)),
  NegativeOffset Int32 CODEC(ZSTD(1)),
  NegativeBucketCounts Array(UInt64) CODEC(ZSTD(1)),
  `Exemplars.FilteredAttributes` Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
  `Exemplars.TimeUnix` Array(DateTime) CODEC(ZSTD(1)),
  `Exemplars.Value` Array(Float64) CODEC(ZSTD(1)),
  `Exemplars.SpanId` Array(String) CODEC(ZSTD(1)),
  `Exemplars.TraceId` Array(String) CODEC(ZSTD(1)),
  Flags UInt32 CODEC(ZSTD(1)),
  Min Float64 CODEC(ZSTD(1)),
  Max Float64 CODEC(ZSTD(1)),
  AggregationTemporality Int32 CODEC(ZSTD(1)),
  INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_attr_key mapKeys(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_attr_value mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_time_minmax TimeUnix TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, toStartOfHour(TimeUnix), cityHash64(Attributes), TimeUnix)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS otel_metrics_summary (
  ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  ResourceSchemaUrl String CODEC(ZSTD(1)),
  ScopeName String CODEC(ZSTD(1)),
  ScopeVersion String CODEC(ZSTD(1)),
  ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
  ScopeSchemaUrl String CODEC(ZSTD(1)),
  ServiceName LowCardinality(String) CODEC(ZSTD(1)),
  MetricName LowCardinality(String) CODEC(ZSTD(1)),
  MetricDescription String CODEC(ZSTD(1)),
  MetricUnit String CODEC(ZSTD(1)),
  Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  StartTimeUnix DateTime CODEC(Delta, ZSTD(1)),
  TimeUnix DateTime CODEC(Delta, ZSTD(1)),
  Count UInt64 CODEC(Delta, ZSTD(1)),
  Sum Float64 CODEC(ZSTD(1)),
  `ValueAtQuantiles.Quantile` Array(Float64) CODEC(ZSTD(1)),
  `ValueAtQuantiles.Value` Array(Float64) CODEC(ZSTD(1)),
  Flags UInt32 CODEC(ZSTD(1)),
  INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_attr_key mapKeys(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_attr_value mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_time_minmax TimeUnix TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, toStartOfHour(TimeUnix), cityHash64(Attributes), TimeUnix)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- OTLP bodies go into the two Null tables as they came; the views below turn them into rows of the tables above.

CREATE TABLE IF NOT EXISTS otlp_metrics_protobuf (
  resource_metrics Array(Tuple(
    resource Tuple(attributes Map(String, Tuple(string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'bytes_value' = 7)))),
    scope_metrics Array(Tuple(
      scope Tuple(name String, version String, attributes Map(String, Tuple(string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'bytes_value' = 7))), dropped_attributes_count UInt32),
      metrics Array(Tuple(
        name String, description String, unit String,
        gauge Tuple(data_points Array(Tuple(
          attributes Map(String, Tuple(string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'bytes_value' = 7))),
          start_time_unix_nano UInt64, time_unix_nano UInt64, flags UInt32, as_double Float64, as_int Int64,
          exemplars Array(Tuple(time_unix_nano UInt64, as_double Float64, as_int Int64, span_id String, trace_id String,
            filtered_attributes Map(String, Tuple(string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'bytes_value' = 7)))))))),
        sum Tuple(data_points Array(Tuple(
          attributes Map(String, Tuple(string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'bytes_value' = 7))),
          start_time_unix_nano UInt64, time_unix_nano UInt64, flags UInt32, as_double Float64, as_int Int64,
          exemplars Array(Tuple(time_unix_nano UInt64, as_double Float64, as_int Int64, span_id String, trace_id String,
            filtered_attributes Map(String, Tuple(string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'bytes_value' = 7))))))), aggregation_temporality Int32, is_monotonic Bool),
        histogram Tuple(data_points Array(Tuple(
          attributes Map(String, Tuple(string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'bytes_value' = 7))),
          start_time_unix_nano UInt64, time_unix_nano UInt64, flags UInt32, count UInt64, sum Float64, min Float64, max Float64,
          bucket_counts Array(UInt64), explicit_bounds Array(Float64),
          exemplars Array(Tuple(time_unix_nano UInt64, as_double Float64, as_int Int64, span_id String, trace_id String,
            filtered_attributes Map(String, Tuple(string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'bytes_value' = 7))))))), aggregation_temporality Int32),
        exponential_histogram Tuple(data_points Array(Tuple(
          attributes Map(String, Tuple(string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'bytes_value' = 7))),
          start_time_unix_nano UInt64, time_unix_nano UInt64, flags UInt32, count UInt64, sum Float64, min Float64, max Float64,
          scale Int32, zero_count UInt64, positive Tuple(offset Int32, bucket_counts Array(UInt64)), negative Tuple(offset Int32, bucket_counts Array(UInt64)),
          exemplars Array(Tuple(time_unix_nano UInt64, as_double Float64, as_int Int64, span_id String, trace_id String,
            filtered_attributes Map(String, Tuple(string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'bytes_value' = 7))))))), aggregation_temporality Int32),
        summary Tuple(data_points Array(Tuple(
          attributes Map(String, Tuple(string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'bytes_value' = 7))),
          start_time_unix_nano UInt64, time_unix_nano UInt64, flags UInt32, count UInt64, sum Float64, quantile_values Array(Tuple(quantile Float64, value Float64))))))),
      schema_url String)),
    schema_url String))
) ENGINE = Null;

CREATE TABLE IF NOT EXISTS otlp_metrics_json (
  resourceMetrics Array(Tuple(
    resource Tuple(attributes Array(Tuple(key String, value Tuple(stringValue Nullable(String), boolValue Nullable(Bool), intValue Nullable(String), doubleValue Nullable(String), bytesValue Nullable(String))))),
    scopeMetrics Array(Tuple(
      scope Tuple(name String, version String, attributes Array(Tuple(key String, value Tuple(stringValue Nullable(String), boolValue Nullable(Bool), intValue Nullable(String), doubleValue Nullable(String), bytesValue Nullable(String)))), droppedAttributesCount UInt32),
      metrics Array(Tuple(
        name String, description String, unit String,
        gauge Tuple(dataPoints Array(Tuple(
          attributes Array(Tuple(key String, value Tuple(stringValue Nullable(String), boolValue Nullable(Bool), intValue Nullable(String), doubleValue Nullable(String), bytesValue Nullable(String)))),
          startTimeUnixNano UInt64, timeUnixNano UInt64, flags UInt32, asDouble String, asInt String,
          exemplars Array(Tuple(timeUnixNano UInt64, asDouble String, asInt String, spanId String, traceId String,
            filteredAttributes Array(Tuple(key String, value Tuple(stringValue Nullable(String), boolValue Nullable(Bool), intValue Nullable(String), doubleValue Nullable(String), bytesValue Nullable(String))))))))),
        sum Tuple(dataPoints Array(Tuple(
          attributes Array(Tuple(key String, value Tuple(stringValue Nullable(String), boolValue Nullable(Bool), intValue Nullable(String), doubleValue Nullable(String), bytesValue Nullable(String)))),
          startTimeUnixNano UInt64, timeUnixNano UInt64, flags UInt32, asDouble String, asInt String,
          exemplars Array(Tuple(timeUnixNano UInt64, asDouble String, asInt String, spanId String, traceId String,
            filteredAttributes Array(Tuple(key String, value Tuple(stringValue Nullable(String), boolValue Nullable(Bool), intValue Nullable(String), doubleValue Nullable(String), bytesValue Nullable(String)))))))), aggregationTemporality Int32, isMonotonic Bool),
        histogram Tuple(dataPoints Array(Tuple(
          attributes Array(Tuple(key String, value Tuple(stringValue Nullable(String), boolValue Nullable(Bool), intValue Nullable(String), doubleValue Nullable(String), bytesValue Nullable(String)))),
          startTimeUnixNano UInt64, timeUnixNano UInt64, flags UInt32, count UInt64, sum String, min String, max String,
          bucketCounts Array(UInt64), explicitBounds Array(String),
          exemplars Array(Tuple(timeUnixNano UInt64, asDouble String, asInt String, spanId String, traceId String,
            filteredAttributes Array(Tuple(key String, value Tuple(stringValue Nullable(String), boolValue Nullable(Bool), intValue Nullable(String), doubleValue Nullable(String), bytesValue Nullable(String)))))))), aggregationTemporality Int32),
        exponentialHistogram Tuple(dataPoints Array(Tuple(
          attributes Array(Tuple(key String, value Tuple(stringValue Nullable(String), boolValue Nullable(Bool), intValue Nullable(String), doubleValue Nullable(String), bytesValue Nullable(String)))),
          startTimeUnixNano UInt64, timeUnixNano UInt64, flags UInt32, count UInt64, sum String, min String, max String,
          scale Int32, zeroCount UInt64, positive Tuple(offset Int32, bucketCounts Array(UInt64)), negative Tuple(offset Int32, bucketCounts Array(UInt64)),
          exemplars Array(Tuple(timeUnixNano UInt64, asDouble String, asInt String, spanId String, traceId String,
            filteredAttributes Array(Tuple(key String, value Tuple(stringValue Nullable(String), boolValue Nullable(Bool), intValue Nullable(String), doubleValue Nullable(String), bytesValue Nullable(String)))))))), aggregationTemporality Int32),
        summary Tuple(dataPoints Array(Tuple(
          attributes Array(Tuple(key String, value Tuple(stringValue Nullable(String), boolValue Nullable(Bool), intValue Nullable(String), doubleValue Nullable(String), bytesValue Nullable(String)))),
          startTimeUnixNano UInt64, timeUnixNano UInt64, flags UInt32, count UInt64, sum String, quantileValues Array(Tuple(quantile String, value String))))))),
      schemaUrl String)),
    schemaUrl String))
) ENGINE = Null;

-- Both encodings meet here, a metric to a row: values as text or Float64, ids as lower-case hex or ''.
CREATE TABLE IF NOT EXISTS otlp_metrics (
  resource Map(LowCardinality(String), String), resource_schema_url String,
  scope_name String, scope_version String, scope_attributes Map(LowCardinality(String), String), scope_dropped UInt32, scope_schema_url String,
  name String, description String, unit String, temporality Int32, monotonic Bool,
  gauge Array(Tuple(attributes Map(LowCardinality(String), String), start_nano UInt64, nano UInt64, flags UInt32, value Float64,
    exemplars Array(Tuple(attributes Map(LowCardinality(String), String), nano UInt64, value Float64, span_id String, trace_id String)))),
  sum Array(Tuple(attributes Map(LowCardinality(String), String), start_nano UInt64, nano UInt64, flags UInt32, value Float64,
    exemplars Array(Tuple(attributes Map(LowCardinality(String), String), nano UInt64, value Float64, span_id String, trace_id String)))),
  histogram Array(Tuple(attributes Map(LowCardinality(String), String), start_nano UInt64, nano UInt64, flags UInt32, count UInt64, sum Float64, min Float64, max Float64,
    bucket_counts Array(UInt64), bounds Array(Float64),
    exemplars Array(Tuple(attributes Map(LowCardinality(String), String), nano UInt64, value Float64, span_id String, trace_id String)))),
  exponential Array(Tuple(attributes Map(LowCardinality(String), String), start_nano UInt64, nano UInt64, flags UInt32, count UInt64, sum Float64, min Float64, max Float64,
    scale Int32, zero_count UInt64, positive_offset Int32, positive_counts Array(UInt64), negative_offset Int32, negative_counts Array(UInt64),
    exemplars Array(Tuple(attributes Map(LowCardinality(String), String), nano UInt64, value Float64, span_id String, trace_id String)))),
  summary Array(Tuple(attributes Map(LowCardinality(String), String), start_nano UInt64, nano UInt64, flags UInt32, count UInt64, sum Float64, quantiles Array(Float64), quantile_values Array(Float64)))
) ENGINE = Null;

-- A number is an integer or a double, and 0 as an integer when it is neither.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_protobuf_mv TO otlp_metrics AS
WITH
  (d -> replaceOne(replaceOne(transform(toString(d), ['nan', 'inf', '-inf', '-0'], ['NaN', 'Infinity', '-Infinity', '0']), 'e', 'e+'), 'e+-', 'e-')) AS number,
  (v -> multiIf(v.value = 'string_value', toValidUTF8(v.string_value), v.value = 'int_value', toString(v.int_value), v.value = 'double_value', number(v.double_value), v.value = 'bool_value', if(v.bool_value, 'true', 'false'), v.value = 'bytes_value', base64Encode(v.bytes_value), '')) AS text,
  (m -> CAST(mapFromArrays(arrayMap(k -> toValidUTF8(k), mapKeys(m)), arrayMap(v -> text(v), mapValues(m))), 'Map(LowCardinality(String), String)')) AS texts,
  (p -> if(p.as_int = 0, p.as_double, toFloat64(p.as_int))) AS value,
  ((bytes, digits) -> if(length(bytes) * 2 = digits AND bytes != repeat('\0', length(bytes)), lower(hex(bytes)), '')) AS id,
  (es -> arrayMap(e -> (texts(e.filtered_attributes), e.time_unix_nano, value(e), id(e.span_id, 16), id(e.trace_id, 32)), es)) AS exemplars
SELECT
  resource, resource_schema_url, scope_name, scope_version, scope_attributes, scope_dropped, scope_schema_url,
  toValidUTF8(metric.name) AS name, toValidUTF8(metric.description) AS description, toValidUTF8(metric.unit) AS unit,
  greatest(metric.sum.aggregation_temporality, metric.histogram.aggregation_temporality, metric.exponential_histogram.aggregation_temporality) AS temporality, metric.sum.is_monotonic AS monotonic,
  arrayMap(p -> (texts(p.attributes), p.start_time_unix_nano, p.time_unix_nano, p.flags, value(p), exemplars(p.exemplars)), metric.gauge.data_points) AS gauge,
  arrayMap(p -> (texts(p.attributes), p.start_time_unix_nano, p.time_unix_nano, p.flags, value(p), exemplars(p.exemplars)), metric.sum.data_points) AS sum,
  arrayMap(p -> (texts(p.attributes), p.start_time_unix_nano, p.time_unix_nano, p.flags, p.count, p.sum, p.min, p.max, p.bucket_counts, p.explicit_bounds, exemplars(p.exemplars)), metric.histogram.data_points) AS histogram,
  arrayMap(p -> (texts(p.attributes), p.start_time_unix_nano, p.time_unix_nano, p.flags, p.count, p.sum, p.min, p.max, p.scale, p.zero_count, p.positive.offset, p.positive.bucket_counts, p.negative.offset, p.negative.bucket_counts, exemplars(p.exemplars)), metric.exponential_histogram.data_points) AS exponential,
  arrayMap(p -> (texts(p.attributes), p.start_time_unix_nano, p.time_unix_nano, p.flags, p.count, p.sum, p.quantile_values.quantile, p.quantile_values.value), metric.summary.data_points) AS summary
FROM (
  SELECT
    resource, resource_schema_url, toValidUTF8(scoped.scope.name) AS scope_name, toValidUTF8(scoped.scope.version) AS scope_version,
    texts(scoped.scope.attributes) AS scope_attributes, scoped.scope.dropped_attributes_count AS scope_dropped,
    toValidUTF8(scoped.schema_url) AS scope_schema_url, arrayJoin(scoped.metrics) AS metric
  FROM (
    SELECT texts(sent.resource.attributes) AS resource, toValidUTF8(sent.schema_url) AS resource_schema_url, arrayJoin(sent.scope_metrics) AS scoped FROM (
      SELECT arrayJoin(resource_metrics) AS sent FROM otlp_metrics_protobuf)));

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_json_mv TO otlp_metrics AS
WITH
  (d -> replaceOne(replaceOne(transform(toString(d), ['nan', 'inf', '-inf', '-0'], ['NaN', 'Infinity', '-Infinity', '0']), 'e', 'e+'), 'e+-', 'e-')) AS number,
  (v -> multiIf(v.stringValue IS NOT NULL, toValidUTF8(assumeNotNull(v.stringValue)), toInt128OrNull(v.intValue) IS NOT NULL, assumeNotNull(v.intValue), coalesce(v.intValue, v.doubleValue) IS NOT NULL, number(toFloat64OrZero(assumeNotNull(coalesce(v.intValue, v.doubleValue)))), v.boolValue IS NOT NULL, if(assumeNotNull(v.boolValue), 'true', 'false'), toValidUTF8(assumeNotNull(coalesce(v.bytesValue, ''))))) AS text,
  (a -> CAST(mapFromArrays(arrayMap(p -> toValidUTF8(p.key), a), arrayMap(p -> text(p.value), a)), 'Map(LowCardinality(String), String)')) AS texts,
  (p -> toFloat64OrZero(if(p.asInt = '', p.asDouble, p.asInt))) AS value,
  ((hex, digits) -> if(length(hex) = digits AND match(hex, '^[0-9A-Fa-f]+$') AND match(hex, '[^0]'), lower(hex), '')) AS id,
  (es -> arrayMap(e -> (texts(e.filteredAttributes), e.timeUnixNano, value(e), id(e.spanId, 16), id(e.traceId, 32)), es)) AS exemplars
SELECT
  resource, resource_schema_url, scope_name, scope_version, scope_attributes, scope_dropped, scope_schema_url,
  toValidUTF8(metric.name) AS name, toValidUTF8(metric.description) AS description, toValidUTF8(metric.unit) AS unit,
  greatest(metric.sum.aggregationTemporality, metric.histogram.aggregationTemporality, metric.exponentialHistogram.aggregationTemporality) AS temporality, metric.sum.isMonotonic AS monotonic,
  arrayMap(p -> (texts(p.attributes), p.startTimeUnixNano, p.timeUnixNano, p.flags, value(p), exemplars(p.exemplars)), metric.gauge.dataPoints) AS gauge,
  arrayMap(p -> (texts(p.attributes), p.startTimeUnixNano, p.timeUnixNano, p.flags, value(p), exemplars(p.exemplars)), metric.sum.dataPoints) AS sum,
  arrayMap(p -> (texts(p.attributes), p.startTimeUnixNano, p.timeUnixNano, p.flags, p.count, toFloat64OrZero(p.sum), toFloat64OrZero(p.min), toFloat64OrZero(p.max), p.bucketCounts, arrayMap(d -> toFloat64OrZero(d), p.explicitBounds), exemplars(p.exemplars)), metric.histogram.dataPoints) AS histogram,
  arrayMap(p -> (texts(p.attributes), p.startTimeUnixNano, p.timeUnixNano, p.flags, p.count, toFloat64OrZero(p.sum), toFloat64OrZero(p.min), toFloat64OrZero(p.max), p.scale, p.zeroCount, p.positive.offset, p.positive.bucketCounts, p.negative.offset, p.negative.bucketCounts, exemplars(p.exemplars)), metric.exponentialHistogram.dataPoints) AS exponential,
  arrayMap(p -> (texts(p.attributes), p.startTimeUnixNano, p.timeUnixNano, p.flags, p.count, toFloat64OrZero(p.sum), arrayMap(d -> toFloat64OrZero(d), p.quantileValues.quantile), arrayMap(d -> toFloat64OrZero(d), p.quantileValues.value)), metric.summary.dataPoints) AS summary
FROM (
  SELECT
    resource, resource_schema_url, toValidUTF8(scoped.scope.name) AS scope_name, toValidUTF8(scoped.scope.version) AS scope_version,
    texts(scoped.scope.attributes) AS scope_attributes, scoped.scope.droppedAttributesCount AS scope_dropped,
    toValidUTF8(scoped.schemaUrl) AS scope_schema_url, arrayJoin(scoped.metrics) AS metric
  FROM (
    SELECT texts(sent.resource.attributes) AS resource, toValidUTF8(sent.schemaUrl) AS resource_schema_url, arrayJoin(sent.scopeMetrics) AS scoped FROM (
      SELECT arrayJoin(resourceMetrics) AS sent FROM otlp_metrics_json)));

-- One view for each kind of metric. Seconds beyond what DateTime can hold become its last one. A point with flag 1 has no
-- value, whatever is in it.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_gauge_mv TO otel_metrics_gauge AS
WITH (t -> toDateTime(least(intDiv(t, 1000000000), 4294967295))) AS instant
SELECT
  resource AS ResourceAttributes, resource_schema_url AS ResourceSchemaUrl, scope_name AS ScopeName, scope_version AS ScopeVersion,
  scope_attributes AS ScopeAttributes, scope_dropped AS ScopeDroppedAttrCount, scope_schema_url AS ScopeSchemaUrl,
  resource['service.name'] AS ServiceName, name AS MetricName, description AS MetricDescription, unit AS MetricUnit,
  p.attributes AS Attributes, instant(p.start_nano) AS StartTimeUnix, instant(p.nano) AS TimeUnix, p.flags AS Flags,
  if(bitTest(p.flags, 0), 0, p.value) AS Value,
  p.exemplars.attributes AS `Exemplars.FilteredAttributes`, arrayMap(t -> instant(t), p.exemplars.nano) AS `Exemplars.TimeUnix`,
  p.exemplars.value AS `Exemplars.Value`, p.exemplars.span_id AS `Exemplars.SpanId`, p.exemplars.trace_id AS `Exemplars.TraceId`
FROM (
  SELECT resource, resource_schema_url, scope_name, scope_version, scope_attributes, scope_dropped, scope_schema_url,
    name, description, unit, arrayJoin(gauge) AS p
  FROM otlp_metrics);

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_sum_mv TO otel_metrics_sum AS
WITH (t -> toDateTime(least(intDiv(t, 1000000000), 4294967295))) AS instant
SELECT
  resource AS ResourceAttributes, resource_schema_url AS ResourceSchemaUrl, scope_name AS ScopeName, scope_version AS ScopeVersion,
  scope_attributes AS ScopeAttributes, scope_dropped AS ScopeDroppedAttrCount, scope_schema_url AS ScopeSchemaUrl,
  resource['service.name'] AS ServiceName, name AS MetricName, description AS MetricDescription, unit AS MetricUnit,
  p.attributes AS Attributes, instant(p.start_nano) AS StartTimeUnix, instant(p.nano) AS TimeUnix, p.flags AS Flags,
  if(bitTest(p.flags, 0), 0, p.value) AS Value, temporality AS AggregationTemporality, monotonic AS IsMonotonic,
  p.exemplars.attributes AS `Exemplars.FilteredAttributes`, arrayMap(t -> instant(t), p.exemplars.nano) AS `Exemplars.TimeUnix`,
  p.exemplars.value AS `Exemplars.Value`, p.exemplars.span_id AS `Exemplars.SpanId`, p.exemplars.trace_id AS `Exemplars.TraceId`
FROM (
  SELECT resource, resource_schema_url, scope_name, scope_version, scope_attributes, scope_dropped, scope_schema_url,
    name, description, unit, temporality, monotonic, arrayJoin(sum) AS p
  FROM otlp_metrics);

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_histogram_mv TO otel_metrics_histogram AS
WITH (t -> toDateTime(least(intDiv(t, 1000000000), 4294967295))) AS instant
SELECT
  resource AS ResourceAttributes, resource_schema_url AS ResourceSchemaUrl, scope_name AS ScopeName, scope_version AS ScopeVersion,
  scope_attributes AS ScopeAttributes, scope_dropped AS ScopeDroppedAttrCount, scope_schema_url AS ScopeSchemaUrl,
  resource['service.name'] AS ServiceName, name AS MetricName, description AS MetricDescription, unit AS MetricUnit,
  p.attributes AS Attributes, instant(p.start_nano) AS StartTimeUnix, instant(p.nano) AS TimeUnix, p.flags AS Flags,
  p.count AS Count, p.sum AS Sum, p.min AS Min, p.max AS Max, temporality AS AggregationTemporality,
  p.bucket_counts AS BucketCounts, p.bounds AS ExplicitBounds,
  p.exemplars.attributes AS `Exemplars.FilteredAttributes`, arrayMap(t -> instant(t), p.exemplars.nano) AS `Exemplars.TimeUnix`,
  p.exemplars.value AS `Exemplars.Value`, p.exemplars.span_id AS `Exemplars.SpanId`, p.exemplars.trace_id AS `Exemplars.TraceId`
FROM (
  SELECT resource, resource_schema_url, scope_name, scope_version, scope_attributes, scope_dropped, scope_schema_url,
    name, description, unit, temporality, arrayJoin(histogram) AS p
  FROM otlp_metrics);

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_exponential_histogram_mv TO otel_metrics_exponential_histogram AS
WITH (t -> toDateTime(least(intDiv(t, 1000000000), 4294967295))) AS instant
SELECT
  resource AS ResourceAttributes, resource_schema_url AS ResourceSchemaUrl, scope_name AS ScopeName, scope_version AS ScopeVersion,
  scope_attributes AS ScopeAttributes, scope_dropped AS ScopeDroppedAttrCount, scope_schema_url AS ScopeSchemaUrl,
  resource['service.name'] AS ServiceName, name AS MetricName, description AS MetricDescription, unit AS MetricUnit,
  p.attributes AS Attributes, instant(p.start_nano) AS StartTimeUnix, instant(p.nano) AS TimeUnix, p.flags AS Flags,
  p.count AS Count, p.sum AS Sum, p.min AS Min, p.max AS Max, temporality AS AggregationTemporality,
  p.scale AS Scale, p.zero_count AS ZeroCount, p.positive_offset AS PositiveOffset, p.positive_counts AS PositiveBucketCounts,
  p.negative_offset AS NegativeOffset, p.negative_counts AS NegativeBucketCounts,
  p.exemplars.attributes AS `Exemplars.FilteredAttributes`, arrayMap(t -> instant(t), p.exemplars.nano) AS `Exemplars.TimeUnix`,
  p.exemplars.value AS `Exemplars.Value`, p.exemplars.span_id AS `Exemplars.SpanId`, p.exemplars.trace_id AS `Exemplars.TraceId`
FROM (
  SELECT resource, resource_schema_url, scope_name, scope_version, scope_attributes, scope_dropped, scope_schema_url,
    name, description, unit, temporality, arrayJoin(exponential) AS p
  FROM otlp_metrics);

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_summary_mv TO otel_metrics_summary AS
WITH (t -> toDateTime(least(intDiv(t, 1000000000), 4294967295))) AS instant
SELECT
  resource AS ResourceAttributes, resource_schema_url AS ResourceSchemaUrl, scope_name AS ScopeName, scope_version AS ScopeVersion,
  scope_attributes AS ScopeAttributes, scope_dropped AS ScopeDroppedAttrCount, scope_schema_url AS ScopeSchemaUrl,
  resource['service.name'] AS ServiceName, name AS MetricName, description AS MetricDescription, unit AS MetricUnit,
  p.attributes AS Attributes, instant(p.start_nano) AS StartTimeUnix, instant(p.nano) AS TimeUnix, p.flags AS Flags,
  p.count AS Count, p.sum AS Sum, p.quantiles AS `ValueAtQuantiles.Quantile`, p.quantile_values AS `ValueAtQuantiles.Value`
FROM (
  SELECT resource, resource_schema_url, scope_name, scope_version, scope_attributes, scope_dropped, scope_schema_url,
    name, description, unit, arrayJoin(summary) AS p
  FROM otlp_metrics);
