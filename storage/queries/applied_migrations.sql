-- A handful of rows; no index needed.
SELECT DISTINCT Version AS version FROM schema_migrations
