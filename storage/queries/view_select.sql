-- The SELECT of a materialized view, as ClickHouse keeps it. Index: none; metadata.
SELECT as_select AS select
FROM system.tables
WHERE database = currentDatabase() AND name = {view:String}
