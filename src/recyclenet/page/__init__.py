"""The page that people see, the same on a server and without one; who gives it out adds a service.js."""

from importlib.resources import files

PAGE_FILES = ("index.html", "style.css", "app.js", "camera.js", "icon.svg")
"""What `page_file` knows. The page also loads service.js, which is not among them."""


def page_file(name: str) -> bytes:
    """One of PAGE_FILES."""
    return files("recyclenet.page").joinpath("web", name).read_bytes()
