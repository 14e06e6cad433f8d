"""The colours of the three themes, by token. The contrast of each pair that is used is a test."""

from __future__ import annotations

from typing import Final

Tokens = dict[str, str]

LIGHT: Final[Tokens] = {
    "background": "#F6F6F3",
    "rail": "#EDEDE8",
    "surface": "#FFFFFF",
    "raised": "#FBFBF9",
    "border": "#DEDED7",
    "edge": "#85898F",  # outlines that carry meaning: boxes to tick, handles
    "hover": "#E4E4DD",
    "pressed": "#D8D8D0",
    "text": "#1C1F23",
    "muted": "#5F656D",
    "disabled": "#868B92",
    "accent": "#1B5E9E",
    "accent_hover": "#164F86",
    "accent_pressed": "#113F6B",
    "accent_soft": "#E3EDF7",
    "on_accent": "#FFFFFF",
    "good": "#1E7B4F",
    "good_soft": "#E3F2EA",
    "warn": "#9A5B00",
    "warn_soft": "#FBF0DC",
    "bad": "#B3261E",
    "bad_soft": "#FBE9E7",
    "series1": "#0072B2",
    "series2": "#D55E00",
    "series3": "#009E73",
    "series4": "#CC79A7",
    "series5": "#E69F00",
}

DARK: Final[Tokens] = {
    "background": "#14171B",
    "rail": "#101317",
    "surface": "#1B1F25",
    "raised": "#20252C",
    "border": "#2D343C",
    "edge": "#76808B",
    "hover": "#262C34",
    "pressed": "#303740",
    "text": "#E7E9EC",
    "muted": "#9BA4AE",
    "disabled": "#6B747E",
    "accent": "#7DB3E8",
    "accent_hover": "#97C3EE",
    "accent_pressed": "#6CA1D6",
    "accent_soft": "#1F3348",
    "on_accent": "#0E1A26",
    "good": "#5CC08B",
    "good_soft": "#17352A",
    "warn": "#E3A653",
    "warn_soft": "#3A2D18",
    "bad": "#F08A80",
    "bad_soft": "#40221F",
    "series1": "#56B4E9",
    "series2": "#F0884D",
    "series3": "#3FC79A",
    "series4": "#E39CC6",
    "series5": "#F2C14E",
}

CONTRAST: Final[Tokens] = {
    "background": "#000000",
    "rail": "#000000",
    "surface": "#000000",
    "raised": "#000000",
    "border": "#FFFFFF",
    "edge": "#FFFFFF",
    "hover": "#333333",
    "pressed": "#4D4D4D",
    "text": "#FFFFFF",
    "muted": "#FFFFFF",
    "disabled": "#A6A6A6",
    "accent": "#FFE100",
    "accent_hover": "#FFF07A",
    "accent_pressed": "#D6BD00",
    "accent_soft": "#3D3600",
    "on_accent": "#000000",
    "good": "#5CFFA6",
    "good_soft": "#000000",
    "warn": "#FFC266",
    "warn_soft": "#000000",
    "bad": "#FF9C94",
    "bad_soft": "#000000",
    "series1": "#56B4E9",
    "series2": "#FF9A5C",
    "series3": "#45E0AE",
    "series4": "#F2A9D4",
    "series5": "#FFD24D",
}

THEMES: Final[dict[str, Tokens]] = {"light": LIGHT, "dark": DARK, "contrast": CONTRAST}


def contrast_ratio(first: str, second: str) -> float:
    """The contrast of two ``#RRGGBB`` colours, 1 to 21. Source: WCAG 2.2, relative luminance."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    channels = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
