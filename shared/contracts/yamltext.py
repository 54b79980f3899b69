"""YAML for protocol files: a small strict reading that keeps the line of every value.

Of YAML 1.1 only what a protocol needs: text, true/false, null, whole numbers, decimals (a
``Decimal`` of their text, never a float), days (YYYY-MM-DD), lists and maps with text keys.
``yes``, ``on``, ``1:30`` and ``010`` are text or errors, never a surprise; a doubled key, a tag
and an alias are refused, and what is nested or as long as no protocol would be.
"""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Path = tuple[str | int, ...]

#: No rule that a person reads aloud is nested deeper, and no number of a protocol is longer.
DEEPEST: Final = 64
_LONGEST: Final = 40

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT: Final = re.compile(r"-?(0|[1-9][0-9]*)").fullmatch
_DECIMAL: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?").fullmatch
#: YAML 1.1, section 5.1: what may stand in a text is anything but this.
_UNPRINTABLE: Final = re.compile(
    r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
).search
_TAB_INDENTS: Final = re.compile(r" *\t").match
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_WORDS: Final[Mapping[str, bool | None]] = {
    "true": True,
    "false": False,
    "null": None,
    "~": None,
    "": None,
}


class BadYaml(ValueError):
    """Text that is not the YAML we accept; ``line`` counts from 1."""

    def __init__(self, msg: str, line: int, path: Path = ()) -> None:
        super().__init__(msg)
        self.msg = msg
        self.line = line
        self.path = path


class Places:
    """Where each value of a file stands: path -> line, from 1."""

    def __init__(self, lines: Mapping[Path, int]) -> None:
        self._lines = lines

    def line(self, path: Path) -> int:
        """The line of ``path``, or of the nearest thing around it that is in the file."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)


def loads(text: str) -> tuple[object, Places]:
    """The value and its places; raises ``BadYaml``."""
    try:
        depth = documents = 0
        for event in yaml.parse(text, Loader=_LOADER):
            line = _line(event.start_mark)
            documents += isinstance(event, yaml.DocumentStartEvent)
            if documents > 1:
                raise BadYaml("a second document begins here", line)
            if isinstance(event, yaml.AliasEvent):
                raise BadYaml("aliases are not used here", line)
            if getattr(event, "tag", None) is not None:
                raise BadYaml("tags are not used here", line)
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise BadYaml("is nested too deeply", line)
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = _line(error.problem_mark or error.context_mark)
        raise BadYaml(_problem(error.problem, text, line), line) from None
    except yaml.YAMLError:
        bad = _UNPRINTABLE(text)
        line = 1 if bad is None else text.count("\n", 0, bad.start()) + 1
        raise BadYaml("is not YAML: a character stands here that no text has", line) from None
    if root is None:
        raise BadYaml("is empty", 1)
    lines: dict[Path, int] = {}
    return _value(root, (), lines), Places(lines)


def _problem(problem: str | None, text: str, line: int) -> str:
    here = "".join(text.split("\n")[line - 1 : line])
    no_token = "cannot start any token" in (problem or "")
    if _TAB_INDENTS(here) or (no_token and "\t" in here):
        return "a tab stands here where only spaces may"
    return f"is not YAML: {problem}" if problem else "is not YAML"


def _line(mark: object) -> int:
    return int(getattr(mark, "line", 0)) + 1


def _value(node: Node, path: Path, lines: dict[Path, int]) -> object:
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if isinstance(node, MappingNode):
        made: dict[str, object] = {}
        for key_node, value_node in node.value:
            here = key_node.start_mark.line + 1
            key = key_node.value if isinstance(key_node, ScalarNode) else None
            if key is None:
                raise BadYaml("a key must be text", here, path)
            if key in made:
                raise BadYaml(f"{key} is given twice", here, path)
            lines[(*path, key)] = here
            made[key] = _value(value_node, (*path, key), lines)
        return made
    if isinstance(node, SequenceNode):
        return [_value(item, (*path, index), lines) for index, item in enumerate(node.value)]
    if not isinstance(node, ScalarNode):
        raise BadYaml("is of an unknown kind", line, path)
    if node.style in ("'", '"', "|", ">"):
        return node.value
    return _scalar(node.value, line, path)


def _scalar(text: str, line: int, path: Path) -> object:
    if text in _WORDS:
        return _WORDS[text]
    if (whole := _INT(text)) or _DECIMAL(text):
        if len(text) > _LONGEST:
            raise BadYaml("has too many digits", line, path)
        return int(text) if whole else Decimal(text)
    if _DAY(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise BadYaml("there is no such day", line, path) from None
    return text
