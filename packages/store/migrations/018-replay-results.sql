-- Large results of runs are blobs: lists carry none, and one is fetched by itself.
alter table experiment add column result_blob text;
alter table experiment add column result_bytes bigint;
