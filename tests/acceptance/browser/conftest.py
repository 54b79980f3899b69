"""A real browser on the portal of the platform that all acceptance tests share."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.acceptance.browser import chromium
from tests.acceptance.browser.visitor import PHONE, Size, Visitor
from tests.acceptance.platform import Platform

Enter = Callable[..., Visitor]


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A Chromium of this test alone."""
    with chromium.running() as started:
        yield started


@pytest.fixture
def enter(platform: Platform, browser: Browser) -> Iterator[Enter]:
    """Sign a person in: `enter("site", PHONE)`. At the end no page may have complained."""
    visitors: list[Visitor] = []

    def sign_in(sub: str, size: Size = PHONE, *, dark: bool = False) -> Visitor:
        visitor = Visitor.of(browser, platform, size, dark=dark)
        visitors.append(visitor)
        visitor.sign_in(sub)
        return visitor

    yield sign_in
    for visitor in visitors:
        assert visitor.complaints == []
