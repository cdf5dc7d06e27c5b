"""What a click is called: our action for each kind of button."""


def action_of(kind: str) -> str:
    """Our action for a click on a button of this kind, "ACTION" when the kind is unknown.

    Kinds: `hooks.buttons`. The mapping follows what the gateways report for the task that opens.
    """
    if kind.startswith(("upsample", "video_virtual_upscale")):
        return "UPSCALE"
    if kind in ("variation", "low_variation", "high_variation"):
        return "VARIATION"
    if kind.startswith("pan_"):
        return "PAN"
    if kind.startswith(("animate_", "video")):
        return "VIDEO"
    return _ACTIONS.get(kind, "ACTION")


_ACTIONS = {
    "reroll": "REROLL",
    "Inpaint": "INPAINT",
    "Outpaint": "ZOOM",
    "CustomZoom": "ZOOM",
    "PicReader": "IMAGINE",
    "Picread": "DESCRIBE",
    "PromptAnalyzer": "IMAGINE",
    "BOOKMARK": "BOOKMARK",
}

# Every action that a click can open.
CLICK_ACTIONS = frozenset(_ACTIONS.values()) | {"UPSCALE", "VARIATION", "PAN", "VIDEO", "ACTION"}
