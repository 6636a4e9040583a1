-- The names of all cycles ever seen.
-- Index: none; reads the low-cardinality CycleName column alone.
SELECT DISTINCT CycleName AS name FROM named_roots ORDER BY name
