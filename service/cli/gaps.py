"""A gap in the events: told, never passed over."""

import click

from storage.records import JSON


def warn_of_gap(gap: JSON) -> None:
    """Say on stderr what is missing, and where it goes on; `gap` is what the service tells."""
    after, going_on = gap["after"], f"It goes on after {gap['next']}."
    if gap["reason"] == "restored":
        why = f"There is no event {after} yet: an older ledger must have been put back."
    else:
        why = f"The events after {after} are not kept any more."
    click.echo(f"{why} {going_on}", err=True)
