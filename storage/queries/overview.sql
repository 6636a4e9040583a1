-- What is stored, for a health check; the bytes with those of merged parts that are deleted some minutes later.
-- Index: none; counts and sizes come from the parts' metadata.
SELECT
  version() AS version,
  toFloat64((SELECT sum(rows) FROM system.parts WHERE active AND database = currentDatabase() AND table = 'otel_traces')) AS spans,
  toFloat64((SELECT sum(bytes_on_disk) FROM system.parts WHERE database = currentDatabase())) AS bytes,
  toFloat64((SELECT count() FROM system.parts WHERE active AND database = currentDatabase())) AS parts,
  (SELECT max(toUnixTimestamp64Milli(EndTime)) FROM root_spans WHERE CycleName != '') AS lastCycleAt
