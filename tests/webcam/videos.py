"""Video files as cameras."""

import cv2
import numpy as np


def write_video(path, pictures, rate=30):
    """Writes the pictures (RGB, one size) as a video that keeps every bit (FFV1); returns its path as text."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"FFV1"), rate, pictures[0].size)
    assert writer.isOpened()
    for picture in pictures:
        writer.write(cv2.cvtColor(np.asarray(picture), cv2.COLOR_RGB2BGR))
    writer.release()
    return str(path)
