"""What is wrong with a field, said as Kubernetes says it: path, what was found, what is allowed."""

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

from fission.meta import status


@dataclasses.dataclass(frozen=True)
class FieldError:
    """One fault of an object."""

    field: str
    reason: str
    """``FieldValueRequired``, ``FieldValueInvalid``, ``FieldValueNotSupported``, …"""
    message: str
    """Without the field: ``Invalid value: 0: must be greater than 0``."""

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"

    def to_cause(self) -> dict[str, str]:
        """The fault as a cause in a Status."""
        return {"reason": self.reason, "message": self.message, "field": self.field}


def required(field: str, detail: str = "") -> FieldError:
    """The field is empty and may not be."""
    text = "Required value" + (f": {detail}" if detail else "")
    return FieldError(field, "FieldValueRequired", text)


def invalid(field: str, found: Any, detail: str) -> FieldError:
    """The field has a value that it may not have."""
    return FieldError(field, "FieldValueInvalid", f"Invalid value: {_shown(found)}: {detail}")


def unsupported(field: str, found: Any, allowed: Iterable[str]) -> FieldError:
    """The field has none of the values that it may have."""
    values = ", ".join(json.dumps(value) for value in allowed)
    text = f"Unsupported value: {_shown(found)}: supported values: {values}"
    return FieldError(field, "FieldValueNotSupported", text)


def forbidden(field: str, detail: str) -> FieldError:
    """The field may not be set here."""
    return FieldError(field, "FieldValueForbidden", f"Forbidden: {detail}")


def duplicate(field: str, found: Any) -> FieldError:
    """The value is in the list twice."""
    return FieldError(field, "FieldValueDuplicate", f"Duplicate value: {_shown(found)}")


def too_long(field: str, detail: str) -> FieldError:
    """The field holds more than it may."""
    return FieldError(field, "FieldValueTooLong", f"Too long: {detail}")


def message(errors: list[FieldError]) -> str:
    """All faults in one line."""
    texts = [str(error) for error in errors]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def raise_invalid(kind: str, name: str, errors: list[FieldError]) -> None:
    """Raise ``meta.status.Invalid`` with all faults; nothing happens when there are none."""
    if errors:
        raise status.Invalid(
            f'{kind}.fission.io "{name}" is invalid: {message(errors)}',
            details={
                "name": name,
                "group": "fission.io",
                "kind": kind,
                "causes": [error.to_cause() for error in errors],
            },
        )


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
