"""`ringback …`, whose courier tries again within seconds: `python brisk.py serve`."""

import hooks.backoff
import hooks.sender

# Before anybody imports them from there.
hooks.backoff.DELIVERY_PAUSES = (0.1, 0.2, 0.4, 0.8, 1, 2, 4, 8, 16, 32, 64)  # type: ignore[misc]
hooks.backoff.SILENCE_RESTS = (0, 0.2)  # type: ignore[misc]
hooks.sender.DEADLINE = 1.0  # type: ignore[misc]

from service.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main(prog_name="ringback")
