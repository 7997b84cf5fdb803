"""The list of addresses for people, made from the OpenAPI description; usual viewers load scripts from elsewhere."""

from html import escape
from typing import Any

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: HTTP interface</title>
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/style.css">
</head>
<body>
<main class="docs">
<h1>{title}: HTTP interface</h1>
<p>Errors are problem documents (RFC 9457). For programs: <a href="/openapi.json">/openapi.json</a>.
<a href="/">Back to the page</a></p>
{sections}
</main>
</body>
</html>
"""


def docs_page(openapi: dict[str, Any]) -> str:
    """HTML from an OpenAPI description."""
    sections = [
        _section(method.upper(), path, operation)
        for path, operations in openapi["paths"].items()
        for method, operation in operations.items()
        if method != "head"
    ]
    return _PAGE.format(title=escape(openapi["info"]["title"]), sections="\n".join(sections))


def _section(method: str, path: str, operation: dict[str, Any]) -> str:
    parts = [f"<h2><code>{method} {escape(path)}</code></h2>", f"<p>{escape(operation['summary'])}."]
    parts[-1] += f" {escape(operation.get('description', ''))}</p>"
    rows = [
        (f"?{item['name']}=", item.get("description", ""))
        for item in operation.get("parameters", ())
        if item["in"] == "query"
    ]
    rows += [("body", kind) for kind in operation.get("requestBody", {}).get("content", ())]
    rows += [(status, item["description"]) for status, item in operation["responses"].items()]
    cells = "".join(
        f"<tr><th scope=row><code>{escape(name)}</code></th><td>{escape(text)}</td></tr>" for name, text in rows
    )
    return "\n".join([*parts, f"<table>{cells}</table>"])
