"""``fission spec init``."""

from typing import Final

from fission.cli import archives, context, errors, options, output, specfiles
from fission.cli import command as commands

_README: Final = """\
Fission specs
=============

Each YAML file here describes objects of one application. `fission env create --spec`,
`fission fn create --spec` and the other create commands add files; edit them like any other
source, and keep them under version control.

`fission-deployment-config.yaml` names the application. Do not change its uid: it is how objects
of this application are known on a cluster.
"""


@commands.command(
    "Begin a directory of specs for an application.\n\n  fission spec init --name shop"
)
@options.name("Name of the application; the folder's if not given", required=False)
@options.string("--deployid", "--id", help="Uid of the application; a new one if not given")
@options.string("--specdir", help="Directory of specs", default=specfiles.DIRECTORY)
def command(
    session: context.Session, name: str | None, deployid: str | None, specdir: str | None
) -> None:
    """Make the directory and the file that names the application."""
    shown = specdir or specfiles.DIRECTORY
    directory = session.path(shown)
    config = directory / specfiles.CONFIG_FILE
    if config.exists():
        raise errors.CliError(
            f"spec directory '{shown}' exists already: it has {config.name}",
            remedy="go on with it, or begin another with --specdir",
        )
    session.out.line(f"Creating fission spec directory '{shown}'")
    directory.mkdir(parents=True, exist_ok=True)
    document = {
        "apiVersion": "fission.io/v1",
        "kind": "DeploymentConfig",
        "name": name or archives.kubify(session.cwd.name),
        "uid": deployid or session.new_uid(),
    }
    config.write_text(output.format_document(document, "yaml"), encoding="utf-8")
    readme = directory / "README"
    if not readme.exists():
        readme.write_text(_README, encoding="utf-8")
