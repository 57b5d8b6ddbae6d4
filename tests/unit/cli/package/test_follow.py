import io

import pytest

from fission.cli import context, errors
from fission.cli.package import follow


class Gone:
    """A platform that has stopped."""

    namespace = "default"

    async def changes(self, resource, name, namespace):
        raise errors.Unreachable("the Kubernetes API cannot be reached")
        yield {}


class Session(context.Session):
    """A run whose platform has stopped."""

    backend = Gone()
    namespace = "default"


async def test_who_follows_a_platform_that_stops_is_told_how_to_come_back():
    session = Session({}, io.StringIO(), io.StringIO())

    with pytest.raises(errors.CliError) as caught:
        await follow.until_built(session, "shop")

    assert str(caught.value) == (
        "the Kubernetes API cannot be reached\n"
        "The build goes on when the platform is back. Follow it again:"
        " fission pkg info --name shop --follow"
    )
