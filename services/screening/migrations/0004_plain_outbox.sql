-- A submission's whole fact is 2 KB and stays until the broker has it: not worth compressing.
ALTER TABLE outbox SET (toast_tuple_target = 8160);
