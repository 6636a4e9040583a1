-- Cycles that run, one row each, in the order asked for; `place` is where a row stands in it. Who began first has run longest.
-- Index: the primary key (Timestamp) of cycle_starts and the month partitions of root_spans, through the view `running_cycles`.
WITH if({sort:String} IN ('oldest', 'slowest'), 1, -1) * toUnixTimestamp64Nano(Timestamp) AS place
SELECT
  place, CycleName AS cycle, TraceId AS traceId,
  toFloat64(toUnixTimestamp64Milli(Timestamp)) AS startedAt, NULL AS endedAt,
  toFloat64(greatest(0, {now:Int64} - toUnixTimestamp64Milli(Timestamp))) AS durationMs, NULL AS bucket, 'running' AS outcome,
  ServiceName AS service, ServiceVersion AS version, '' AS message, Attributes AS attributes
FROM running_cycles(since = {from:Int64})
WHERE Timestamp < fromUnixTimestamp64Milli({to:Int64})
  AND ({name:String} = '' OR CycleName = {name:String})
  AND (empty({keys:Array(String)}) OR arrayAll((k, v) -> if(mapContains(Attributes, k), Attributes[k], ResourceAttributes[k]) = v, {keys:Array(String)}, {values:Array(String)}))
  AND (empty({afterTrace:String}) OR (place, TraceId) > ({afterPlace:Int64}, {afterTrace:String}))
ORDER BY place, TraceId
LIMIT {limit:UInt32}
