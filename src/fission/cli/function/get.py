"""``fission function get``."""

from fission.api import objects, package_types, resources
from fission.cli import command as commands
from fission.cli import context, lookups, options
from fission.cli.package import build as package_build


@commands.command(
    "Write a function's source code as it was handed over.\n\n"
    "  fission fn get --name hello > hello.py"
)
@options.name("Name of the function")
async def command(session: context.Session, name: str) -> None:
    """Write the literal deployment archive; nothing when it is elsewhere."""
    function = await lookups.get(session, resources.FUNCTIONS, name)
    package = package_build.package_of(function)
    if not package:
        return
    raw = await lookups.get(session, resources.PACKAGES, package)
    session.out.content(objects.decode(package_types.Package, raw).spec.deployment.literal)
