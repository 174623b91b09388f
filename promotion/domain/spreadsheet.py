"""Text for a CSV file that people open in a spreadsheet."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(text: str) -> str:
    """Return `text` so that no spreadsheet takes it for a formula: with an apostrophe where it begins like one."""
    return f"'{text}" if text.startswith(_FORMULA) else text
