"""More requests than it can do: they wait, or are told to come back, and the server stays quick for the rest."""

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.requests import Request

from recyclenet.serve.intake import read_body
from recyclenet.serve.problems import Problem
from tests.serve.test_api import JPEG, assert_problem


class HeldPredictor:
    """The real one, but no answer comes before `open` is set."""

    def __init__(self, predictor):
        self._predictor = predictor
        self.open = threading.Event()
        self.open.set()
        self.begun = threading.Semaphore(0)

    def __getattr__(self, name):
        return getattr(self._predictor, name)

    def predict(self, photo):
        self.begun.release()
        assert self.open.wait(60)
        return self._predictor.predict(photo)


@pytest.fixture
def held(predictor):
    return HeldPredictor(predictor)


def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_full_server_says_when_to_come_back_and_still_answers_all_it_took(make_client, held, photo):
    client = make_client(model=held, workers=1, queue=2)
    pool = client.service.pool
    held.open.clear()
    with ThreadPoolExecutor(3) as threads:
        taken = [threads.submit(client.post, "/v1/classify", content=photo, headers=JPEG) for _ in range(3)]
        wait_until(lambda: pool.admitted == 3 and pool.waiting == 2)
        for _ in range(5):
            response = client.post("/v1/classify", content=photo, headers=JPEG)
            assert_problem(response, 503)
            assert int(response.headers["retry-after"]) >= 1
        assert client.get("/healthz").status_code == 200  # the event loop is free
        text = client.get("/metrics").text
        assert "recyclenet_in_flight 4\n" in text
        assert "recyclenet_queue_length 2\n" in text
        assert 'recyclenet_rejected_total{status="503"} 5\n' in text
        held.open.set()
        assert [item.result().status_code for item in taken] == [200, 200, 200]
    assert (pool.admitted, pool.waiting) == (0, 0)
    assert client.post("/v1/classify", content=photo, headers=JPEG).status_code == 200


def test_out_of_time(make_client, held, photo):
    client = make_client(model=held, workers=1, queue=1, seconds=1.0)
    while client.post("/v1/classify", content=photo, headers=JPEG).status_code != 200:
        pass  # the machine may be slow; from now on only the held predictor is
    held.open.clear()
    for _ in range(2):  # the second finds the only thread busy with the first's photo
        response = client.post("/v1/classify", content=photo, headers=JPEG)
        assert "1 s" in assert_problem(response, 503)
        assert "retry-after" in response.headers
    assert (client.service.pool.admitted, client.service.pool.waiting) == (0, 0)
    held.open.set()
    wait_until(lambda: client.post("/v1/classify", content=photo, headers=JPEG).status_code == 200)


SCOPE = {"type": "http", "method": "POST", "path": "/v1/classify", "query_string": b"", "headers": []}


def send_in_part(client, data):
    """A request of whose body this comes, and then nothing; gives a future to cancel, and what is answered."""
    answer = []
    pieces = [{"type": "http.request", "body": data, "more_body": True}]

    async def receive():
        return pieces.pop() if pieces else await asyncio.sleep(600)

    async def send(message):
        answer.append(message)

    return client.portal.start_task_soon(client.app, SCOPE, receive, send), answer


def test_a_body_that_does_not_come(make_client):
    request, answer = send_in_part(make_client(seconds=0.2), b"")
    request.result()
    assert answer[0]["status"] == 408
    assert "0.2 s" in json.loads(answer[1]["body"])["detail"]


def test_bodies_that_only_drip_hold_no_place(make_client, photo):
    client = make_client(workers=1, queue=0)
    drips = [send_in_part(client, b"x")[0] for _ in range(20)]
    wait_until(lambda: client.service.room.held == 20)
    assert client.post("/v1/classify", content=photo, headers=JPEG).status_code == 200
    for drip in drips:
        drip.cancel()
    wait_until(lambda: client.service.room.held == 0)


def test_bodies_on_their_way_have_so_much_room_together(make_client, photo):
    client = make_client(body_bytes=50_000, workers=1, queue=1)
    halves = [send_in_part(client, bytes(45_000))[0] for _ in range(2)]
    wait_until(lambda: client.service.room.held == 90_000)
    response = client.post("/v1/classify", content=bytes(10_001), headers=JPEG)
    assert_problem(response, 503)
    assert int(response.headers["retry-after"]) >= 1
    assert client.service.room.held == 90_000
    for half in halves:
        half.cancel()
    wait_until(lambda: client.service.room.held == 0)
    assert client.post("/v1/classify", content=photo, headers=JPEG).status_code == 200


class JumpingLoop(asyncio.SelectorEventLoop):
    """Nothing is waited for: its clock jumps to whatever comes next."""

    def __init__(self):
        super().__init__()
        self._now = 0.0
        select = self._selector.select

        def jump(timeout):
            self._now += timeout or 0
            return select(0)

        self._selector.select = jump

    def time(self):
        return self._now


@pytest.mark.parametrize(
    ("count", "every_s", "seconds"),
    [(10_000, 9.0, None), (2500, 2.0, None), (1, 1.0, 10), (9_999, 4.9, None), (9_999, 9.9, 10), (2000, 3.0, 10)],
)
def test_a_body_must_come_at_some_speed(count, every_s, seconds):
    """10,000 bytes in 10 seconds; `seconds`: when it is given up."""
    left = 20

    async def receive():
        nonlocal left
        left -= 1
        await asyncio.sleep(every_s)
        return {"type": "http.request", "body": bytes(count), "more_body": left > 0}

    async def read():
        try:
            return await read_body(Request(SCOPE, receive), 10**6, lambda count: None)
        except Problem as problem:
            return problem.status_code, round(asyncio.get_running_loop().time(), 3)

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        assert runner.run(read()) == (bytes(20 * count) if seconds is None else (408, seconds))


def test_parallel_requests_get_their_own_answers(make_client, trashnet, predictor):
    client = make_client(workers=2, queue=30)
    photos = [(trashnet / f"dataset-resized/{name}/{name}12.jpg").read_bytes() for name in ("glass", "metal", "paper")]
    wanted = [predictor.predict(photo).probs for photo in photos]
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda i: client.post("/v1/classify", content=photos[i % 3], headers=JPEG), range(24)))
    for number, response in enumerate(made):
        assert response.json()["results"][0]["probs"] == pytest.approx(wanted[number % 3], abs=1e-6)
