-- OTLP bodies go into the two Null tables as they came; the views below turn them into rows of otel_traces.
-- The shape (nested subqueries, one arrayJoin each) is the fastest of those tried.

CREATE TABLE IF NOT EXISTS otlp_traces_protobuf (
  resource_spans Array(Tuple(
    resource Tuple(attributes Map(String, Tuple(string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String, value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7)))),
    scope_spans Array(Tuple(
      scope Tuple(name String, version String),
      spans Array(Tuple(
        trace_id String, span_id String, trace_state String, parent_span_id String, name String, kind Int32,
        start_time_unix_nano UInt64, end_time_unix_nano UInt64,
        attributes Map(String, Tuple(string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String, value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7))),
        events Array(Tuple(time_unix_nano UInt64, name String,
          attributes Map(String, Tuple(string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String, value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7))))),
        links Array(Tuple(trace_id String, span_id String, trace_state String,
          attributes Map(String, Tuple(string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String, value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7))))),
        status Tuple(message String, code Int32)))))))
) ENGINE = Null;

CREATE TABLE IF NOT EXISTS otlp_traces_json (
  resourceSpans Array(Tuple(
    resource Tuple(attributes Array(Tuple(key String, value Tuple(stringValue Nullable(String), boolValue Nullable(Bool), intValue Nullable(String), doubleValue Nullable(String), bytesValue Nullable(String))))),
    scopeSpans Array(Tuple(
      scope Tuple(name String, version String),
      spans Array(Tuple(
        traceId String, spanId String, traceState String, parentSpanId String, name String, kind Int32,
        startTimeUnixNano UInt64, endTimeUnixNano UInt64,
        attributes Array(Tuple(key String, value Tuple(stringValue Nullable(String), boolValue Nullable(Bool), intValue Nullable(String), doubleValue Nullable(String), bytesValue Nullable(String)))),
        events Array(Tuple(timeUnixNano UInt64, name String,
          attributes Array(Tuple(key String, value Tuple(stringValue Nullable(String), boolValue Nullable(Bool), intValue Nullable(String), doubleValue Nullable(String), bytesValue Nullable(String)))))),
        links Array(Tuple(traceId String, spanId String, traceState String,
          attributes Array(Tuple(key String, value Tuple(stringValue Nullable(String), boolValue Nullable(Bool), intValue Nullable(String), doubleValue Nullable(String), bytesValue Nullable(String)))))),
        status Tuple(message String, code Int32)))))))
) ENGINE = Null;

-- Both encodings meet here: ids as lower-case hex, attributes as text, everything else as it was sent.
CREATE TABLE IF NOT EXISTS otlp_spans (
  resource Map(LowCardinality(String), String), scope_name String, scope_version String,
  trace_id String, span_id String, trace_state String, parent_span_id String, name String, kind Int32,
  start_nano UInt64, end_nano UInt64, attributes Map(LowCardinality(String), String),
  event_nanos Array(UInt64), event_names Array(String), event_attributes Array(Map(LowCardinality(String), String)),
  link_trace_ids Array(String), link_span_ids Array(String), link_states Array(String),
  link_attributes Array(Map(LowCardinality(String), String)),
  status_code Int32, status_message String
) ENGINE = Null;

-- Numbers are written as the exporter writes them: 1e21 as 1e+21, no nan, inf or -0.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_traces_protobuf_mv TO otlp_spans AS
WITH
  (d -> multiIf(isNaN(d), 'NaN', d = inf, 'Infinity', d = -inf, '-Infinity', d = 0, '0', abs(d) >= 1e21, replaceOne(toString(d), 'e', 'e+'), toString(d))) AS number,
  (v -> multiIf(v.value = 'string_value', v.string_value, v.value = 'int_value', toString(v.int_value), v.value = 'double_value', number(v.double_value), v.value = 'bool_value', if(v.bool_value, 'true', 'false'), v.value = 'bytes_value', base64Encode(v.bytes_value), '')) AS text,
  (m -> mapFromArrays(mapKeys(m), arrayMap(v -> text(v), mapValues(m)))) AS texts
SELECT
  resource, scope.name AS scope_name, scope.version AS scope_version,
  lower(hex(span.trace_id)) AS trace_id, lower(hex(span.span_id)) AS span_id, span.trace_state AS trace_state,
  lower(hex(span.parent_span_id)) AS parent_span_id, span.name AS name, span.kind AS kind,
  span.start_time_unix_nano AS start_nano, span.end_time_unix_nano AS end_nano, texts(span.attributes) AS attributes,
  span.events.time_unix_nano AS event_nanos, span.events.name AS event_names, arrayMap(e -> texts(e.attributes), span.events) AS event_attributes,
  arrayMap(l -> lower(hex(l.trace_id)), span.links) AS link_trace_ids, arrayMap(l -> lower(hex(l.span_id)), span.links) AS link_span_ids,
  span.links.trace_state AS link_states, arrayMap(l -> texts(l.attributes), span.links) AS link_attributes,
  span.status.code AS status_code, span.status.message AS status_message
