-- In a masked trial a code stands for the arm outside of this schema; null where a draw was told openly.
ALTER TABLE allocation ADD COLUMN treatment_code text;
CREATE UNIQUE INDEX allocation_treatment_code ON allocation (trial, treatment_code);
