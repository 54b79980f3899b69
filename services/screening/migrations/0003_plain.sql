-- Criteria are kept as they are: compressing them cost more time than all else that keeps a
-- screening. The form stays in its row.
ALTER TABLE revision ALTER COLUMN criteria SET STORAGE EXTERNAL;
ALTER TABLE revision SET (toast_tuple_target = 4096);
