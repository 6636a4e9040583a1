-- What was measured next to a cycle: data points of its service, and of no other host or process, in its time; one row per metric
-- and attributes. A series without a point in that time has those of `padding` milliseconds around it instead.
-- What a counter or distribution grew by is summed over its streams: from one process, since one start. A stream that began
-- within that time grew from 0; of another one, two points are needed. Temporality: 1 is delta, all else cumulative.
-- Index: the day partitions and the primary key (ServiceName, …) of the tables, and their idx_time_minmax.
WITH
  toDateTime(intDiv({from:Int64}, 1000)) AS first_second,
  toDateTime(least(intDiv({to:Int64}, 1000), 4294967295)) AS last_second,
  toDateTime(greatest(0, intDiv({from:Int64} - {padding:Int64}, 1000))) AS earliest,
  toDateTime(least(intDiv({to:Int64} + {padding:Int64}, 1000), 4294967295)) AS latest,
  ((delta, first, last, total) -> multiIf(delta, total, began >= first_second, last, seen > 1 AND last >= first, last - first, NULL)) AS growth
SELECT
  kind, name, unit, attributes, during, toFloat64(sum(seen)) AS points,
  min(least_value) AS lowest, sum(total) / points AS mean, max(greatest_value) AS highest, argMax(last_value, ended) AS last,
  sum(if(grows, growth(is_delta, first_value, last_value, total), NULL)) AS grown,
  sum(if(grows, growth(is_delta, first_count, last_count, total_count), NULL)) AS counted
FROM (
  SELECT
    kind, name, unit, attributes, during, began, grows, is_delta, count() AS seen, max(TimeUnix) AS ended,
    min(value) AS least_value, max(value) AS greatest_value, sum(value) AS total, argMin(value, TimeUnix) AS first_value, argMax(value, TimeUnix) AS last_value,
    sum(number) AS total_count, argMin(number, TimeUnix) AS first_count, argMax(number, TimeUnix) AS last_count
  FROM (
    SELECT *, TimeUnix BETWEEN first_second AND last_second AS inside, max(inside) OVER (PARTITION BY kind, name, unit, attributes) AS during
    FROM (
      SELECT
        kind, MetricName AS name, MetricUnit AS unit, mapSort(Attributes) AS attributes, TimeUnix, StartTimeUnix AS began,
        cityHash64(ResourceAttributes) AS process, value, number, grows, is_delta
      FROM (
        SELECT 'gauge' AS kind, ServiceName, MetricName, MetricUnit, Attributes, ResourceAttributes, StartTimeUnix, TimeUnix, Flags,
          Value AS value, 0. AS number, false AS grows, false AS is_delta FROM otel_metrics_gauge
        UNION ALL
        SELECT 'sum' AS kind, ServiceName, MetricName, MetricUnit, Attributes, ResourceAttributes, StartTimeUnix, TimeUnix, Flags,
          Value AS value, 0. AS number, IsMonotonic AS grows, AggregationTemporality = 1 AS is_delta FROM otel_metrics_sum
        UNION ALL
        SELECT 'histogram' AS kind, ServiceName, MetricName, MetricUnit, Attributes, ResourceAttributes, StartTimeUnix, TimeUnix, Flags,
          Sum AS value, toFloat64(Count) AS number, true AS grows, AggregationTemporality = 1 AS is_delta FROM otel_metrics_histogram
        UNION ALL
        SELECT 'exponential_histogram' AS kind, ServiceName, MetricName, MetricUnit, Attributes, ResourceAttributes, StartTimeUnix, TimeUnix, Flags,
          Sum AS value, toFloat64(Count) AS number, true AS grows, AggregationTemporality = 1 AS is_delta FROM otel_metrics_exponential_histogram
        UNION ALL
        SELECT 'summary' AS kind, ServiceName, MetricName, MetricUnit, Attributes, ResourceAttributes, StartTimeUnix, TimeUnix, Flags,
          Sum AS value, toFloat64(Count) AS number, true AS grows, false AS is_delta FROM otel_metrics_summary
      )
      WHERE ServiceName = {service:String} AND ServiceName != '' AND TimeUnix >= earliest AND TimeUnix <= latest
        AND NOT bitTest(Flags, 0) AND isFinite(value)
        AND arrayAll((k, v) -> NOT mapContains(ResourceAttributes, k) OR ResourceAttributes[k] = v, {keys:Array(String)}, {values:Array(String)})
    )
  )
  WHERE inside = during
  GROUP BY kind, name, unit, attributes, during, process, began, grows, is_delta
)
GROUP BY kind, name, unit, attributes, during
ORDER BY name, attributes, kind, unit
LIMIT {limit:UInt32}
