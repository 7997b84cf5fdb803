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
    """The plainest of static hosts; `asked` counts what was given out by its path, not what the browser had already."""

    daemon_threads = True

    def __init__(self, root):
        self.asked = Counter()
        asked = self.asked

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def log_request(self, code="-", _size="-"):
                if code == 200:
                    asked[self.path] += 1

        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=root))
        self.root = root
        self.address = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


@pytest.fixture
def make_host(tmp_path, predictor):
    """A host with a site at /some/where/, and a function that puts there a site with other rules."""
    hosts = []

    def make_host(rules="default"):
        host = Host(tmp_path / f"host{len(hosts)}")
        host.site = f"{host.address}/some/where/"
        host.folder = host.root / "some" / "where"
        host.put = lambda rules: write_site(host.folder, site_files(read_model(None), predictor, load_rules(rules)))
        host.put(rules)
        hosts.append(host)
        return host

    yield make_host
    for host in hosts:
        host.stop()


@pytest.fixture
def host(make_host):
    return make_host()


@pytest.fixture
def open_page(browser):
    with watched_pages(browser) as open_page:
        yield open_page


@pytest.fixture
def page(open_page, host):
    """The site as somebody sees it who comes for the first time, with its model loaded."""
    page = open_page(host.site)
    page.wait_for_selector("#bars li", state="attached")
    return page
