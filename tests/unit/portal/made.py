"""Dictionaries of the trials, and what people type into their forms."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.portal.dictionary import asked_by
from services.portal.typed import Typed
from shared.contracts import jsontext, protocol_file

PROTOCOLS = Path(__file__).parents[3] / "protocols"
NCT_PROTOCOL = protocol_file.load(PROTOCOLS / "NCT06903312.yaml")
PILOT_PROTOCOL = protocol_file.load(PROTOCOLS / "CDISCPILOT01.yaml")
NCT = asked_by(NCT_PROTOCOL)
PILOT = asked_by(PILOT_PROTOCOL)


def typed(**inputs: str | list[str]) -> Typed:
    """Inputs of a form by their place, `creatinine__value="1.1"` being `form/creatinine/value`."""
    return Typed(
        ("form/" + name.replace("__", "/"), value)
        for name, values in inputs.items()
        for value in (values if isinstance(values, list) else [values])
    )


def exact(form: Mapping[str, Any]) -> Any:
    """A form of the tests as JSON carries it: its decimals as they would be written."""
    return jsontext.loads(jsontext.dumps(_decimals(form)))


def _decimals(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, dict):
        return {name: _decimals(member) for name, member in value.items()}
    return value
