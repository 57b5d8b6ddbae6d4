"""``fission package rebuild``."""

from fission.api import package_types, resources
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options
from fission.cli.package import build
from fission.cli.package import list as package_list


@commands.command("Build a package again whose build failed.")
@options.name("Name of the package")
async def command(session: context.Session, name: str) -> None:
    """Ask for another build."""
    package = await lookups.get(session, resources.PACKAGES, name)
    if package_list.build_status(package) != package_types.FAILED:
        raise errors.CliError(f"package {name} is not in failed state")
    await build.write_status(session, package, package_types.PENDING)
    session.out.line(
        f'Retrying build for pkg {name}. Use "fission pkg info --name {name}" to view status'
    )
