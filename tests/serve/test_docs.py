"""What docs/api.md and docs/deploy.md say is so."""

import configparser
import re
import shlex

from tests.conftest import REPOSITORY
from tests.serve.test_process import ready

API = (REPOSITORY / "docs" / "api.md").read_text(encoding="utf-8")
DEPLOY = (REPOSITORY / "docs" / "deploy.md").read_text(encoding="utf-8")


def test_the_example_in_python(server, photo, tmp_path, monkeypatch, capsys):
    ready(server)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bottle.jpg").write_bytes(photo)
    (code,) = re.findall(r"```python\n(.*?)```", API, flags=re.DOTALL)
    exec(compile(code.replace("http://127.0.0.1:8000", server.address), "docs/api.md", "exec"), {})
    verdict, prob, target = capsys.readouterr().out.split()
    assert (verdict, target) == ("glass", "glass")
    assert float(prob) > 0.9


def test_every_member_and_status_is_documented(make_client, tmp_path, photo):
    client = make_client(feedback=tmp_path)
    (answer,) = client.post("/v1/classify?pictures=true", files={"f": ("a", photo)}).json()["results"]
    assert all(f"`{member}`" in API for member in answer)
    statuses = {
        status
        for operations in client.get("/openapi.json").json()["paths"].values()
        for operation in operations.values()
        for status in operation["responses"]
    }
    assert all(re.search(rf"^\| .*\b{status}\b", API, flags=re.MULTILINE) for status in statuses - {"200", "201"})


def test_the_container_is_the_documented_one():
    (block,) = re.findall(r"```dockerfile\n(.*?)```", DEPLOY, flags=re.DOTALL)
    assert block == (REPOSITORY / "Containerfile").read_text(encoding="utf-8")


def test_options_named_in_the_docs_exist(run):
    _, out, _ = run("serve", "--help")
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    unit, _ = re.findall(r"```ini\n(.*?)```", DEPLOY, flags=re.DOTALL)  # the other one is for a camera
    parser.read_string(unit)
    words = shlex.split(parser["Service"]["ExecStart"])
    assert words[1] == "serve"
    table = re.findall(r"`(--[a-z-]+)", DEPLOY[: DEPLOY.index("## Container")])
    for option in {*table, *(word for word in words if word.startswith("--"))}:
        assert option in out, option
