"""What a trigger says about its broker: ``metadata`` and the Secret, read with names in errors.

A key may stand in either; the Secret wins, as with KEDA's TriggerAuthentication. Keys that only
KEDA's scaler uses are left alone.
"""

from collections.abc import Sequence
from typing import Final

from fission.mqtrigger.drivers import base

ENABLED: Final = {"enable": True, "true": True, "disable": False, "false": False}


class Options:
    """Reads one trigger's settings; every method raises ``Misconfigured`` naming the key."""

    def __init__(self, settings: base.Settings) -> None:
        self._metadata = settings.metadata
        self._secret = settings.secret

    def text(self, *keys: str, default: str = "") -> str:
        """The first of ``keys`` that is given and not empty."""
        for key in keys:
            found = self._find(key)
            if found:
                return found
        return default

    def required(self, *keys: str, example: str) -> str:
        """The same, where something has to be given."""
        found = self.text(*keys)
        if not found:
            others = "".join(f" (or {key})" for key in keys[1:])
            raise base.Misconfigured(
                f"spec.metadata.{keys[0]}{others} is missing: give it, for example {example!r}, "
                "in spec.metadata or in the Secret of spec.secret"
            )
        return found

    def choice(self, key: str, allowed: Sequence[str], default: str) -> str:
        """One of a few words, in any case."""
        found = self._find(key).lower() or default
        if found not in allowed:
            raise self.wrong(key, f"allowed are {', '.join(allowed)}")
        return found

    def flag(self, *keys: str, default: bool = False) -> bool:
        """``enable``/``true`` or ``disable``/``false``."""
        for key in keys:
            found = self._find(key).lower()
            if found and found not in ENABLED:
                raise self.wrong(key, f"allowed are {', '.join(ENABLED)}")
            if found:
                return ENABLED[found]
        return default

    def number(self, key: str, low: float, high: float, default: float) -> float:
        """A number within bounds."""
        found = self._find(key)
        if not found:
            return default
        try:
            value = float(found)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise self.wrong(key, f"allowed are numbers from {low:g} to {high:g}")
        return value

    def pem(self, *keys: str) -> bytes:
        """A PEM document, empty when none is given."""
        found = self.text(*keys)
        if found and "-----BEGIN" not in found:
            raise base.Misconfigured(
                f"secret key {' or '.join(keys)}: not a PEM document (no -----BEGIN line)"
            )
        return found.encode()

    def same(self, topic: str, *keys: str) -> None:
        """KEDA's second name of the topic may not contradict ``spec.topic``."""
        for key in keys:
            found = self._find(key)
            if found and found != topic:
                raise base.Misconfigured(
                    f"spec.metadata.{key} is {found!r} and spec.topic is {topic!r}: "
                    "give the same, or leave the metadata key out"
                )

    def wrong(self, key: str, expected: str) -> base.Misconfigured:
        """The error for a bad value: secret values are not repeated."""
        if key in self._secret:
            return base.Misconfigured(f"secret key {key}: {expected}")
        return base.Misconfigured(
            f"spec.metadata.{key}: {self._metadata.get(key, '')!r} found, {expected}"
        )

    def _find(self, key: str) -> str:
        if key in self._secret:
            try:
                return self._secret[key].decode().strip()
            except UnicodeDecodeError:
                raise base.Misconfigured(f"secret key {key}: not UTF-8 text") from None
        return self._metadata.get(key, "").strip()
