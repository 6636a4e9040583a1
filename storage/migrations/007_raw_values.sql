-- The views of 002 in a form that costs half: attribute values stay the bytes of their AnyValue while protobuf is read, and
-- become text afterwards; what is no UTF-8 is looked for once a span, not once a value. ClickHouse analyses the SELECT of a
-- view anew with every insert, and repeats a lambda wherever it is used: few and short ones, arguments that are columns.

DROP VIEW IF EXISTS otlp_traces_protobuf_mv;
DROP VIEW IF EXISTS otlp_traces_json_mv;
DROP VIEW IF EXISTS otlp_spans_mv;
DROP TABLE IF EXISTS otlp_spans;

-- The schema that inserts come with calls its only field so; `resource_spans` stays empty from now on.
ALTER TABLE otlp_traces_protobuf ADD COLUMN IF NOT EXISTS raw_spans Array(Tuple(
  resource Tuple(attributes Map(String, String)),
  scope_spans Array(Tuple(
    scope Tuple(name String, version String),
    spans Array(Tuple(
      trace_id String, span_id String, trace_state String, parent_span_id String, name String, kind Int32,
      start_time_unix_nano UInt64, end_time_unix_nano UInt64, attributes Map(String, String),
      events Array(Tuple(time_unix_nano UInt64, name String, attributes Map(String, String))),
      links Array(Tuple(trace_id String, span_id String, trace_state String, attributes Map(String, String))),
      status Tuple(message String, code Int32)))))));

-- Both encodings meet here: ids as lower-case hex, attributes as text, everything else as it was sent. What spans share is
-- ready already: before it is repeated for each of them it costs nothing.
CREATE TABLE IF NOT EXISTS otlp_spans (
  resource Map(LowCardinality(String), String), scope_name String, scope_version String,
  trace_id String, span_id String, trace_state String, parent_span_id String, name String, kind Int32,
  start_nano UInt64, end_nano UInt64, attributes Map(String, String),
  event_nanos Array(UInt64), event_names Array(String), event_attributes Array(Map(String, String)),
  link_trace_ids Array(String), link_span_ids Array(String), link_states Array(String),
  link_attributes Array(Map(String, String)),
  status_code Int32, status_message String
) ENGINE = Null;

-- An AnyValue is the tag of its member (10 string, 16 bool, 24 int, 33 double, 58 bytes) and its content. Nearly all are
-- strings of one byte of length: the first two bytes, as a number, say so. The state of `count` is a varint, so it reads one.
-- Numbers are written as the exporter writes them: 1e21 as 1e+21, no nan, inf or -0.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_traces_protobuf_mv TO otlp_spans AS
WITH
  (v -> bitAnd(bitNot(reinterpretAsUInt64(substring(v, 2, 8))), 0x8080808080808080)) AS ends,
  (v -> substring(v, 2 + intDiv(bitCount(bitXor(ends(v), ends(v) - 1)), 8))) AS content,
  (v -> multiIf(
    reinterpretAsUInt16(v) = length(v) * 256 - 502, substring(v, 3),
    ascii(v) = 24, toString(reinterpretAsInt64(finalizeAggregation(CAST(substring(v, 2) AS AggregateFunction(count))))),
    ascii(v) = 10, content(v),
    ascii(v) = 33, transform(replaceOne(replaceOne(toString(reinterpretAsFloat64(substring(v, 2))), 'e', 'e+'), 'e+-', 'e-'), ['nan', 'inf', '-inf', '-0'], ['NaN', 'Infinity', '-Infinity', '0']),
    ascii(v) = 16, if(bitTest(ascii(substring(v, 2)), 0), 'true', 'false'),
    ascii(v) = 58, base64Encode(content(v)),
    '')) AS text,
  (m -> mapFromArrays(mapKeys(m), arrayMap(v -> text(v), mapValues(m)))) AS texts
SELECT
  resource, scope_name, scope_version,
  lower(hex(span.trace_id)) AS trace_id, lower(hex(span.span_id)) AS span_id, span.trace_state AS trace_state,
  lower(hex(span.parent_span_id)) AS parent_span_id, span.name AS name, span.kind AS kind,
  span.start_time_unix_nano AS start_nano, span.end_time_unix_nano AS end_nano, texts(span.attributes) AS attributes,
  span.events.time_unix_nano AS event_nanos, span.events.name AS event_names, arrayMap(m -> texts(m), span.events.attributes) AS event_attributes,
  arrayMap(i -> lower(hex(i)), span.links.trace_id) AS link_trace_ids, arrayMap(i -> lower(hex(i)), span.links.span_id) AS link_span_ids,
  span.links.trace_state AS link_states, arrayMap(m -> texts(m), span.links.attributes) AS link_attributes,
  span.status.code AS status_code, span.status.message AS status_message
