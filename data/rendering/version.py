"""The version of the renderer: raised with any change to the pixels it makes, so that data sets made by it differ."""

from typing import Final

RENDERER_VERSION: Final = "3"
