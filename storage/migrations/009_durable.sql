-- A segment of the spool is removed when its insert has been answered: by then the rows must outlast a power failure, too.
-- And tables that a Collector made do not know an insert that comes again.
ALTER TABLE otel_traces MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;
ALTER TABLE otel_traces_trace_id_ts MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;
ALTER TABLE root_spans MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;
ALTER TABLE child_spans MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;
ALTER TABLE otel_logs MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;
ALTER TABLE cycle_starts MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;
ALTER TABLE otel_metrics_gauge MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;
ALTER TABLE otel_metrics_sum MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;
ALTER TABLE otel_metrics_histogram MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;
ALTER TABLE otel_metrics_exponential_histogram MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;
ALTER TABLE otel_metrics_summary MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;
