"""The engine alone: forms decided in memory, beside the same criteria written by hand."""

from dataclasses import dataclass
from pathlib import Path

from bench.ground import CHECKOUT, Ground


@dataclass
class Deciding:
    """The measurements."""

    ground: Ground

    async def engine(self) -> float:
        """Lines a second of CPU that the compiled protocol decides, from bytes to a decision."""
        return await self._rate("engine")

    async def by_hand(self) -> float:
        """Those that a Python function of one trial's criteria does."""
        return await self._rate("by_hand")

    async def screen(self) -> float:
        """Lines that `trialops screen` answers, each criterion with its text and evidence."""
        return await self._rate("screen")

    async def by_hand_told(self) -> float:
        """Lines that the function answers, as JSON without text and evidence."""
        return await self._rate("by_hand_told")

    async def _rate(self, how: str) -> float:
        protocols = Path(CHECKOUT, "protocols")
        program = self.ground.tool("deciding", "--protocols", protocols, how)
        return (await self.ground.said(program))["rate"]