FROM (
  SELECT resource, scope_name, scope_version, arrayJoin(spans) AS span FROM (
    SELECT
      CAST(mapFromArrays(arrayMap(k -> toValidUTF8(k), mapKeys(sent_resource)), arrayMap(v -> toValidUTF8(v), mapValues(sent_resource))) AS Map(LowCardinality(String), String)) AS resource,
      toValidUTF8(scoped.scope.name) AS scope_name, toValidUTF8(scoped.scope.version) AS scope_version, scoped.spans AS spans
    FROM (
      SELECT texts(sent.resource.attributes) AS sent_resource, arrayJoin(sent.scope_spans) AS scoped FROM (
        SELECT arrayJoin(raw_spans) AS sent FROM otlp_traces_protobuf))));

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_traces_json_mv TO otlp_spans AS
WITH
  (s -> transform(replaceOne(replaceOne(toString(toFloat64OrZero(assumeNotNull(s))), 'e', 'e+'), 'e+-', 'e-'), ['nan', 'inf', '-inf', '-0'], ['NaN', 'Infinity', '-Infinity', '0'])) AS number,
  (v -> multiIf(
    v.stringValue IS NOT NULL, assumeNotNull(v.stringValue),
    v.intValue IS NOT NULL, if(toInt128OrNull(v.intValue) IS NULL, number(v.intValue), assumeNotNull(v.intValue)),
    v.doubleValue IS NOT NULL, number(v.doubleValue),
    v.boolValue IS NOT NULL, if(assumeNotNull(v.boolValue), 'true', 'false'),
    ifNull(v.bytesValue, ''))) AS text,
  (a -> mapFromArrays(a.key, arrayMap(v -> text(v), a.value))) AS texts
SELECT
  resource, scope_name, scope_version,
  lower(span.traceId) AS trace_id, lower(span.spanId) AS span_id, span.traceState AS trace_state,
  lower(span.parentSpanId) AS parent_span_id, span.name AS name, span.kind AS kind,
  span.startTimeUnixNano AS start_nano, span.endTimeUnixNano AS end_nano, texts(span.attributes) AS attributes,
  span.events.timeUnixNano AS event_nanos, span.events.name AS event_names, arrayMap(a -> texts(a), span.events.attributes) AS event_attributes,
  arrayMap(i -> lower(i), span.links.traceId) AS link_trace_ids, arrayMap(i -> lower(i), span.links.spanId) AS link_span_ids,
  span.links.traceState AS link_states, arrayMap(a -> texts(a), span.links.attributes) AS link_attributes,
  span.status.code AS status_code, span.status.message AS status_message
FROM (
  SELECT resource, scope_name, scope_version, arrayJoin(spans) AS span FROM (
    SELECT
      CAST(mapFromArrays(arrayMap(k -> toValidUTF8(k), mapKeys(sent_resource)), arrayMap(v -> toValidUTF8(v), mapValues(sent_resource))) AS Map(LowCardinality(String), String)) AS resource,
      toValidUTF8(scoped.scope.name) AS scope_name, toValidUTF8(scoped.scope.version) AS scope_version, scoped.spans AS spans
    FROM (
      SELECT texts(sent.resource.attributes) AS sent_resource, arrayJoin(sent.scopeSpans) AS scoped FROM (
        SELECT arrayJoin(resourceSpans) AS sent FROM otlp_traces_json))));

-- A span without valid ids is no span (the gateway counts it as rejected). Times beyond what DateTime64(9) can hold
-- become its last instant, and an end before the start a duration of 0. What is no UTF-8 is shown as U+FFFD.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_spans_mv TO otel_traces AS
WITH
  (m -> CAST(if(
    bitAnd(isValidUTF8(arrayStringConcat(mapKeys(m), '\n')), isValidUTF8(arrayStringConcat(mapValues(m), '\n'))), m,
    mapFromArrays(arrayMap(k -> toValidUTF8(k), mapKeys(m)), arrayMap(v -> toValidUTF8(v), mapValues(m)))) AS Map(LowCardinality(String), String))) AS valid,
  (t -> fromUnixTimestamp64Nano(toInt64(least(t, 9223372036854775807)))) AS instant
SELECT
  instant(start_nano) AS Timestamp, trace_id AS TraceId, span_id AS SpanId,
  if(parent_span_id = repeat('0', 16), '', parent_span_id) AS ParentSpanId,
  toValidUTF8(trace_state) AS TraceState, toValidUTF8(name) AS SpanName,
  transform(kind, [0, 1, 2, 3, 4, 5], ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'], '') AS SpanKind,
  resource['service.name'] AS ServiceName, resource AS ResourceAttributes,
  scope_name AS ScopeName, scope_version AS ScopeVersion, valid(attributes) AS SpanAttributes,
  if(end_nano > start_nano, end_nano - start_nano, 0) AS Duration,
  transform(status_code, [0, 1, 2], ['Unset', 'Ok', 'Error'], '') AS StatusCode, toValidUTF8(status_message) AS StatusMessage,
  arrayMap(t -> instant(t), event_nanos) AS `Events.Timestamp`, arrayMap(n -> toValidUTF8(n), event_names) AS `Events.Name`,
  arrayMap(m -> valid(m), event_attributes) AS `Events.Attributes`,
  link_trace_ids AS `Links.TraceId`, link_span_ids AS `Links.SpanId`,
  link_states AS `Links.TraceState`, arrayMap(m -> valid(m), link_attributes) AS `Links.Attributes`
FROM otlp_spans
WHERE match(trace_id, '^[0-9a-f]{32}$') AND match(span_id, '^[0-9a-f]{16}$') AND trace_id != repeat('0', 32) AND span_id != repeat('0', 16);

-- Merging costs more than inserting: rarely and many parts at once, and no file per column for what is about to be merged.
ALTER TABLE otel_traces MODIFY SETTING merge_selector_base = 20, min_level_for_wide_part = 1;
ALTER TABLE child_spans MODIFY SETTING merge_selector_base = 20, min_level_for_wide_part = 1;
