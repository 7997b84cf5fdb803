"""A site in a folder below others, on a host that only gives out files."""

import functools
import http.server
import threading
from collections import Counter

import pytest

from recyclenet.predictor import Predictor, read_model
from recyclenet.rules import load_rules
from recyclenet.site.build import site_files
from recyclenet.site.folder import write_site
from tests.browser import watched_pages


@pytest.fixture(scope="session")
def predictor():
    return Predictor(threads=1)


class Host(http.server.ThreadingHTTPServer):
    """The plainest of static hosts, with a site in `folder`, at the address `site`.

    `asked` counts what was given out by its path, but not what the browser had already.
    """

    daemon_threads = True

    def __init__(self, root, predictor):
        self.asked = asked = Counter()

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def log_request(self, code="-", _size="-"):
                if code == 200:
                    asked[self.path] += 1

        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=root))
        self.site = f"http://127.0.0.1:{self.server_port}/some/where/"
        self.folder = root / "some" / "where"
        self._predictor = predictor
        self.put("default")
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def put(self, rules):
        """Writes the site with these rules, over the one that is there."""
        write_site(self.folder, site_files(read_model(None), self._predictor, load_rules(rules)))

    def stop(self):
        self.shutdown()
        self.server_close()


@pytest.fixture
def host(tmp_path, predictor):
    host = Host(tmp_path, predictor)
    yield host
    host.stop()


@pytest.fixture
def open_page(browser):
    with watched_pages(browser) as open_page:
        yield open_page


@pytest.fixture(scope="module")
def page(browser, predictor, tmp_path_factory):
    """One page for all tests of a file: the first visit, which brings the model, takes seconds."""
    host = Host(tmp_path_factory.mktemp("host"), predictor)
    with watched_pages(browser) as open_page:
        page = open_page(host.site)
        wait_for_model(page)
        yield page
    host.stop()


def wait_for_model(page):
    page.wait_for_selector("#bars li", state="attached")
