-- The addresses to which somebody is sending just now, without a walk over all that waits for them.
CREATE INDEX delivery_leased ON delivery (lease_until, target) WHERE state = 'pending';
