-- What happens when the platform's time passes: `kind` names the handler, `id` what it is about.
CREATE TABLE timer (
    kind      text NOT NULL,
    id        text NOT NULL,
    due       timestamptz NOT NULL,          -- by the platform's clock
    not_until timestamptz,                   -- by the wall's: a handler failed on it
    PRIMARY KEY (kind, id)
);
CREATE INDEX timer_due ON timer (due, kind, id);

DO $$
BEGIN
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON timer TO %I',
                   'trialops_' || current_schema());
END $$;
