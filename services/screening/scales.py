"""Named pairs of units of one thing that a published equation converts, each with its source."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from services.screening.units import Line, Scale

#: IFCC network and NGSP: Hoelzel W et al. Clin Chem 2004; 50: 166-74, the master equation with the
#: coefficients that NGSP publishes: NGSP (%) = 0.09148 x IFCC (mmol/mol) + 2.152. It is taken the
#: other way round exactly, where the published inverse (10.93 x NGSP - 23.5) is rounded.
HBA1C: Final = Scale("mmol/mol", "%", Line(Fraction(9148, 100_000), Fraction(2152, 1000)))

#: A new one is one entry here.
SCALES: Final[Mapping[str, Scale]] = {"hba1c": HBA1C}
