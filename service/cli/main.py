"""The `ringback` command. Each verb is loaded when it is called, so that `--help` is quick."""

from importlib import import_module
from importlib.metadata import version
from typing import Any, Final

import click

INTERRUPTED: Final = 130  # the exit status of a program that Ctrl-C ended: 128 + SIGINT

# Verb → the module that holds its `command`.
VERBS = {
    "init": "Ask for a gateway and its key, and write .env and ringback.yaml.",
    "demo": "Watch the main job against a hostile simulated gateway.",
    "serve": "Start the service.",
    "submit": "Submit a prompt, and wait for its picture; or a file of prompts.",
    "blend": "Blend pictures into one.",
    "describe": "Print prompts for a picture.",
    "shorten": "Print shorter versions of a prompt.",
    "edit": "Change a picture by a prompt.",
    "video": "Make a video.",
    "swap-face": "Put the face of one picture into another.",
    "upload": "Upload pictures, and print their addresses.",
    "click": "Click a button of a finished task.",
    "modal": "Answer the window that a click has opened.",
    "cancel": "Give a task up.",
    "resubmit": "Ask once more for what ended badly.",
    "tag": "Add tags to a task, and take them away.",
    "watch": "Watch a task and its chain until they have ended.",
    "tasks": "List tasks, newest first; or adopt a gateway's.",
    "events": "List events, or follow them as they happen.",
    "listen": "Print events as they come, and try a subscriber out on this machine.",
    "subscriptions": "Have events sent to a URL, signed; and look after that.",
    "deliveries": "List what is owed to subscribers, and what became of it.",
    "usage": "Say what was spent.",
    "doctor": "Find what is wrong with this deployment, and say what to do.",
    "rules": "Check, test, explain and steer the rules.",
    "pause": "Stop every paid submission.",
    "resume": "Let submissions go on.",
    "simulate": "Run a simulated gateway, with the vices you choose.",
}


class Verbs(click.Group):
    """A group that imports a verb's module only when the verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 — click's signature
        """Every verb, in the order in which one meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Give the verb's command."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"service.cli.{cmd_name.replace('-', '_')}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; Ctrl-C ends any of them, and the loading of its module, without a word."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version=version("ringback"), prog_name="ringback")
def main() -> None:
    """Ringback: a Midjourney gateway's callbacks as a durable event stream with rules."""
