"""The command `bookgate`."""

import typer

from gateway.commands import directory, keys, lti, origins, providers, sessions, studies
from gateway.commands.check import check
from gateway.commands.dev import dev
from gateway.commands.init import init
from gateway.commands.run import run

app = typer.Typer(
    name="bookgate",
    help="One gateway domain for interactive textbooks on any origin.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(init)
app.command()(check)
app.add_typer(origins.app, name="origins")
app.add_typer(sessions.app, name="sessions")
app.add_typer(keys.app, name="keys")
app.add_typer(providers.app, name="providers")
app.add_typer(directory.app, name="directory")
app.add_typer(lti.app, name="lti")
app.add_typer(studies.app, name="studies")
app.command()(run)
app.command()(dev)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
