-- Percentiles, buckets and outcomes of cycles: one row per cycle name, group and window that has any.
-- Index: the primary key (CycleName, EndTime) and the month partitions of root_spans, through the view `cycles`.
-- Windows count back from `to`: the last ends there, each one before it a step earlier; all are `length` long.
WITH
  {to:Int64} * 1000000 - toUnixTimestamp64Nano(EndTime) AS age,
  {length:Int64} * 1000000 AS length_nano,
  {step:Int64} * 1000000 AS step_nano
SELECT
  CycleName AS cycle,
  if({by:String} = '', '', if({by:String} = 'service.name', toString(ServiceName), if({by:String} = 'service.version', toString(ServiceVersion),
    if(mapContains(Attributes, {by:String}), Attributes[{by:String}], ResourceAttributes[{by:String}])))) AS `group`,
  toUInt32({windows:UInt32} - 1 - arrayJoin(range(
    toUInt32(if(age > length_nano, intDiv(age - length_nano - 1, step_nano) + 1, 0)),
    toUInt32(least({windows:UInt32}, intDiv(age - 1, step_nano) + 1))))) AS window,
  toFloat64(count()) AS total,
  quantilesExactInclusive(0.5, 0.95, 0.99)(Duration / 1e6) AS quantiles,
  min(Duration) / 1e6 AS lowest,
  max(Duration) / 1e6 AS highest,
  avg(Duration) / 1e6 AS mean,
  arrayMap(n -> toFloat64(n), [countIf(Bucket = 'fast'), countIf(Bucket = 'normal'), countIf(Bucket = 'slow'), countIf(Bucket = 'very_slow')]) AS buckets,
  arrayMap(n -> toFloat64(n), [countIf(Outcome = 'ok'), countIf(Outcome = 'partial'), countIf(Outcome = 'failed'), countIf(Outcome = 'timeout')]) AS outcomes
FROM cycles
WHERE EndTime >= fromUnixTimestamp64Milli({to:Int64} - {length:Int64} - ({windows:UInt32} - 1) * {step:Int64})
  AND EndTime < fromUnixTimestamp64Milli({to:Int64})
  AND ({name:String} = '' OR CycleName = {name:String})
  AND (empty({keys:Array(String)}) OR arrayAll((k, v) -> if(mapContains(Attributes, k), Attributes[k], ResourceAttributes[k]) = v, {keys:Array(String)}, {values:Array(String)}))
GROUP BY cycle, `group`, window
ORDER BY cycle, `group`, window
LIMIT {limit:UInt32}
