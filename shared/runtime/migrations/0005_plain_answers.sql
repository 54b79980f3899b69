-- First answers are kept as they are: compressing one cost more time than all else that keeps it.
ALTER TABLE idempotency ALTER COLUMN answer SET STORAGE EXTERNAL;
