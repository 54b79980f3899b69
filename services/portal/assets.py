"""Style and script: each one bundle of files of this folder, by the hash of what they hold."""

import gzip
import hashlib
from dataclasses import dataclass
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response

from services.portal import security

# One bundle and not two files: htmx and its extension would race each other.
_BUNDLES = {
    "portal.js": ("vendor/htmx.min.js", "vendor/hx-sse.min.js", "live.js", "forms.js"),
    "portal.css": ("tokens.css", "frame.css", "parts.css", "forms.css", "log.css", "print.css"),
    "proof.js": ("proof.js",),
    "icon.svg": ("icon.svg",),
}
_TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served; its address changes with its bytes."""

    name: str
    content: bytes
    packed: bytes
    address: str


def load() -> dict[str, Asset]:
    """Every asset by its name."""
    folder = resources.files("services.portal") / "static"
    found = {}
    for name, files in _BUNDLES.items():
        content = b"\n".join(folder.joinpath(file).read_bytes() for file in files)
        digest = hashlib.sha256(content).hexdigest()[:16]
        packed = gzip.compress(content, mtime=0)
        found[name] = Asset(name, content, packed, f"/static/{digest}/{name}")
    return found


class Assets:
    """Serves the assets: a page's bytes never change at their address."""

    def __init__(self) -> None:
        self.by_name = load()
        self._by_address = {asset.address: asset for asset in self.by_name.values()}

    def address(self, name: str) -> str:
        """Where the asset is."""
        return self.by_name[name].address

    async def serve(self, request: Request) -> Response:
        """One asset."""
        asset = self._by_address.get(request.url.path)
        if asset is None:
            return security.secured(Response("There is no such file.", 404))
        headers = {"cache-control": _FOR_EVER, "vary": "accept-encoding"}
        packed = "gzip" in request.headers.get("accept-encoding", "")
        if packed:
            headers["content-encoding"] = "gzip"
        kind = _TYPES[asset.name.rpartition(".")[2]]
        return security.secured(
            Response(asset.packed if packed else asset.content, headers=headers, media_type=kind)
        )
