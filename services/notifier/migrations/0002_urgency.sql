-- To an address the most urgent goes first: 0 critical, 1 high, 2 info. The default is for a process
-- of the version before, which may still write while this one starts.
ALTER TABLE delivery ADD COLUMN urgency smallint NOT NULL DEFAULT 1 CHECK (urgency BETWEEN 0 AND 2);
UPDATE delivery SET urgency = coalesce(
    (SELECT min(CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 ELSE 2 END)
     FROM alert WHERE alert.id = ANY(delivery.alerts)),
    1
) WHERE state = 'pending';
DROP INDEX delivery_pending;
CREATE INDEX delivery_pending ON delivery (target, urgency, number) WHERE state = 'pending';

-- The addresses to which somebody is sending just now, without a walk over all that waits for them.
CREATE INDEX delivery_leased ON delivery (lease_until, target) WHERE state = 'pending';

-- What is told of a subject.
CREATE INDEX alert_subject ON alert (trial, subject) WHERE subject IS NOT NULL;

GRANT UPDATE (urgency) ON delivery TO trialops_notifier;
