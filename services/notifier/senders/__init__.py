"""The senders by kind of channel: a new one is a file here and a line in `SENDERS`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from services.notifier.answers import Answer
from services.notifier.senders import mail, webhook
from services.notifier.senders.message import Message
from shared.contracts.events.notification import Channel
from shared.runtime.settings import Settings

Send = Callable[[Settings, Message], Awaitable[Answer]]
"""Tries once and says what came of it; it raises nothing that a server can cause."""

SENDERS: Final[Mapping[Channel, Send]] = {
    "mail": mail.send,
    "webhook": webhook.send,
}
