"""How pages are looked at: on a wide screen by day and on a narrow one by night."""

import dataclasses
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


@dataclasses.dataclass(frozen=True)
class Look:
    """A screen, in CSS pixels, and a colour scheme."""

    width: int
    height: int
    scheme: Literal["light", "dark"]

    def __str__(self) -> str:
        return f"{self.width}-{self.scheme}"


WIDE = Look(1440, 900, "light")
NARROW = Look(390, 844, "light")
NIGHT = Look(390, 844, "dark")

# Either width and either scheme once: colours do not depend on the width, nor the layout on the scheme.
every_look = pytest.mark.parametrize("look", [WIDE, NIGHT], ids=str, indirect=True)
narrow = pytest.mark.parametrize("look", [NARROW], ids=str, indirect=True)


def clean(page: Page) -> None:
    """Axe finds nothing on the page as it is now."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
