"""What every event has in common: a frozen, strictly typed fact on one topic."""

from typing import Annotated, ClassVar, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, PlainSerializer, StringConstraints

from shared.contracts.envelope import rfc3339

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Subject = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2,8}-[0-9]{3,6}$")]
Site = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2,8}$")]


Time = Annotated[AwareDatetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]
"""An instant: RFC 3339, UTC with `Z`."""


class Event(BaseModel):
    """A past fact. Consumers ignore fields they do not know; what they know they check strictly."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    TOPIC: ClassVar[str]
    VERSION: ClassVar[int] = 1

    @classmethod
    def ce_type(cls) -> str:
        """The event's `ce_type`, such as `trialops.PatientScreened.v1`."""
        return f"trialops.{cls.__name__}.v{cls.VERSION}"

    def encode(self) -> bytes:
        """The record's value: compact JSON, UTF-8."""
        # model_dump_json makes a text first: measured on a PatientScreened, 1.9 µs in place of 1.2.
        return self.__pydantic_serializer__.to_json(self)

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """The event in a record's value; pydantic's ValidationError where it breaks the schema."""
        return cls.model_validate_json(value)
