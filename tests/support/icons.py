"""The icons of the web app as pixels, drawn by a browser from their SVG files.

`python -m support.icons` writes the PNG files anew after a drawing has changed.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from support.browser import chromium
from vigie.serving.web import web_app

STATIC = Path(web_app.__file__).parent / "static"
DRAWN = {
    "icons/app-192.png": ("favicon.svg", 192),
    "icons/app-512.png": ("favicon.svg", 512),
    "icons/maskable-512.png": ("icons/maskable.svg", 512),
    "icons/touch-180.png": ("icons/maskable.svg", 180),
}
"""By file, the drawing and the side in pixels."""
_COLOURS = 64


def draw(browser: Browser, drawing: str, side: int) -> Image.Image:
    """A drawing of so many pixels, with what is transparent left so."""
    page = browser.new_page(viewport={"width": side, "height": side})
    page.set_content(
        "<style>body{margin:0} svg{display:block;width:100vw;height:100vh}</style>"
        + (STATIC / drawing).read_text(encoding="utf-8")
    )
    shot = page.screenshot(omit_background=True)
    page.close()
    return Image.open(BytesIO(shot)).convert("RGBA")


if __name__ == "__main__":
    with chromium() as found:
        for name, (source, size) in DRAWN.items():
            pixels = draw(found, source, size)
            few = pixels.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE)
            few.save(STATIC / name, optimize=True)
