-- A topic that was made again gives out its places once more: a letter is its record, not its place.
ALTER TABLE dead_letter DROP CONSTRAINT dead_letter_topic_partition_offset_key;
CREATE UNIQUE INDEX dead_letter_record
    ON dead_letter (topic, "partition", "offset", hashtextextended(headers, 0), sha256(value))
    NULLS NOT DISTINCT;
