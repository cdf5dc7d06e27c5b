"""How a simulated gateway is to behave."""

from collections.abc import Mapping

import msgspec


class SimulatorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway to play. Times are seconds."""

    dialect: str = "midjourney-proxy"  # a name from `dialects.DIALECTS`
    key: str | None = None  # the API key that clients must show; None accepts any, and none at all
    seed: int = 1  # the same seed and the same submissions give the same mischief
    vices: Mapping[str, float] = {}  # by name, as `vices.read_vice` gives them
    grid_seconds: float = 3.0  # from the start of the work to its end, for whatever makes a grid
    upscale_seconds: float = 0.5  # the same for a single picture or a text
    speed: float = 1.0  # 10 makes everything ten times as quick
    slots: int | None = None  # tasks at work at once; None: any number, while a real account has 3
    queue_size: int = 10  # tasks that may wait for a slot, as of a real account
