"""Keeping one program running: started again when it dies, a little later each time."""

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from deploy.embedded.probes import Probe
from deploy.embedded.process import Child, Program, tail

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds before a start after a death
_STEADY = 10.0  # seconds of life after which a death counts as the first again
_DEATHS_AT_START = 3

Report = Callable[[str], None]


class NotReady(RuntimeError):
    """A part died again and again or did not answer in time."""


class Deaths:
    """Wakes whoever waits when some child has ended; made once, in the main thread's loop."""

    def __init__(self) -> None:
        self._next = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._on_death)

    def _on_death(self) -> None:
        self._next.set()
        self._next = asyncio.Event()

    async def of(self, child: Child) -> int:
        """Wait until this child has ended; returns its exit code."""
        while (code := child.exit_code()) is None:
            await self._next.wait()
        return code


class Keeper:
    """One part of the platform; `prepare` gives the program anew before each start."""

    def __init__(
        self, name: str, address: str, prepare: Callable[[], Program], probe: Probe
    ) -> None:
        self.name = name
        self.address = address
        self.child: Child | None = None
        self._prepare = prepare
        self._probe = probe
        self._deaths = 0
        self._stopping = False

    async def keep(self, deaths: Deaths, report: Report, changed: Callable[[], None]) -> None:
        """Run the program until `stop`; `changed` is called whenever its pid is another one."""
        while not self._stopping:
            began = time.monotonic()
            end = await self._live(deaths, changed)
            self._deaths = 1 if time.monotonic() - began > _STEADY else self._deaths + 1
            pause = min(_FIRST_PAUSE * 2 ** (self._deaths - 1), _LONGEST_PAUSE)
            if not self._stopping:
                report(f"{self.name} {end}, starting it again in {pause:.1f} s")
                await asyncio.sleep(pause)

    async def _live(self, deaths: Deaths, changed: Callable[[], None]) -> str:
        """One life of the program; returns how it ended."""
        try:
            self.child = Child(self._prepare())
        except (OSError, RuntimeError) as fault:
            return f"could not start ({fault})"
        changed()
        code = await deaths.of(self.child)
        return f"ended with {code}\n{tail(self.child.program.log, lines=5)}\n{self.name}"

    async def ready(self, seconds: float) -> None:
        """Wait for the first answer; NotReady, with the end of its log, if there is none."""
        deadline = time.monotonic() + seconds
        while not await self._probe():
            if self._deaths >= _DEATHS_AT_START or time.monotonic() > deadline:
                log = tail(self.child.program.log) if self.child else ""
                raise NotReady(f"{self.name} does not get ready\n{log}")
            await asyncio.sleep(0.05)

    async def stop(self, deaths: Deaths) -> None:
        """End the program within its grace, else kill it."""
        self._stopping = True
        if self.child is None:
            return
        self.child.ask_to_stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.child.program.grace):
                await deaths.of(self.child)
        self.child.kill()
        await deaths.of(self.child)
