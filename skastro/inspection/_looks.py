"""Colours, lines and markers of displays, and the width that they are made for."""

# Of the palette of Okabe and Ito, which the colour-blind can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
BLUE = COLOURS[0]
STYLES = ("--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
MARKERS = "osD^vP"
COLUMN, PAGE = 3.4, 7.1  # inches, the widths of a column and of a page of a paper


def text_colour(colour: tuple[float, ...]) -> str:
    """Black or white, what is read better on a colour."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if luminance > 0.18 else "white"
