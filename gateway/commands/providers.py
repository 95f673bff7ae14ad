"""`bookgate providers list|test|keys`: what to register at a provider, and whether it works."""

import asyncio
import json
import time
from secrets import token_urlsafe
from typing import Annotated

import typer

from gateway.commands.check import DEFAULT_CONFIG, Config, load_settings, stop
from gateway.config.settings import ProviderSettings, Settings
from gateway.providers import Finding, Trial, Verdict, open_session
from gateway.providers.transport import Transport

app = typer.Typer(help="Providers: what to register there, and whether it works.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A provider's id in gateway.yaml.")]
Json = Annotated[bool, typer.Option("--json", help="Answer for programs.")]


@app.command("list")
def list_providers(
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,  # ruff: ignore[boolean-default-value-positional-argument]
) -> None:
    """List the providers, with what to register at each."""
    settings = load_settings(config)
    found = [registration(block, settings.public_url) for block in settings.providers]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for each in found:
        typer.echo(f"{each['provider']}  ({each['preset']}, {each['issuer']})")
        for name in ("redirect_uri", "back_channel_logout", "front_channel_logout", "client", "client_keys"):
            if name in each:
                typer.echo(f"  {name.replace('_', ' '):22}{each[name]}")


@app.command("test")
def try_out(
    name: Name,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,  # ruff: ignore[boolean-default-value-positional-argument]
) -> None:
    """Ask a provider: discovery, keys, redirect URI, client. Exits with 1 where anything is wrong."""
    settings = load_settings(config)
    findings = asyncio.run(_tried(settings, _block(settings, name)))
    if as_json:
        shown = [
            {"step": it.step, "verdict": it.verdict, "words": it.words, "remedy": it.remedy}
            for it in findings
        ]
        typer.echo(json.dumps(shown, indent=2))
    else:
        for it in findings:
            typer.echo(f"{it.verdict:8}{it.step}: {it.words}")
            if it.remedy:
                typer.echo(f"{'':8}{it.remedy}")
    if any(it.verdict is Verdict.WRONG for it in findings):
        raise typer.Exit(1)


@app.command()
def keys(name: Name, config: Config = DEFAULT_CONFIG) -> None:
    """Print the public keys of a client that proves itself by a key, as a JWKS for the provider."""
    block = _block(load_settings(config), name)
    if block.published_keys is None:
        stop(
            f"{name} has no keys to hand out: its block has a `client_secret`, or the provider made the key."
        )
    typer.echo(json.dumps(block.published_keys.jwks(), indent=2))


def registration(block: ProviderSettings, public_url: str) -> dict[str, str]:
    """What a provider's console asks for; names are those of the tables in docs/ops/providers.md."""
    read = {
        "provider": block.id,
        "preset": block.preset,
        "issuer": block.issuer,
        "redirect_uri": f"{public_url}/auth/callback/{block.id}",
        "client": f"{block.client_id}, by {_credential(block)}",
    }
    if block.dialect.oauth2 is None:
        read["back_channel_logout"] = f"{public_url}/auth/backchannel-logout/{block.id}"
        read["front_channel_logout"] = f"{public_url}/auth/frontchannel-logout/{block.id}"
    if block.published_keys is not None:
        read["client_keys"] = f"{public_url}/auth/client-keys/{block.id}"
    return read


def _credential(block: ProviderSettings) -> str:
    if block.client_keys is not None:
        return "a secret that its key signs" if block.dialect.secret_is_signed else "private_key_jwt"
    return "a secret" if block.client_secret is not None else "nothing (a public client)"


def _block(settings: Settings, name: str) -> ProviderSettings:
    found = next((block for block in settings.providers if block.id == name), None)
    names = ", ".join(block.id for block in settings.providers)
    return (
        stop(f"There is no provider {name!r} in gateway.yaml. There is: {names}.") if found is None else found
    )


async def _tried(settings: Settings, block: ProviderSettings) -> list[Finding]:
    redirect_uri = registration(block, settings.public_url)["redirect_uri"]
    async with open_session(settings.outbound.proxy, settings.outbound.ca) as session:
        trial = Trial(block, redirect_uri, Transport(session), time.time, lambda: token_urlsafe(32))
        return await trial.run()
