"""The Chinese pages show what the English ones show: commands, output, pictures and figures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGLISH = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CHINESE = sorted((ROOT / "docs/zh").glob("*.md"))
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROGRAMS = "earmark|make|pip|python|curl|docker|cp|export|tar"
COMMAND = re.compile(rf"^(?:\$ )?((?:[A-Z_]+=\S* )?(?:{PROGRAMS}) [^\n]+)", re.MULTILINE)
HAN = re.compile(r"[\u4e00-\u9fff]")
# Pictures that are in Chinese, and what stands in their place in English.
TWINS = {"docs/images/page-zh.png": "docs/images/page-hum.png"}


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def commands(text: str) -> list[str]:
    """Every command of every block, in order, without what is remarked behind it."""
    found = []
    for language, body in FENCE.findall(text):
        if language != "python":
            found += [re.sub(r"\s+#.*$", "", line) for line in COMMAND.findall(body)]
    return found


def blocks(text: str, language: str) -> list[str]:
    return [body for said, body in FENCE.findall(text) if said == language]


def prose(text: str) -> str:
    return FENCE.sub("", text)


def figures(text: str) -> list[str]:
    """Decimal fractions, which a translator copies, wherever they stand outside blocks."""
    return sorted(re.findall(r"(?<![\w.])\d*\.\d+", prose(text)))


def test_commands_are_found():
    text = (
        "```\nearmark add x   # once\n```\n```console\n$ A=1 earmark list\nout\n$ make demo\n```\n"
    )
    assert commands(text) == ["earmark add x", "A=1 earmark list", "make demo"]
    assert len(commands(read(ROOT / "README.md"))) > 20


def test_the_chinese_readme_is_the_english_one():
    english, chinese = read(ROOT / "README.md"), read(ROOT / "README.zh-CN.md")
    assert commands(chinese) == commands(english)
    assert blocks(chinese, "console") == blocks(english, "console"), "copy what was printed"
    assert blocks(chinese, "python") == blocks(english, "python")
    pictures = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")
    shown = [TWINS.get(name, name) for name in pictures.findall(chinese)]
    assert shown == pictures.findall(english)
    heads = re.compile(r"^(#+) ", re.MULTILINE)
    assert heads.findall(prose(chinese)) == heads.findall(prose(english))
    assert figures(chinese) == figures(english)
    assert "](README.zh-CN.md)" in english
    assert "](README.md)" in chinese


@pytest.mark.parametrize("path", CHINESE, ids=lambda path: path.name)
def test_what_a_chinese_page_shows_stands_in_an_english_one(path):
    known = {command for page in ENGLISH for command in commands(read(page))}
    told = commands(read(path))
    assert told
    missing = [command for command in told if command not in known]
    assert not missing
    printed = "".join(body for page in ENGLISH for body in blocks(read(page), "console"))
    for body in blocks(read(path), "console"):
        for line in body.splitlines():
            assert line in printed, f"{path.name} shows {line!r}, which no English page does"


@pytest.mark.parametrize("path", [ROOT / "README.zh-CN.md", *CHINESE], ids=lambda path: path.name)
def test_chinese_is_written_as_chinese_is(path):
    text = re.sub(r"`[^`\n]*`|\]\([^)]*\)|https?://\S+", "", prose(read(path)))
    assert len(HAN.findall(text)) > 500
    # Full-width punctuation between Chinese characters; no half-width comma, colon or full stop.
    assert not re.findall(r"[\u4e00-\u9fff][,;:?!][ \n]?[\u4e00-\u9fff]", text)
    assert not re.findall(r"[\u4e00-\u9fff]\.(?:\s|$)", text)


def test_there_is_a_guide():
    assert "guide.md" in {path.name for path in CHINESE}
    assert "](docs/zh/guide.md)" in read(ROOT / "README.zh-CN.md")
