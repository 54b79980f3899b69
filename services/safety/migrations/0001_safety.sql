-- What safety remembers: subjects as events tell of them, what people reported, and how each case
-- stands. What is granted as INSERT alone cannot be changed by the owner either (see kept_for_ever).

-- One row a subject, locked while anything about the subject is decided.
CREATE TABLE subject (
    trial    text    NOT NULL,
    subject  text    NOT NULL,
    named    boolean NOT NULL DEFAULT false,  -- by an event: until then its reports are unmatched
    arm      text,                            -- null: not randomized yet, or a masked trial
    regimen  text,                            -- by its newest screening
    attempt  integer NOT NULL DEFAULT 0,
    revision integer NOT NULL DEFAULT 0,
    PRIMARY KEY (trial, subject)
);

-- Each case as it stands; what it is made of is in `fact`.
CREATE TABLE adverse_event (
    id          uuid        PRIMARY KEY,
    trial       text        NOT NULL,
    subject     text        NOT NULL,
    site        text        NOT NULL,
    version     integer     NOT NULL CHECK (version >= 1),  -- the newest
    matched     boolean     NOT NULL,
    term        text        NOT NULL,
    onset_date  text,
    grade       integer,
    severity    text,
    serious     boolean     NOT NULL,
    seriousness text[]      NOT NULL,
    susar       boolean     NOT NULL,
    outcome     text,
    reported_at timestamptz NOT NULL,
    told_until  timestamptz NOT NULL,  -- what was due up to here has been told
    FOREIGN KEY (trial, subject) REFERENCES subject
);
CREATE INDEX adverse_event_of_trial ON adverse_event (trial, id);
CREATE INDEX adverse_event_of_subject ON adverse_event (trial, subject, id);

-- What was reported, judged, sent and learned of a case, in its order; nothing here is ever changed.
CREATE TABLE fact (
    adverse_event uuid        NOT NULL REFERENCES adverse_event,
    nth           integer     NOT NULL CHECK (nth >= 1),
    kind          text        NOT NULL CHECK (
        kind IN ('known', 'version', 'assessment', 'submission')),
    body          text        NOT NULL,  -- JSON
    person        text,                  -- null: learned from events
    at            timestamptz NOT NULL,
    PRIMARY KEY (adverse_event, nth)
);

-- Each reporting clock as it stands; whether an open one runs or is overdue, the time of day tells.
CREATE TABLE clock (
    id            text        NOT NULL,  -- as the events name it
    adverse_event uuid        NOT NULL REFERENCES adverse_event,
    nth           integer     NOT NULL CHECK (nth >= 1),
    trial         text        NOT NULL,
    subject       text        NOT NULL,
    site          text        NOT NULL,
    kind          text        NOT NULL CHECK (
        kind IN ('site_to_sponsor', 'expedited_7', 'follow_up_8', 'expedited_15')),
    authority     text,
    day_zero      date        NOT NULL,
    due           timestamptz NOT NULL,
    version       integer     NOT NULL,  -- of the facts that it counts from, which the sponsor had
    since         timestamptz NOT NULL,  -- at this time
    told          text[]      NOT NULL,  -- what was said of it while time ran
    stopped_at    timestamptz,
    cancelled_at  timestamptz,
    PRIMARY KEY (adverse_event, nth)
);
CREATE INDEX clock_of_trial ON clock (trial, adverse_event, nth);

CREATE TABLE survival (
    id      uuid        PRIMARY KEY,
    trial   text        NOT NULL,
    subject text        NOT NULL,
    status  text        NOT NULL CHECK (status IN ('alive', 'dead')),
    date    date        NOT NULL,
    cause   text,
    person  text        NOT NULL,
    at      timestamptz NOT NULL,
    FOREIGN KEY (trial, subject) REFERENCES subject
);
CREATE INDEX survival_of_subject ON survival (trial, subject, id);

CREATE TABLE withdrawal (
    id             uuid        PRIMARY KEY,
    trial          text        NOT NULL,
    subject        text        NOT NULL,
    withdrawn_from text        NOT NULL CHECK (withdrawn_from IN ('consent', 'treatment')),
    date           date        NOT NULL,
    reason         text        NOT NULL,
    person         text        NOT NULL,
    at             timestamptz NOT NULL,
    UNIQUE (trial, subject, withdrawn_from),
    FOREIGN KEY (trial, subject) REFERENCES subject
);

CREATE FUNCTION kept_for_ever() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is kept for ever: no % here', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON fact
    FOR EACH STATEMENT EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON survival
    FOR EACH STATEMENT EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON withdrawal
    FOR EACH STATEMENT EXECUTE FUNCTION kept_for_ever();

GRANT SELECT, INSERT ON subject, adverse_event, fact, clock, survival, withdrawal
    TO trialops_safety;
GRANT UPDATE (named, arm, regimen, attempt, revision) ON subject TO trialops_safety;
GRANT UPDATE (version, matched, term, onset_date, grade, severity, serious, seriousness, susar,
              outcome, told_until) ON adverse_event TO trialops_safety;
GRANT UPDATE (told, stopped_at, cancelled_at) ON clock TO trialops_safety;
