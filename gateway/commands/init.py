"""`bookgate init`: the files and keys of a new site."""

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gateway.config.site import Site, gateway_yaml, origins_yaml, write_keys, write_new

_DEFAULT = Site()


def init(
    config: Annotated[Path, typer.Option(help="The gateway.yaml to write.")] = Path("config/gateway.yaml"),
    public_url: Annotated[str, typer.Option(help="The gateway's one address.")] = _DEFAULT.public_url,
    listen: Annotated[str, typer.Option(help="Where it listens: HOST:PORT or unix:PATH.")] = _DEFAULT.public,
    listen_private: Annotated[
        str, typer.Option(help="Where health and keys are, for nobody outside.")
    ] = _DEFAULT.private,
    contact: Annotated[str | None, typer.Option(help="Whom a refused reader or author asks.")] = None,
    name: Annotated[str, typer.Option(help="The name on the sign-in pages.")] = _DEFAULT.name,
    state: Annotated[Path, typer.Option(help="The only folder that is written to.")] = _DEFAULT.state,
    provider: Annotated[str, typer.Option(help="The provider's id in the file.")] = _DEFAULT.provider,
    issuer: Annotated[str, typer.Option(help="The OpenID Connect provider.")] = _DEFAULT.issuer,
    client_id: Annotated[str, typer.Option(help="The gateway's id there.")] = _DEFAULT.client_id,
    client_secret_env: Annotated[
        str | None, typer.Option(help="The environment variable that will hold the client secret.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="The provider's name on the sign-in page.")] = None,
    book: Annotated[str | None, typer.Option(help="The origin of a first book that you trust.")] = None,
) -> None:
    """Write gateway.yaml, origins.yaml and keys for a new site. Nothing that exists is overwritten."""
    site = replace(
        _DEFAULT,
        public_url=public_url,
        public=listen,
        private=listen_private,
        contact=contact,
        name=name,
        state=state,
        provider=provider,
        issuer=issuer,
        client_id=client_id,
        client_secret_variable=client_secret_env,
        label=label or (_DEFAULT.label if issuer == _DEFAULT.issuer else provider),
        book=book,
    )
    origins = config.parent / "origins.yaml"
    kept: list[Path] = []
    for path, content in ((config, gateway_yaml(site, config.parent)), (origins, origins_yaml(site))):
        written = write_new(path, content)
        if not written:
            kept.append(path)
        typer.echo(f"{'wrote' if written else 'kept '} {path}")
    for path in write_keys(state, secrets.token_bytes):
        typer.echo(f"wrote {path}")
    if kept:
        typer.echo(f"Kept as it was, whatever you said here: {' and '.join(map(str, kept))}.")
    typer.echo(f"Next: bookgate check --config {config}")
