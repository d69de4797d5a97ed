"""The API reference as one page of plain HTML: made of the description, works without network."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from cloud.interfaces.rest_api.errors import STATUS, language_of, texts

_STYLE = """
:root{color-scheme:light dark;font:16px/1.55 system-ui,"Noto Sans KR",sans-serif}
body{max-width:60rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.6rem}h2{margin-top:2.5rem;border-bottom:1px solid #8886}
details{border:1px solid #8884;border-radius:.5rem;margin:.5rem 0;padding:.4rem .8rem}
summary{cursor:pointer}summary code{font-weight:600}
.get{color:#0a7d4b}.post{color:#1a63c7}.patch,.put{color:#a05a00}.delete{color:#c22}
b.m{display:inline-block;min-width:4.2rem;font-family:ui-monospace,monospace}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
td,th{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-top:1px solid #8883}
pre{overflow:auto;background:#8881;padding:.7rem;border-radius:.4rem;font-size:.85rem}
nav{display:flex;flex-wrap:wrap;gap:.3rem 1rem}
"""
_DEEPEST = 6
_WORDS = ("TITLE", "ABOUT", "PARAMETERS", "BODY", "CODES")


def add_reference(app: FastAPI) -> None:
    """Serve the page at ``/docs``."""
    pages: dict[str, str] = {}

    @app.get("/docs", include_in_schema=False)
    async def reference(request: Request) -> HTMLResponse:
        """Return the page in the asker's language; it is made once for each."""
        language = language_of(request)
        if language not in pages:
            pages[language] = reference_page(app.openapi(), language)
        return HTMLResponse(pages[language], headers={"Vary": "Accept-Language"})


def reference_page(document: dict[str, Any], language: str) -> str:
    """Return the whole page in ``ko`` or ``en``."""
    known = texts(language)
    say = {key: escape(text) for key, text in known.items()}
    say |= {name: escape(known[f"REFERENCE.{name}"]) for name in _WORDS}
    groups: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            tag = (operation.get("tags") or [""])[0]
            section = "".join(_operation(path, method, operation, document, say))
            groups.setdefault(tag, []).append(section)
    links = "".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in groups)
    body = "".join(
        f'<h2 id="{escape(tag)}">{escape(tag)}</h2>{"".join(sections)}'
        for tag, sections in groups.items()
    )
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{say['TITLE']}</title><style>{_STYLE}</style>"
        f"<h1>{say['TITLE']}</h1><p>{say['ABOUT']}</p>"
        f'<p><a href="/api/v1/openapi.json">OpenAPI {escape(document["openapi"])}</a></p>'
        f'<nav>{links}<a href="#codes">{say["CODES"]}</a></nav>{body}'
        f"{_codes(say)}</html>"
    )


def _operation(
    path: str,
    method: str,
    operation: dict[str, Any],
    document: dict[str, Any],
    say: dict[str, str],
) -> Iterator[str]:
    about = escape(operation.get("description", operation.get("summary", "")))
    yield (
        f'<details><summary><b class="m {method}">{method.upper()}</b>'
        f"<code>{escape(path)}</code> {about.partition(chr(10))[0]}</summary>"
    )
    if parameters := [_resolved(p, document) for p in operation.get("parameters", [])]:
        rows = "".join(
            f"<tr><td><code>{escape(p['name'])}</code></td><td>{escape(p['in'])}</td>"
            f"<td>{escape(_kind(p.get('schema', {}), document))}</td>"
            f"<td>{escape(p.get('description', ''))}</td></tr>"
            for p in parameters
        )
        yield f"<h4>{say['PARAMETERS']}</h4><table>{rows}</table>"
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<h4>{say['BODY']} <code>{escape(kind)}</code></h4>"
        yield _shown(content.get("schema", {}), document)
    for status, response in operation["responses"].items():
        yield f"<h4>{escape(status)} {escape(response.get('description', ''))}</h4>"
        if status.startswith("2") and status != "202":
            for kind, content in response.get("content", {}).items():
                yield f"<p><code>{escape(kind)}</code></p>"
                yield _shown(content.get("schema", {}), document)
    yield "</details>"


def _codes(say: dict[str, str]) -> str:
    rows = "".join(
        f"<tr><td><code>{code}</code></td><td>{status}</td><td>{say.get(code, '')}</td></tr>"
        for code, status in sorted(STATUS.items())
    )
    others = "".join(
        f"<tr><td><code>{code}</code></td><td>422</td><td>{text}</td></tr>"
        for code, text in sorted(say.items())
        if code not in STATUS and code not in _WORDS and "." not in code
    )
    return f'<h2 id="codes">{say["CODES"]}</h2><table>{rows}{others}</table>'


def _resolved(node: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    found: Any = node
    if reference := node.get("$ref"):
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    return dict(found)


def _shown(schema: dict[str, Any], document: dict[str, Any]) -> str:
    text = json.dumps(_outline(schema, document, 0), ensure_ascii=False, indent=2)
    return f"<pre>{escape(text)}</pre>"


def _outline(schema: dict[str, Any], document: dict[str, Any], depth: int) -> object:
    """Return a value that shows the shape: names of types where values stand."""
    schema = _resolved(schema, document)
    if depth > _DEEPEST:
        return "…"
    if "properties" in schema:
        return {
            name: _outline(child, document, depth + 1)
            for name, child in schema["properties"].items()
        }
    if schema.get("type") == "array" and "items" in schema:
        return [_outline(schema["items"], document, depth + 1)]
    return _kind(schema, document)


def _kind(schema: dict[str, Any], document: dict[str, Any]) -> str:
    schema = _resolved(schema, document)
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " | ".join(_kind(one, document) for one in schema[choice])
    kind = str(schema.get("type") or schema.get("title") or "any")
    return f"{kind} ({schema['format']})" if "format" in schema else kind
