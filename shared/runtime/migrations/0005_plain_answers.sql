-- First answers are kept as they are: compressing one costs more time than all else that keeps it.
ALTER TABLE idempotency ALTER COLUMN answer SET STORAGE EXTERNAL;
