"""`python -m service.cli`: the `ringback` command of this very interpreter."""

from service.cli.main import main

main(prog_name="ringback")
