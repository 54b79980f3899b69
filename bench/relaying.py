"""The relay's drain of a backlog, beside a producer that does nothing else."""

from dataclasses import dataclass

from bench.drawing import GROUP, rate
from bench.ground import Ground
from bench.topics import IN, OUT

ROWS = 20_000

_BACKLOG = f"""
INSERT INTO randomizer.outbox (topic, key, sequence, headers, value)
SELECT '{OUT}', 'BACKLOG:IT001-' || lpad(n::text, 6, '0'), 1,
       json_build_object(
           'ce_specversion', '1.0', 'ce_id', uuidv7(),
           'ce_source', '/trialops/randomizer', 'ce_type', 'trialops.PatientRandomized.v1',
           'ce_time', '2026-03-31T09:00:00Z', 'ce_subject', 'IT001-' || lpad(n::text, 6, '0'),
           'ce_trial', 'BACKLOG', 'ce_site', 'IT001', 'ce_actor', 'randomizer',
           'ce_causationid', gen_random_uuid(), 'content-type', 'application/json')::text,
       convert_to(json_build_object(
           'subject', 'IT001-' || lpad(n::text, 6, '0'), 'site', 'IT001', 'stratum', 'le4',
           'number', n, 'arm', 'SOC', 'protocol_version', '1.0')::text, 'UTF8')
FROM generate_series(1, {ROWS}) AS n
"""  # noqa: S608 - our own numbers


@dataclass
class Relaying:
    """The measurements."""

    ground: Ground

    async def drain(self) -> float:
        """Rows a second out of a full outbox, with nothing to consume."""
        ground = self.ground
        await ground.topics.rewind(GROUP, await ground.topics.empty(IN))
        into = await ground.fresh("fresh")
        await ground.sql(into, _BACKLOG)
        out = await ground.topics.ends(OUT)
        child = await ground.serving("randomizer", into)
        await ground.grown(out, ROWS, child)
        await ground.stop(child)
        return rate(await ground.topics.sent(out, ROWS))

    async def produce_only(self) -> float:
        """Records a second, to the last acknowledgement."""
        program = self.ground.loop("produce_only", "fresh", "--count", ROWS)
        return (await self.ground.said(program))["rate"]