FROM (
  SELECT resource, scope, arrayJoin(spans) AS span FROM (
    SELECT resource, scoped.scope AS scope, scoped.spans AS spans FROM (
      SELECT texts(sent.resource.attributes) AS resource, arrayJoin(sent.scope_spans) AS scoped FROM (
        SELECT arrayJoin(resource_spans) AS sent FROM otlp_traces_protobuf))));

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_traces_json_mv TO otlp_spans AS
WITH
  (d -> multiIf(isNaN(d), 'NaN', d = inf, 'Infinity', d = -inf, '-Infinity', d = 0, '0', abs(d) >= 1e21, replaceOne(toString(d), 'e', 'e+'), toString(d))) AS number,
  (v -> multiIf(v.stringValue IS NOT NULL, assumeNotNull(v.stringValue), v.intValue IS NOT NULL, if(toInt128OrNull(v.intValue) IS NULL, number(toFloat64OrZero(assumeNotNull(v.intValue))), assumeNotNull(v.intValue)), v.doubleValue IS NOT NULL, number(toFloat64OrZero(assumeNotNull(v.doubleValue))), v.boolValue IS NOT NULL, if(assumeNotNull(v.boolValue), 'true', 'false'), assumeNotNull(coalesce(v.bytesValue, '')))) AS text,
  (a -> mapFromArrays(arrayMap(p -> p.key, a), arrayMap(p -> text(p.value), a))) AS texts
SELECT
  resource, scope.name AS scope_name, scope.version AS scope_version,
  lower(span.traceId) AS trace_id, lower(span.spanId) AS span_id, span.traceState AS trace_state,
  lower(span.parentSpanId) AS parent_span_id, span.name AS name, span.kind AS kind,
  span.startTimeUnixNano AS start_nano, span.endTimeUnixNano AS end_nano, texts(span.attributes) AS attributes,
  span.events.timeUnixNano AS event_nanos, span.events.name AS event_names, arrayMap(e -> texts(e.attributes), span.events) AS event_attributes,
  arrayMap(l -> lower(l.traceId), span.links) AS link_trace_ids, arrayMap(l -> lower(l.spanId), span.links) AS link_span_ids,
  span.links.traceState AS link_states, arrayMap(l -> texts(l.attributes), span.links) AS link_attributes,
  span.status.code AS status_code, span.status.message AS status_message
FROM (
  SELECT resource, scope, arrayJoin(spans) AS span FROM (
    SELECT resource, scoped.scope AS scope, scoped.spans AS spans FROM (
      SELECT texts(sent.resource.attributes) AS resource, arrayJoin(sent.scopeSpans) AS scoped FROM (
        SELECT arrayJoin(resourceSpans) AS sent FROM otlp_traces_json))));

-- A span without valid ids is no span (the gateway counts it as rejected). Times beyond what DateTime64(9) can hold
-- become its last instant, and an end before the start a duration of 0. What is no UTF-8 is shown as U+FFFD.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_spans_mv TO otel_traces AS
WITH
  (m -> mapFromArrays(arrayMap(k -> toValidUTF8(k), mapKeys(m)), arrayMap(v -> toValidUTF8(v), mapValues(m)))) AS valid,
  (t -> fromUnixTimestamp64Nano(toInt64(least(t, 9223372036854775807)))) AS instant
SELECT
  instant(start_nano) AS Timestamp, trace_id AS TraceId, span_id AS SpanId,
  if(parent_span_id = repeat('0', 16), '', parent_span_id) AS ParentSpanId,
  toValidUTF8(trace_state) AS TraceState, toValidUTF8(name) AS SpanName,
  transform(kind, [0, 1, 2, 3, 4, 5], ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'], '') AS SpanKind,
  ResourceAttributes['service.name'] AS ServiceName, valid(resource) AS ResourceAttributes,
  toValidUTF8(scope_name) AS ScopeName, toValidUTF8(scope_version) AS ScopeVersion, valid(attributes) AS SpanAttributes,
  if(end_nano > start_nano, end_nano - start_nano, 0) AS Duration,
  transform(status_code, [0, 1, 2], ['Unset', 'Ok', 'Error'], '') AS StatusCode, toValidUTF8(status_message) AS StatusMessage,
  arrayMap(t -> instant(t), event_nanos) AS `Events.Timestamp`, arrayMap(n -> toValidUTF8(n), event_names) AS `Events.Name`,
  arrayMap(m -> valid(m), event_attributes) AS `Events.Attributes`,
  link_trace_ids AS `Links.TraceId`, link_span_ids AS `Links.SpanId`,
  link_states AS `Links.TraceState`, arrayMap(m -> valid(m), link_attributes) AS `Links.Attributes`
FROM otlp_spans
WHERE match(trace_id, '^[0-9a-f]{32}$') AND match(span_id, '^[0-9a-f]{16}$') AND trace_id != repeat('0', 32) AND span_id != repeat('0', 16);
