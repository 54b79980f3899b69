"""Who may do what on Kafka: a service writes its own topics and reads those that it hears.

What no rule here allows is denied. A service may also read back what it wrote, and joins the group
of its own name alone. The idempotent producer needs nothing beside its right to write.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import (
    CreateAclsRequest_v1,
    DeleteAclsRequest_v1,
    DescribeAclsRequest,
)
from aiokafka.protocol.api import Request

from shared.contracts.topics import SERVICES, TOPICS
from shared.runtime.kafka_access import KafkaAccess

# Kafka's protocol has numbers for these (org.apache.kafka.common.acl, .resource).
_ANY = 1
_TOPIC, _GROUP = 2, 3
_LITERAL = 3
_READ, _WRITE = 3, 4
_ALLOW = 3


_PATIENCE_S = 30.0
_LOOK_AGAIN_S = 0.05


class AclError(RuntimeError):
    """the broker refused a rule"""


@dataclass(frozen=True, slots=True, order=True)
class Acl:
    """One rule in the protocol's own numbers and order."""

    resource: int
    name: str
    pattern: int
    principal: str
    host: str
    operation: int
    permission: int


def rules() -> frozenset[Acl]:
    """Every rule there is, from who writes and who hears each topic."""
    writes = (_allow(_TOPIC, topic.name, topic.writer, _WRITE) for topic in TOPICS)
    reads = (
        _allow(_TOPIC, topic.name, reader, _READ)
        for topic in TOPICS
        for reader in (*topic.readers, topic.writer)
    )
    groups = (_allow(_GROUP, service, service, _READ) for service in SERVICES)
    return frozenset((*writes, *reads, *groups))


async def enforce(access: KafkaAccess) -> None:
    """These rules hold afterwards and no others; repeatable.

    AclError where one is refused or does not come into force: the broker learns of what its
    controller has taken a little later.
    """
    admin = AIOKafkaAdminClient(**access.arguments())
    await admin.start()
    try:
        present = await _present(admin)
        wanted = rules()
        # aiokafka has no public way to ask the controller for a rule.
        if missing := sorted(wanted - present):
            made = await admin._send_to_controller(_CreateAcls(missing))  # noqa: SLF001 see above
            _check(made.creation_responses)
        if surplus := sorted(present - wanted):
            gone = await admin._send_to_controller(_DeleteAcls(surplus))  # noqa: SLF001 see above
            _check(gone.filter_responses)
        deadline = time.monotonic() + _PATIENCE_S
        while (present := await _present(admin)) != wanted:
            if time.monotonic() > deadline:
                raise AclError(f"{len(present ^ wanted)} rules are not in force")
            await asyncio.sleep(_LOOK_AGAIN_S)
    finally:
        await admin.close()


async def _present(admin: AIOKafkaAdminClient) -> frozenset[Acl]:
    every = DescribeAclsRequest(_ANY, None, _ANY, None, None, _ANY, _ANY)
    answer = await admin._send_to_controller(every)  # noqa: SLF001 as above
    _check([(answer.error_code, answer.error_message)])
    return frozenset(
        Acl(resource, name, pattern, *who_and_what)
        for resource, name, pattern, acls in answer.resources
        for who_and_what in acls
    )


def _allow(resource: int, name: str, service: str, operation: int) -> Acl:
    return Acl(resource, name, _LITERAL, f"User:{service}", "*", operation, _ALLOW)


def _check(answers: Iterable[tuple[Any, ...]]) -> None:
    for code, message, *_ in answers:
        if code:
            raise AclError(f"{for_code(code).__name__}: {message}")


# aiokafka's own requests hold one rule each, and each one costs the broker a write of its own:
# all rules took 2 s so, and take 0.1 s at once.


class _CreateAcls(Request[CreateAclsRequest_v1]):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = CreateAclsRequest_v1.API_KEY

    def __init__(self, acls: list[Acl]) -> None:
        self._acls = [astuple(acl) for acl in acls]

    def build(self, version: type[CreateAclsRequest_v1]) -> CreateAclsRequest_v1:
        return version(self._acls)


class _DeleteAcls(Request[DeleteAclsRequest_v1]):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = DeleteAclsRequest_v1.API_KEY

    def __init__(self, acls: list[Acl]) -> None:
        self._acls = [astuple(acl) for acl in acls]

    def build(self, version: type[DeleteAclsRequest_v1]) -> DeleteAclsRequest_v1:
        return version(self._acls)
