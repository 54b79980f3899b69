-- Why a subject left before the draw, as a code: the screening log counts by it.
ALTER TABLE screening
    ADD COLUMN refusal text,  -- the randomizer's reason, while `refused`; null: told before it was kept
    ADD COLUMN failure text;  -- of a screen failure, in CDISC's words (C66727); null: the site gave none
GRANT UPDATE (refusal, failure) ON screening TO trialops_screening;
