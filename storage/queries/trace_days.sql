-- The days of which otel_traces has spans, newest first. Index: none; the partitions are listed from metadata.
SELECT DISTINCT partition AS day
FROM system.parts
WHERE active AND database = currentDatabase() AND table = 'otel_traces'
ORDER BY day DESC
