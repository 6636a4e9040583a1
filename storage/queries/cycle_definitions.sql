-- The definitions in force; a handful of rows.
SELECT CycleName AS name, MatchService AS service, MatchSpan AS span, FastMs AS fastMs, NormalMs AS normalMs, SlowMs AS slowMs
FROM cycle_definitions FINAL
WHERE NOT Deleted
ORDER BY name
