"""What pages complain about: refusals by the policy, errors in the console, exceptions, answers of the kind 5xx."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, ConsoleMessage, Response

#: The browser reports every answer above 399 in its console; answers are judged by `_answered`.
REPORTED_ANSWER = "Failed to load resource"


class Watch:
    """Collects the complaints of the windows it watches over."""

    def __init__(self) -> None:
        self.complaints: list[str] = []

    def over(self, context: BrowserContext) -> None:
        context.on("console", self._said)
        context.on("weberror", lambda error: self.complaints.append(f"exception: {error.error}"))
        context.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(REPORTED_ANSWER):
            where = message.location
            self.complaints.append(f"console: {message.text} ({where['url']}:{where['lineNumber']})")

    def _answered(self, response: Response) -> None:
        asset = response.request.resource_type in {"stylesheet", "script", "image", "font"}
        if response.status >= (400 if asset else 500):
            self.complaints.append(f"{response.status} for {response.request.method} {response.url}")
