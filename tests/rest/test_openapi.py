"""The API's description: committed as generated, complete, and readable in a browser that allows nothing foreign."""

import json
import re
from pathlib import Path

import pytest
from django.test import Client

from flowapp.rest.api import api

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
WRITE = (
    "python manage.py export_openapi_schema --api flowapp.rest.api.api --indent 1 --output docs/reference/openapi.json"
)


@pytest.fixture(scope="module")
def document():
    return json.loads(json.dumps(api.get_openapi_schema()))


def calls(document):
    return [(method.upper(), path) for path, found in document["paths"].items() for method in found]


def test_the_committed_description_is_the_generated_one(document):
    committed = json.loads((REFERENCE / "openapi.json").read_text())
    assert committed == document, f"the API changed; write its description anew: {WRITE}"


def test_it_is_served(db, document):
    assert Client().get("/v1/openapi.json").json() == document


def test_every_reference_leads_somewhere(document):
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert references <= set(document["components"]["schemas"])


def test_every_call_says_what_it_does_and_how_it_fails(document):
    ids = [one["operationId"] for found in document["paths"].values() for one in found.values()]
    assert len(ids) == len(set(ids))
    for found in document["paths"].values():
        for operation in found.values():
            assert operation["summary"].endswith("."), operation["operationId"]
            assert "application/problem+json" in operation["responses"]["default"]["content"]


def test_the_reference_page_names_every_call(document):
    text = (REFERENCE / "rest.md").read_text()
    missing = [f"{method} {path}" for method, path in calls(document) if f"{method} {_shown(path)}" not in text]
    assert missing == []


def _shown(path):
    return re.sub(r"\{\w+_id\}", "{id}", path)


def test_the_docs_show_every_call_and_shape(db, document):
    answer = Client().get("/v1/docs")
    page = answer.content.decode()
    for found in document["paths"].values():
        for operation in found.values():
            assert f'id="{operation["operationId"]}"' in page
    for name in document["components"]["schemas"]:
        assert f'id="{name}"' in page


def test_the_docs_need_no_script_and_nothing_foreign(db):
    answer = Client().get("/v1/docs")
    page = answer.content.decode()
    assert "<script" not in page
    assert " style=" not in page
    assert re.findall(r'(?:src|href)="(?:https?:)?//', page) == []
    assert "unsafe" not in answer["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/v1/openapi.json", "/v1/docs"])
def test_they_are_only_read(db, path):
    answer = Client().post(path)
    assert (answer.status_code, answer["Content-Type"]) == (405, "application/problem+json")
