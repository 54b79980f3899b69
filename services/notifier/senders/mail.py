"""Mail by SMTP: plain text, UTF-8, one recipient a letter, STARTTLS where the server offers it."""

import asyncio
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib

from services.notifier.answers import Answer, said
from services.notifier.senders.message import Message
from shared.runtime.settings import Settings


async def send(settings: Settings, message: Message) -> Answer:
    """One try. A 5xx is final; a 4xx, a refused or broken connection and silence are not."""
    if settings.mail is None:
        return Answer("never", "no mail server is set")
    host, _, port = settings.mail.rpartition(":")
    letter = _letter(settings.mail_from, message)
    ours = f"{message.letter.subject}\n{message.letter.text}"
    try:
        async with asyncio.timeout(settings.delivery_timeout_s):
            _, text = await aiosmtplib.send(
                letter,
                sender=settings.mail_from,
                recipients=[message.target],
                hostname=host,
                port=int(port),
                local_hostname="trialops",
                timeout=settings.delivery_timeout_s,
            )
    except aiosmtplib.SMTPRecipientsRefused as refused:
        first = refused.recipients[0]
        return _refused(first.code, first.message, ours)
    except aiosmtplib.SMTPResponseException as refused:
        return _refused(refused.code, refused.message, ours)
    except (TimeoutError, aiosmtplib.SMTPTimeoutError):
        return Answer("later", "no answer in time")
    except (OSError, aiosmtplib.SMTPException) as fault:
        return Answer("later", type(fault).__name__)
    return said("delivered", 250, text, ours)


def _refused(code: int, text: str, ours: str) -> Answer:
    return said("never" if 500 <= code < 600 else "later", code, text, ours)


def _letter(sender: str, message: Message) -> EmailMessage:
    """RFC 5322; a letter that is sent again has the same Message-ID and Date."""
    letter = EmailMessage()
    letter["From"] = sender
    letter["To"] = message.target
    letter["Subject"] = message.letter.subject
    letter["Date"] = format_datetime(message.written_at)
    letter["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2]}>"
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    if message.alerts:
        letter["Trialops-Alert"] = ", ".join(str(alert) for alert in message.alerts)
    letter.set_content(message.letter.text, charset="utf-8")
    return letter
