from tests.webcam.screen import display, press

__all__ = ["display", "press"]
