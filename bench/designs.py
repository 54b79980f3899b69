"""The designs alone: draws in memory beside their HMACs, and exact characteristics."""

from dataclasses import dataclass

from bench.ground import Ground


@dataclass
class Designs:
    """The measurements."""

    ground: Ground

    async def draws(self) -> float:
        """Draws of permuted blocks a second of CPU."""
        return await self._rate("draws")

    async def macs(self) -> float:
        """Draws a second of CPU, were they their HMACs alone."""
        return await self._rate("macs")

    async def exact(self) -> float:
        """Seconds of CPU for the exact characteristics of five designs."""
        return await self._rate("exact")

    async def _rate(self, how: str) -> float:
        return (await self.ground.said(self.ground.tool("designs", how)))["rate"]
