-- Finished cycles of a time range, one row each, in the order asked for; `place` is where a row stands in it.
-- Index: the primary key (CycleName, EndTime) and the month partitions of root_spans, through the view `cycles`.
WITH multiIf(
  {sort:String} = 'slowest', -toInt64(Duration),
  {sort:String} = 'fastest', toInt64(Duration),
  {sort:String} = 'oldest', toUnixTimestamp64Nano(EndTime),
  -toUnixTimestamp64Nano(EndTime)) AS place
SELECT
  place, CycleName AS cycle, TraceId AS traceId,
  toFloat64(toUnixTimestamp64Milli(Timestamp)) AS startedAt, toFloat64(toUnixTimestamp64Milli(EndTime)) AS endedAt,
  Duration / 1e6 AS durationMs, Bucket AS bucket, Outcome AS outcome,
  ServiceName AS service, ServiceVersion AS version, StatusMessage AS message, Attributes AS attributes
FROM cycles
WHERE EndTime >= fromUnixTimestamp64Milli({from:Int64}) AND EndTime < fromUnixTimestamp64Milli({to:Int64})
  AND ({name:String} = '' OR CycleName = {name:String})
  AND (empty({buckets:Array(String)}) OR Bucket IN {buckets:Array(String)})
  AND (empty({outcomes:Array(String)}) OR Outcome IN {outcomes:Array(String)})
  AND Duration / 1e6 > {slowerThan:Float64}
  AND (empty({keys:Array(String)}) OR arrayAll((k, v) -> if(mapContains(Attributes, k), Attributes[k], ResourceAttributes[k]) = v, {keys:Array(String)}, {values:Array(String)}))
  AND (empty({afterTrace:String}) OR (place, TraceId) > ({afterPlace:Int64}, {afterTrace:String}))
ORDER BY place, TraceId
LIMIT {limit:UInt32}
