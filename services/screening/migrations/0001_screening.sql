-- What screening remembers: subjects, their attempts as they stand, every revision as it was.

-- One row a subject, locked while anything about the subject is decided.
CREATE TABLE subject (
    trial      text    NOT NULL,
    subject    text    NOT NULL,
    randomized boolean NOT NULL DEFAULT false,  -- the randomizer said so
    PRIMARY KEY (trial, subject)
);

CREATE TABLE screening (
    id       uuid    PRIMARY KEY,
    trial    text    NOT NULL,
    subject  text    NOT NULL,
    site     text    NOT NULL,
    attempt  integer NOT NULL CHECK (attempt >= 1),
    revision integer NOT NULL CHECK (revision >= 1),  -- the newest
    verdict  text    NOT NULL CHECK (verdict IN ('eligible', 'ineligible', 'incomplete')),
    stratum  text,
    signed   boolean NOT NULL DEFAULT false,          -- the newest revision
    failed   boolean NOT NULL DEFAULT false,
    refused  boolean NOT NULL DEFAULT false,
    UNIQUE (trial, subject, attempt),
    FOREIGN KEY (trial, subject) REFERENCES subject
);
CREATE INDEX screening_of_site ON screening (trial, site, id);

-- Each revision with its form and its verdict; nothing here is ever changed.
CREATE TABLE revision (
    screening        uuid    NOT NULL REFERENCES screening,
    revision         integer NOT NULL CHECK (revision >= 1),
    form             text    NOT NULL,  -- JSON, numbers as written
    form_sha256      text    NOT NULL,
    criteria         text    NOT NULL,  -- JSON: every criterion with its evidence
    unmet            text[]  NOT NULL,
    unknown          text[]  NOT NULL,
    missing          text[]  NOT NULL,  -- the fields that would settle an incomplete verdict
    carry            text    NOT NULL,  -- JSON
    protocol_version text    NOT NULL,
    person           text    NOT NULL,
    reason           text,              -- of a correction
    at               timestamptz NOT NULL,
    PRIMARY KEY (screening, revision)
);

-- Who signed which revision, and what the signature means.
CREATE TABLE signature (
    screening uuid    NOT NULL,
    revision  integer NOT NULL,
    person    text    NOT NULL,
    meaning   text    NOT NULL,
    at        timestamptz NOT NULL,
    PRIMARY KEY (screening, revision),
    FOREIGN KEY (screening, revision) REFERENCES revision
);

CREATE FUNCTION kept_for_ever() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is kept for ever: no % here', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON revision
    FOR EACH STATEMENT EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON signature
    FOR EACH STATEMENT EXECUTE FUNCTION kept_for_ever();

GRANT SELECT, INSERT ON subject, screening, revision, signature TO trialops_screening;
GRANT UPDATE (randomized) ON subject TO trialops_screening;
GRANT UPDATE (revision, verdict, stratum, signed, failed, refused) ON screening
    TO trialops_screening;
