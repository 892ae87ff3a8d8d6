"""`carethread webhook-key`: what the receiver of a Subscription is given, to know that a notification is ours."""

from __future__ import annotations

import click

from carethread.core.settings import SettingsError, load


@click.command("webhook-key")
@click.argument("subscription")
def webhook_key(subscription: str) -> None:
    """Print the key that signs what is sent for a Subscription, by its id. It is made from CARETHREAD_WEBHOOK_SECRETS,
    or what lies in CARETHREAD_WEBHOOK_SECRETS_FILE.

    While a secret is being changed there is a key of each, one a line: the receiver changes to the first.
    """
    from carethread.composition.delivering import secrets
    from carethread.core.webhooks.signature import key

    found = secrets(load())
    if not found:
        raise SettingsError("CARETHREAD_WEBHOOK_SECRETS (or _FILE) is empty: what is sent is not signed.")
    for secret in found:
        click.echo(key(secret, subscription.removeprefix("Subscription/")))
