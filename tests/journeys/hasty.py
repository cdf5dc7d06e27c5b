"""`ringback …` in a hurry: `python hasty.py serve`.

It drops who reads nothing for half a second, and tries a delivery again after a second, but for the last time.
"""

from hooks.courier import Courier
from service.cli.main import main
from service.web.connection import Connection

Connection.reads_within = 0.5
Courier.__init__.__kwdefaults__["pauses"] = (*(1.0,) * 8, 3600.0)

if __name__ == "__main__":
    main(prog_name="ringback")
