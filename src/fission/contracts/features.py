"""The feature configuration of an installation: which parts of the platform are switched on.

ConfigMap `feature-config`, mounted at `/etc/config/config.yaml`: YAML, encoded in base64 as
Fission's chart does, or plain. Sections `auth` (`enabled`, `authUriPath`, `jwtExpiryTime` in
seconds, `jwtIssuer`) and `canary` (`enabled`, `prometheusSvc`).
"""

from __future__ import annotations

import base64
import binascii
from typing import Any


class FeatureError(ValueError):
    """A feature configuration that cannot be read; the message says why."""


def decode(content: bytes) -> dict[str, dict[str, Any]]:
    """Sections by name; raises FeatureError."""
    found = _parse(content)
    if isinstance(found, str):
        try:
            found = _parse(
                base64.b64decode(found.replace("\n", "").replace(" ", ""), validate=True)
            )
        except binascii.Error as error:
            raise FeatureError(f"neither YAML of sections nor base64: {error}") from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise FeatureError("not a mapping of sections")
    for name, section in found.items():
        if section is not None and not isinstance(section, dict):
            raise FeatureError(f"section {name!r} is not a mapping")
    return {str(name): section or {} for name, section in found.items()}


def _parse(content: bytes) -> Any:
    import yaml  # few installations have this file

    try:
        return yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise FeatureError(f"not YAML: {error}") from error
