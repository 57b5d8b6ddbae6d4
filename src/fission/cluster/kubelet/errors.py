"""Why a pod or a container cannot run here; each reason is what `kubectl describe` shows."""

from __future__ import annotations

from fission.base import errors


class ContainerError(errors.Error):
    """A container cannot be created at present; it is tried again."""

    reason = "CreateContainerError"
    retryable = True


class UnknownImage(ContainerError):
    """No folder of images answers to the name."""

    reason = "ErrImageNeverPull"


class MissingNeed(ContainerError):
    """The host lacks a program that the image needs."""

    reason = "ImageNeedsUnmet"


class PrepareFailed(ContainerError):
    """The image's own preparation on this machine failed."""

    reason = "ImagePrepareFailed"


class ContainerConfigError(ContainerError):
    """The container's environment names something that does not exist."""

    reason = "CreateContainerConfigError"


class CannotRun(ContainerError):
    """The process could not be started."""

    reason = "RunContainerError"


class VolumeError(errors.Error):
    """A volume cannot be provided at present; it is tried again."""

    reason = "FailedMount"
    retryable = True


class AddressError(errors.Error):
    """No address or port is to be had at present."""

    reason = "FailedCreatePodSandBox"
    retryable = True


class Refused(errors.Error):
    """The pod asks for what this node never gives; it fails, by the field's name."""

    reason = "NotSupportedByNode"
