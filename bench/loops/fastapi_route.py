"""The smallest service that takes the same form: FastAPI checks its types and commits one row.

No person, no criteria, no events, no key of idempotency.
"""

import argparse
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import asyncpg
import uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel, create_model
from uuid_utils.compat import uuid7

from shared.contracts import versions

TABLE = """
CREATE TABLE IF NOT EXISTS public.screened (
    id uuid PRIMARY KEY, subject text NOT NULL UNIQUE, form text NOT NULL, sha256 text NOT NULL
)
"""
ROW = "INSERT INTO public.screened (id, subject, form, sha256) VALUES ($1, $2, $3, $4)"


class Quantity(BaseModel):
    """A value with its unit, and the upper limit of normal where one counts."""

    value: Decimal
    unit: str
    uln: Decimal | None = None


class Answer(BaseModel):
    """What the site is told."""

    id: str
    subject: str


def form_of(fields: Mapping[str, Any]) -> type[BaseModel]:
    """A model of the protocol's form: each field by its type, none required."""
    plain: dict[str, Any] = {"date": date | str, "bool": bool, "int": int, "quantity": Quantity}
    types: dict[str, Any] = {}
    for name, field in fields.items():
        choice = Literal[tuple(field["of"])] if field["type"] == "choice" else Any
        types[name] = (plain.get(field["type"], choice) | None, None)
    return create_model("Form", **types)


def application(dsn: str, fields: Mapping[str, Any]) -> FastAPI:
    """The application."""
    form = form_of(fields)
    submission = create_model("Submission", subject=(str, ...), form=(form, ...))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(dsn, min_size=1, max_size=10) as pool:
            await pool.execute(TABLE)
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan)

    async def screen(request: Request, body: Any) -> Answer:
        text, new = body.form.model_dump_json(), uuid7()
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        async with request.app.state.pool.acquire() as db, db.transaction():
            await db.execute(ROW, new, body.subject, text, sha256)
        return Answer(id=str(new), subject=body.subject)

    screen.__annotations__["body"] = submission
    app.post("/screenings", status_code=201)(screen)

    @app.get("/readyz")
    async def ready() -> dict[str, bool]:
        return {"ready": True}

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True)
    parser.add_argument("--protocols", type=Path, required=True)
    parser.add_argument("--trial", required=True)
    parser.add_argument("--port", type=int, required=True)
    line = parser.parse_args()
    protocol = versions.load_all(line.protocols)[line.trial].first
    eligibility: Any = protocol.sections["eligibility"]
    uvicorn.run(
        application(line.database, eligibility["fields"]),
        port=line.port,
        http="httptools",
        loop="uvloop",
        access_log=False,
        log_level="warning",
    )
