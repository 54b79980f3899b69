-- The messages that wait, oldest first, of whatever address and urgency.
CREATE INDEX delivery_oldest ON delivery (number) WHERE state = 'pending';
