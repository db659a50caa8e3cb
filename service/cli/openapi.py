"""`scorepool openapi`: prints the OpenAPI document with the default limits."""

import click

from service.api.openapi import openapi_text


@click.command()
def command() -> None:
    """Print the OpenAPI document."""
    click.echo(openapi_text())
