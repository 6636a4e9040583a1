-- The names of all cycles ever seen, begun or defined.
-- Index: none; reads the low-cardinality CycleName columns alone.
SELECT DISTINCT CycleName AS name
FROM (SELECT toString(CycleName) AS CycleName FROM named_roots UNION ALL SELECT toString(CycleName) FROM cycle_starts UNION ALL SELECT CycleName FROM cycle_definitions FINAL WHERE NOT Deleted)
ORDER BY name
