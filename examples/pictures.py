"""The difference hash of an uploaded picture: pictures that look alike have hashes that differ in few bits.

Each of the 64 bits says whether a cell of a 9 × 8 thumbnail is brighter than its left neighbour.
"""

import io

import numpy as np
from PIL import Image

MAX_PIXELS = 50_000_000  # a small file can hold a picture that fills the memory


class PictureScorer:
    preload = ("PIL.JpegImagePlugin", "PIL.PngImagePlugin", "PIL.WebPImagePlugin")
    accepts = ("image/jpeg", "image/png", "image/webp")

    def score(self, requests: list[bytes]) -> list[dict[str, object] | ValueError]:
        return [difference_hash(request) for request in requests]


def difference_hash(file: bytes) -> dict[str, object] | ValueError:
    try:
        with Image.open(io.BytesIO(file)) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                return ValueError(
                    f"{width} × {height} pixels, at most {MAX_PIXELS} in all; send a smaller one"
                )
            grey = np.asarray(picture.convert("L").resize((9, 8)))
    except OSError:
        return ValueError("not a picture that can be read; send a JPEG, PNG or WebP file")
    bits = np.packbits(grey[:, 1:] > grey[:, :-1])
    return {"hash": bits.tobytes().hex(), "width": width, "height": height}
