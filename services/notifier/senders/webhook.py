"""Webhooks: the letter as JSON, signed as Standard Webhooks 1.0 has it.

    webhook-id          the delivery's id, the same at every try: a receiver keeps it to see repeats
    webhook-timestamp   seconds since 1970 of this try, by the wall's clock
    webhook-signature   v1,BASE64( HMAC-SHA256( secret, id "." timestamp "." body ) )

A secret that begins with `whsec_` is base64 after that, any other is its own UTF-8 bytes. Redirects
are not followed, and nothing of the answer but its status is read. Where they may go: `reach`.
"""

import asyncio
import base64
import hashlib
import hmac
import json
from http import HTTPStatus
from typing import Final

import httpx

from services.notifier.answers import Answer, said
from services.notifier.seals import signing_key
from services.notifier.senders import reach
from services.notifier.senders.message import Message
from shared.runtime.clock import wall
from shared.runtime.settings import Settings

_RETRIED: Final = frozenset({408, 425, 429})


async def send(settings: Settings, message: Message) -> Answer:
    """One try. 2xx is taken; 4xx is final but for 408, 425, 429; 5xx, no connection and silence are
    not. HTTP's classes mean the opposite of SMTP's: 4xx is what we did wrong.
    """
    body = json.dumps(message.letter.data, ensure_ascii=False, separators=(",", ":")).encode()
    timestamp = str(int(wall().timestamp()))
    seconds = settings.delivery_timeout_s
    headers = {
        "content-type": "application/json",
        "user-agent": "trialops",
        "webhook-id": str(message.id),
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(message.secret or "", str(message.id), timestamp, body),
    }
    try:
        async with asyncio.timeout(seconds):
            status = await _posted(settings, message.target, headers, body)
    except reach.InsideError:
        return Answer("never", "the address is inside the network, which no setting allows")
    except (TimeoutError, httpx.TimeoutException):
        return Answer("later", "no answer in time")
    except (httpx.HTTPError, OSError) as fault:
        return Answer("later", type(fault).__name__)
    except (httpx.InvalidURL, UnicodeError):
        return Answer("never", "the address cannot be used")
    words = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    if 200 <= status < 300:
        return said("delivered", status, words)
    if 300 <= status < 400:
        return said("never", status, "a redirect is not followed")
    later = status >= 500 or status in _RETRIED
    return said("later" if later else "never", status, words)


async def _posted(settings: Settings, target: str, headers: dict[str, str], body: bytes) -> int:
    """The status that the receiver answers. Its addresses are tried in turn until one takes a
    connection; it is called, and must be certified, by its name.
    """
    url = httpx.URL(target)
    port = url.port or (443 if url.scheme == "https" else 80)
    there = await reach.addresses(url.host, port, settings.webhooks_inside)
    seconds = settings.delivery_timeout_s
    timeout = httpx.Timeout(seconds, connect=seconds / len(there))
    unreached: Exception = OSError("no address")
    async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client:
        for address in there:
            try:
                async with client.stream(
                    "POST",
                    url.copy_with(host=address),
                    content=body,
                    headers=headers | {"host": url.netloc.decode()},
                    extensions={"sni_hostname": url.raw_host.decode()},
                    follow_redirects=False,
                ) as response:
                    return response.status_code
            except (httpx.ConnectError, httpx.ConnectTimeout) as fault:
                unreached = fault
    raise unreached


def signature(secret: str, id: str, timestamp: str, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = f"{id}.{timestamp}.".encode() + body
    mac = hmac.digest(signing_key(secret), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(mac).decode()}"
