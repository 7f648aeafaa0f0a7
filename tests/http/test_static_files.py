"""Static files: found without collecting them, in sync and async servers, and cacheable."""

import pytest
from django.test import AsyncClient, Client

TOKENS = "/static/css/tokens.css"


def test_a_file_and_its_absence(db: None) -> None:
    found = Client().get(TOKENS)
    assert (found.status_code, found["Content-Type"].split(";")[0]) == (200, "text/css")
    assert b"color-scheme" in found.content
    assert Client().head(TOKENS).content == b""
    again = Client().get(TOKENS, headers={"If-Modified-Since": found["Last-Modified"]})
    assert (again.status_code, again.content) == (304, b"")
    assert Client().get("/static/css/nothing.css").status_code == 404


async def test_the_same_on_asgi() -> None:
    found = await AsyncClient().get(TOKENS)
    assert (found.status_code, found.streaming) == (200, False)
    assert b"color-scheme" in found.content


@pytest.mark.parametrize("path", ["/static/../manage.py", "/static/%2e%2e/manage.py", "/static//etc/passwd"])
def test_only_static_files(db: None, path: str) -> None:
    assert Client().get(path).status_code == 404
