"""What Kafka's library raises, in the engine's words."""

import contextlib
from collections.abc import Iterator

from aiokafka import errors

from fission.mqtrigger.drivers import base


@contextlib.contextmanager
def failures() -> Iterator[None]:
    """Around every call of the library."""
    try:
        yield
    except base.DriverError:
        raise
    except (
        errors.AuthenticationFailedError,
        errors.SaslAuthenticationFailed,
        errors.TopicAuthorizationFailedError,
        errors.GroupAuthorizationFailedError,
        errors.ClusterAuthorizationFailedError,
    ) as error:
        raise base.Unauthorized(f"Kafka refuses: {_words(error)}") from error
    except errors.UnknownTopicOrPartitionError as error:
        raise base.TopicMissing(f"Kafka: {error}") from error
    except (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError) as error:
        raise base.Refused(f"Kafka takes no message of this size: {error}") from error
    except errors.InvalidTopicError as error:
        raise base.Refused(f"not a name of a topic: {error}") from error
    except (errors.KafkaError, TimeoutError, OSError) as error:
        raise base.Unreachable(f"Kafka: {_words(error)}") from error


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
