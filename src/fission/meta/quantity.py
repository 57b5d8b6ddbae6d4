"""Resource quantities: ``500m``, ``64Mi``, ``1e3``, exact as decimals."""

from __future__ import annotations

import re
from decimal import Decimal

_PATTERN = re.compile(
    r"(?P<sign>[+-]?)(?P<number>\d+(?:\.\d*)?|\.\d+)"
    r"(?:(?P<exponent>[eE][+-]?\d+)|(?P<suffix>[numkMGTPE]|[KMGTPE]i))?"
)
_DECIMAL = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal("1e3"),
    "M": Decimal("1e6"),
    "G": Decimal("1e9"),
    "T": Decimal("1e12"),
    "P": Decimal("1e15"),
    "E": Decimal("1e18"),
}
_BINARY = {f"{letter}i": Decimal(1024) ** (power + 1) for power, letter in enumerate("KMGTPE")}
_FACTORS = _DECIMAL | _BINARY

MESSAGE = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)


def parse(text: str | int | float) -> Decimal:
    """The exact value; raises ValueError with Kubernetes' message."""
    match = _PATTERN.fullmatch(str(text))
    if match is None:
        raise ValueError(MESSAGE)
    value = Decimal(match["sign"] + match["number"] + (match["exponent"] or ""))
    return value * _FACTORS.get(match["suffix"] or "", Decimal(1))


def whole(text: str | int | float) -> int:
    """The value rounded up: bytes of a memory quantity, counts."""
    value = parse(text)
    return int(value.to_integral_value(rounding="ROUND_CEILING"))


def millis(text: str | int | float) -> int:
    """Thousandths rounded up: a CPU quantity in millicores."""
    return int((parse(text) * 1000).to_integral_value(rounding="ROUND_CEILING"))


def canonical(text: str | int | float) -> str:
    """The form the API server stores: ``0.5`` → ``500m``, ``1024Mi`` → ``1Gi``, ``1000m`` → ``1``.

    A binary suffix stays binary, everything else becomes decimal without a fraction.
    """
    match = _PATTERN.fullmatch(str(text))
    if match is None:
        raise ValueError(MESSAGE)
    value = parse(text)
    if value == 0:
        return "0"
    if match["exponent"] and value == value.to_integral_value():
        return str(text)
    suffix = match["suffix"] or ""
    if suffix in _BINARY and value == value.to_integral_value() and abs(value) >= 1024:
        return _largest(value, sorted(_BINARY.items(), key=lambda item: -item[1]), str(text))
    factors = [("", Decimal(1)), *_DECIMAL.items()]
    return _largest(value, sorted(factors, key=lambda item: -item[1]), str(text))


def _largest(value: Decimal, factors: list[tuple[str, Decimal]], fallback: str) -> str:
    for suffix, factor in factors:
        scaled = value / factor
        if scaled == scaled.to_integral_value():
            return f"{int(scaled)}{suffix}"
    return fallback
