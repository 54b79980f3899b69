"""Where a reader stood is no more on its topic: said aloud, as records may be gone unread.

Somebody cut the topic, or Kafka lost its end. aiokafka goes on at the first record that is left and
has no word for it but one in its own log, at a level that else is not listened to. A group that
begins with a topic is no such case, nor, for who joins later, a topic made again: Kafka forgets its
offsets.
"""

import logging

from shared.runtime import logs

_log = logs.logger("resets")

_CLIENT = "aiokafka.consumer.fetcher"
_SIGN = "Fetch offset %s is out of range"


class _Told(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Our line in place of the client's; of its others only what would be heard anyway."""
        if str(record.msg).startswith(_SIGN) and isinstance(record.args, tuple):
            offset, at = record.args
            topic, partition = getattr(at, "topic", None), getattr(at, "partition", None)
            logs.warn(_log, _GONE, topic=topic, partition=partition, offset=offset)
            return False
        return record.levelno >= logging.ERROR


_told = _Told()


def tell() -> None:
    """Let every consumer of this process say so; there is no option for it."""
    client = logging.getLogger(_CLIENT)
    client.setLevel(logging.INFO)
    client.addFilter(_told)  # the same one twice is one


_GONE = (
    "the topic has no record at this offset any more, unread ones may be lost:"
    " it was cut, or Kafka lost its end; reading goes on at the first that is left"
)
