"""What the simulated Midjourney says where a text is asked for."""

DESCRIPTIONS = (  # of any picture
    "一只猫, a cat in the rain --ar 1:1",
    "a lovely Japan countryside --ar 1:1",
    "a lighthouse at dusk, 水彩画 --ar 1:1",
    "two foxes on a hill, ink on paper --ar 1:1",
)
_WORDS = 5  # of the longest shortening


def describe() -> str:
    """Four prompts for one picture, numbered with the emoji of their buttons."""
    return "\n\n".join(f"{number}️⃣ {prompt}" for number, prompt in enumerate(DESCRIPTIONS, 1))


def shorten(prompt: str, number: int = 1) -> str:
    """The prompt in fewer words; the higher the number, from 1 to 5, the fewer."""
    return " ".join(prompt.split()[: _WORDS + 1 - number])
