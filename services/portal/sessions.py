"""Sessions: who is signed in. A cookie holds a random id, the database its SHA-256 alone."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

from shared.runtime.clock import wall
from shared.runtime.database import Connection

LIFE = timedelta(hours=8)
IDLE = timedelta(minutes=60)

_TOUCHED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody's session. `secret` is what the cookie holds."""

    secret: str
    person: str
    trial: str | None

    @property
    def csrf(self) -> str:
        """The token that every form of this session carries; a stranger's page cannot know it."""
        return hmac.new(self.secret.encode(), b"csrf", hashlib.sha256).hexdigest()

    @property
    def id(self) -> bytes:
        """What the database knows the session by."""
        return _hash(self.secret)


async def begin(db: Connection, person: str) -> Session:
    """A new session of 256 random bits; those that ended are swept out on the way."""
    session = Session(secrets.token_urlsafe(32), person, None)
    now = wall()
    await db.execute("DELETE FROM session WHERE ends_at <= $1 OR seen_at <= $2", now, now - IDLE)
    await db.execute(
        "INSERT INTO session (id, person, ends_at, seen_at) VALUES ($1, $2, $3, $4)",
        session.id,
        person,
        now + LIFE,
        now,
    )
    return session


async def find(db: Connection, secret: str | None) -> Session | None:
    """The session of a cookie, unless it has ended: 8 hours old, or an hour unused."""
    if not secret or len(secret) > 100:
        return None
    now = wall()
    row = await db.fetchrow(
        "SELECT person, trial FROM session WHERE id = $1 AND ends_at > $2 AND seen_at > $3",
        _hash(secret),
        now,
        now - IDLE,
    )
    return Session(secret, row["person"], row["trial"]) if row else None


async def touch(db: Connection, session: Session, trial: str | None) -> None:
    """Somebody uses the session, and looks at this trial."""
    now = wall()
    await db.execute(
        """
        UPDATE session SET seen_at = $2, trial = coalesce($3, trial)
        WHERE id = $1 AND (seen_at < $4 OR trial IS DISTINCT FROM coalesce($3, trial))
        """,
        session.id,
        now,
        trial,
        now - _TOUCHED_EVERY,
    )


async def end(db: Connection, session: Session) -> None:
    """Sign out: the cookie is worth nothing from now on."""
    await db.execute("DELETE FROM session WHERE id = $1", session.id)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
