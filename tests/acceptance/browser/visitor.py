"""A person in front of the portal: signs in, reads, types, and looks at every page with axe."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from tests.acceptance.platform import Platform

_PATIENCE_MS = 20_000


class Size(NamedTuple):
    """A window in CSS pixels."""

    width: int
    height: int


PHONE = Size(390, 844)
TABLET = Size(768, 1024)
DESK = Size(1280, 900)


@dataclass
class Visitor:
    """One person's own browser window."""

    page: Page
    platform: Platform
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, browser: Browser, platform: Platform, size: Size, *, dark: bool) -> "Visitor":
        """A window with no memory of others; it notes what goes wrong in it."""
        context = browser.new_context(
            base_url=platform.services["portal"],
            viewport={"width": size.width, "height": size.height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        context.set_default_timeout(_PATIENCE_MS)
        visitor = cls(context.new_page(), platform)
        visitor.page.on("console", visitor._heard)
        visitor.page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        visitor.page.on("request", visitor._asked)
        return visitor

    def _heard(self, message: ConsoleMessage) -> None:
        """What the browser itself objects to: a refused script, a style, a broken connection.

        An answer of 4xx to what a test did on purpose is told by the test.
        """
        if message.type == "error" and "status of 4" not in message.text:
            self.complaints.append(message.text)

    def _asked(self, request: Request) -> None:
        """Nothing is loaded from anywhere else."""
        if not request.url.startswith((self.platform.services["portal"], "data:")):
            self.complaints.append(f"asked {urlsplit(request.url).netloc}")

    # what a person does

    def sign_in(self, sub: str) -> None:
        """With the password that `trialops people` prints."""
        everyone = {row["sub"]: row for row in self.platform.run("people").rows}
        self.page.goto("/")
        self.check()
        self.page.get_by_label("Name").fill(sub)
        self.page.get_by_label("Password").fill(everyone[sub]["password"])
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", level=1)).to_be_visible()
        expect(self.page.get_by_text(everyone[sub]["name"]).first).to_be_attached()

    def go(self, path: str) -> int:
        """To a page; its status."""
        answer = self.page.goto(path)
        assert answer is not None
        return answer.status

    def mark(self) -> None:
        """Remember this page as it is loaded: `unloaded` tells whether it still is."""
        self.page.evaluate("window.stillHere = true")

    @property
    def still_here(self) -> bool:
        """Whether the page has not been loaded again since `mark`."""
        return bool(self.page.evaluate("window.stillHere === true"))

    def fill(self, form: dict[str, Any]) -> None:
        """Answer the questions of a form, each by the place of its value."""
        for name, value in form.items():
            self._answer(f"form/{name}", value)

    def _answer(self, place: str, value: Any) -> None:
        match value:
            case bool():
                self._tick(f"{place}={str(value).lower()}")
            case []:
                self._tick(f"{place}/is=[]")
            case list():
                for one in value:
                    self._tick(f"{place}={one}")
            case {"value": amount, "unit": unit, **more}:
                self._type(f"{place}/value", amount)
                if self._by(f"{place}/unit").count():
                    self._by(f"{place}/unit").select_option(str(unit))
                if "uln" in more:
                    self._type(f"{place}/uln", more["uln"])
            case dict():
                for name, part in value.items():
                    self._answer(f"{place}/{name}", part)
            case _ if self._by(f"{place}={value}").count():
                self._tick(f"{place}={value}")
            case _ if self._by(f"{place}/is={value}").count():
                self._tick(f"{place}/is={value}")
            case _:
                self._type(place, value)

    def _by(self, name: str) -> Any:
        return self.page.locator(f'[id="{name}"]')

    def _tick(self, name: str) -> None:
        self._by(name).check()

    def _type(self, name: str, value: object) -> None:
        self._by(name).fill(str(value))

    # what a page must be

    def check(self) -> None:
        """axe-core finds nothing, and nothing is wider than the window."""
        results = Axe().run(self.page)
        assert results.violations_count == 0, f"{self.page.url}\n{results.generate_report()}"
        too_wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not self.page.evaluate(too_wide), f"{self.page.url} is wider than its window"

    def sees(self, text: str) -> None:
        """The words come to stand on the page, if need be by themselves."""
        expect(self.page.locator("main")).to_contain_text(text, timeout=_PATIENCE_MS)

    def does_not_see(self, text: str) -> None:
        """The words are nowhere on the page."""
        content = self.page.content()
        at = content.find(text)
        assert at < 0, f"{self.page.url}: …{content[max(at - 200, 0) : at + 100]}…"
