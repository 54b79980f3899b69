-- To an address the most urgent goes first: 0 critical, 1 high, 2 info.
ALTER TABLE delivery ADD COLUMN urgency smallint NOT NULL DEFAULT 1 CHECK (urgency BETWEEN 0 AND 2);
ALTER TABLE delivery ALTER COLUMN urgency DROP DEFAULT;
DROP INDEX delivery_pending;
CREATE INDEX delivery_pending ON delivery (target, urgency, number) WHERE state = 'pending';

-- The addresses to which somebody is sending just now, without a walk over all that waits for them.
CREATE INDEX delivery_leased ON delivery (lease_until, target) WHERE state = 'pending';

-- What is told of a subject.
CREATE INDEX alert_subject ON alert (trial, subject) WHERE subject IS NOT NULL;

GRANT UPDATE (urgency) ON delivery TO trialops_notifier;
