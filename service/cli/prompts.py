"""Verbs that take a prompt: what in it begins with `--` is Midjourney's, unless it looks like a slip of ours."""

from difflib import get_close_matches
from itertools import takewhile
from typing import Final

import click

from hooks.prompts import PARAMETERS

NEAR: Final = 0.65  # likeness from which a word counts as one of our options mistyped: --thn, --tags, --tga


class PromptCommand(click.Command):
    """A verb whose unknown options belong to its prompt (`--ar 16:9`). A slip would be paid for as a part of it."""

    ignore_unknown_options = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the line. Raises UsageError that names every word which is probably one of our options."""
        own = {
            name.removeprefix("--")
            for parameter in self.get_params(ctx)
            for name in (*parameter.opts, *parameter.secondary_opts)
            if name.startswith("--")
        }
        slips = [slip for word in takewhile("--".__ne__, args) if (slip := _find_slip(word, own))]
        if slips:
            keep = "to keep it in the prompt, put -- before the prompt"
            raise click.UsageError(f"{'; '.join(slips)} ({keep})", ctx)
        return super().parse_args(ctx, args)


def _find_slip(word: str, own: set[str]) -> str | None:
    """What to say of a word that is no option, but nearly; several words in one are a prompt that was quoted."""
    name = word.removeprefix("--").partition("=")[0]
    if not word.startswith("--") or " " in word or name in own or name.lower() in PARAMETERS:
        return None
    near = get_close_matches(name.lower(), sorted(own), n=1, cutoff=NEAR)
    return f"there is no option --{name}; did you mean --{near[0]}?" if near else None
