"""`ringback …`, which drops who reads nothing for half a second: `python hasty.py serve`."""

from service.cli.main import main
from service.web.connection import Connection

Connection.reads_within = 0.5

if __name__ == "__main__":
    main(prog_name="ringback")
