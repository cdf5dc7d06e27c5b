"""`ringback tag`: the tags of a task."""

import click

from service.cli.client import connect, task_path
from service.cli.failures import Misused
from service.cli.screen import plain, print_json


@click.command("tag")
@click.argument("task")
@click.argument("tags", nargs=-1)
@click.option("--remove", multiple=True, metavar="TAG", help="Take this one away; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print the task as JSON.")
@click.pass_context
def command(context: click.Context, task: str, tags: tuple[str, ...], remove: tuple[str, ...], as_json: bool) -> None:
    """Give TASK these TAGS, and print those that it has then."""
    if not (tags or remove):
        raise Misused("Name tags to add, or --remove some.")
    tagged = connect(context).post(task_path(task, "tags"), {"add": tags, "remove": remove})
    if as_json:
        print_json(tagged)
    else:
        click.echo(f"{tagged['id']}  {', '.join(map(plain, tagged['tags'])) or 'no tag'}")
