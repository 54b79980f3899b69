-- Failed sign-ins are counted by the hash of an address, and of an address with the name given there.
-- They are swept by age at each failure.
CREATE INDEX sign_in_failure_since ON sign_in_failure (since);
