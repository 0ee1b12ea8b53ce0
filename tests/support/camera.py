"""A camera that is none: what a hand-held camera makes of a QR code on a screen, drawn with OpenCV.

Rule: all chance comes from the generator passed in. The levels are those of the measured findings: `EASY` a
steady hand, `MILD` an ordinary one, `ROUGH` poor light and haste. It knows nothing of moiré, rolling
shutter or autofocus, so what it says is an upper bound.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT = 640, 480
FILL = 0.82
"""Part of the picture's height that the code with its quiet zone takes."""

Pixels = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Optics:
    """Rotation in degrees, corner shift as part of the side, blur sigma in pixels, noise sigma in gray
    levels, contrast 0 to 1, light fall-off across the picture 0 to 1, JPEG quality (0: none)."""

    rotation: float
    perspective: float
    blur: float
    noise: float
    contrast: float
    falloff: float
    jpeg: int


class Level(Enum):
    EASY = Optics(rotation=0, perspective=0, blur=0.5, noise=4, contrast=1, falloff=0, jpeg=0)
    MILD = Optics(rotation=8, perspective=0.03, blur=0.9, noise=8, contrast=0.85, falloff=0.3, jpeg=85)
    ROUGH = Optics(rotation=15, perspective=0.06, blur=1.4, noise=14, contrast=0.6, falloff=0.4, jpeg=70)


def snap(code: Image.Image, level: Level, rng: np.random.Generator) -> Image.Image:
    """One picture of `code`, 640 x 480 gray levels, with a fresh hand movement and fresh noise."""
    optics = level.value
    picture = _place(code, optics, rng)
    picture = cv2.GaussianBlur(picture, (0, 0), optics.blur).astype(np.float32)
    picture = 128 + (picture - 128) * optics.contrast
    picture *= _light(optics.falloff, rng)
    picture += rng.normal(0, optics.noise, picture.shape).astype(np.float32)
    gray = np.clip(picture, 0, 255).astype(np.uint8)
    if optics.jpeg:
        packed = io.BytesIO()
        Image.fromarray(gray).save(packed, "JPEG", quality=optics.jpeg)
        return Image.open(packed).convert("L")
    return Image.fromarray(gray)


def _place(code: Image.Image, optics: Optics, rng: np.random.Generator) -> Pixels:
    flat = np.asarray(code.convert("L"), dtype=np.float32)
    side = FILL * HEIGHT
    angle = np.deg2rad(rng.uniform(-optics.rotation, optics.rotation))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * side / 2
    corners = corners @ turn.T + rng.uniform(-optics.perspective, optics.perspective, (4, 2)) * side
    corners += np.array([WIDTH / 2, HEIGHT / 2]) + rng.uniform(-4, 4, 2)
    edge = float(flat.shape[0])
    source = np.array([[0, 0], [edge, 0], [edge, edge], [0, edge]], dtype=np.float32)
    smooth = cv2.GaussianBlur(flat, (0, 0), max(0.3, 0.4 * edge / side))
    warp = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    placed = cv2.warpPerspective(smooth, warp, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderValue=(210.0,))
    return placed.astype(np.float32)


def _light(falloff: float, rng: np.random.Generator) -> Pixels:
    direction = rng.uniform(0, 2 * np.pi)
    across = np.linspace(-0.5, 0.5, WIDTH) * np.cos(direction)
    down = np.linspace(-0.5, 0.5, HEIGHT) * np.sin(direction)
    light: Pixels = (1 - falloff * (0.5 + across[None, :] + down[:, None]) / 1.5).astype(np.float32)
    return light
