-- No table is read.
SELECT version() AS version
