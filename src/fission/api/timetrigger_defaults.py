"""What an empty field of a TimeTrigger stands for."""

from typing import Final

from fission.api import timetrigger_types

METHOD: Final = "POST"
SUB_PATH: Final = "/"


def method(spec: timetrigger_types.TimeTriggerSpec) -> str:
    """Method of the call."""
    return (spec.method or METHOD).upper()


def sub_path(spec: timetrigger_types.TimeTriggerSpec) -> str:
    """Path that the function sees."""
    given = spec.sub_path or SUB_PATH
    return given if given.startswith("/") else f"/{given}"
