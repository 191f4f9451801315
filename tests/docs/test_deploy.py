"""Dockerfile, compose.yaml and .env.example hold what docs/service.md promises of them.

They are read, not run: Docker need not be where the tests are.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

import earmark
from earmark.config import ServeSettings, Settings
from earmark.stores.redis_address import PASSWORD, redis_address

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
OURS = ("earmark", "earmark-scaled", "worker")
ASKED_BY_PORT = ("earmark", "earmark-scaled")
# A tag that names one release: at least two numbers, or a dated release as MinIO makes them.
PINNED = re.compile(r"v?\d+\.\d+(\.\d+)?(-[\w.]+)?|RELEASE\.\d{4}-\d\d-\d\dT[\d-]+Z")
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|(?<!EARMARK_SERVE_)KEY", re.IGNORECASE)
ASKED = re.compile(r"\$\{(\w+):\?[^}]+\}")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, continued lines joined."""
    lines = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.M)
    joined = re.sub(r"\\\n\s*", "", lines)
    return re.findall(r"^([A-Z]+) (.+)$", joined, re.M)


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    start = max(number for number, (word, _) in enumerate(found) if word == "FROM")
    return found[start:]


def environment(stage: list[tuple[str, str]]) -> dict[str, str]:
    pairs = [pair for word, rest in stage if word == "ENV" for pair in shlex.split(rest)]
    return dict(pair.split("=", 1) for pair in pairs)


def published(service: dict) -> list[str]:
    return [str(port) for port in service.get("ports", ())]


def said(service: dict) -> dict[str, str]:
    found = service.get("environment", {})
    return dict(line.split("=", 1) for line in found) if isinstance(found, list) else found


def test_both_profiles_are_there():
    profiles = {name: tuple(service["profiles"]) for name, service in SERVICES.items()}
    assert [name for name, of in profiles.items() if "embedded" in of] == ["earmark"]
    scaled = {name for name, of in profiles.items() if "scaled" in of}
    assert scaled == {"earmark-scaled", "worker", "door", "milvus", "etcd", "minio", "redis"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_pinned_healthy_and_without_a_default_password(name):
    service = SERVICES[name]
    image, _, tag = service["image"].rpartition(":")
    assert image, f"{service['image']} has no tag"
    assert PINNED.fullmatch(tag)
    health = service["healthcheck"]
    if name == "worker":  # has no port: the image's check would never pass
        assert health == {"disable": True}
    else:
        assert health["test"][0] in {"CMD", "CMD-SHELL"}
        assert {"interval", "timeout", "retries"} <= health.keys()
    for variable, value in said(service).items():
        if SECRET.search(variable) and "ACCESS_KEY_ID" not in variable:
            assert ASKED.search(str(value)), f"{name}: {variable} is a literal"
    started = " ".join(service.get("command", ()))
    for told in re.findall(r"(?:requirepass|password)[ =]+(\S+)", started):
        assert told.startswith("$$"), f"{name}: a literal password in the command"
    for port in published(service):
        assert port.startswith("127.0.0.1:")
    for other in service.get("depends_on", {}).values():
        assert other["condition"] == "service_healthy"


@pytest.mark.parametrize("name", OURS)
def test_ours_may_do_no_more_than_it_needs(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["user"] == dict(last_stage())["USER"]
    assert not str(service["user"]).startswith(("0", "root"))
    assert any(mount.startswith("/tmp") for mount in service["tmpfs"])
    assert service["volumes"] == ["library:/data" if name == "earmark" else "media:/data"]
    assert service["image"].split(":")[1].startswith(earmark.__version__)
    assert int(service["stop_grace_period"].rstrip("s")) > ServeSettings().grace_s


def test_what_is_behind_is_reached_from_inside_only():
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name in SERVICES.keys() - {*OURS, "door"}:
        assert SERVICES[name]["networks"] == ["inside"]
    # One of each profile; the door reaches services only, which lie in both networks.
    assert [name for name in SERVICES if published(SERVICES[name])] == ["earmark", "door"]
    assert "networks" not in SERVICES["door"]


def test_a_library_in_redis_is_shared_by_what_runs_twice():
    service, worker = SERVICES["earmark-scaled"], SERVICES["worker"]
    assert said(service) == said(worker)
    assert service["image"] == worker["image"]
    assert worker["command"] == ["worker"]
    assert service["deploy"]["replicas"] == worker["deploy"]["replicas"] == 2
    address = redis_address(said(service)["EARMARK_LIBRARY"])
    assert not address.password
    assert address.server == "redis:6379"
    assert address.vectors == "http://milvus:19530"
    assert {"redis", "milvus"} <= SERVICES.keys()
    wanted = {PASSWORD: "REDIS_PASSWORD", "EARMARK_MILVUS_TOKEN": "MILVUS_ROOT_PASSWORD"}
    for variable, asked in wanted.items():
        assert ASKED.findall(said(service)[variable]) == [asked]
    extras = service["build"]["args"]["EXTRAS"].split(",")
    assert {"server", "redis"} <= set(extras)
    assert set(extras) <= optional_dependencies().keys()


def test_redis_keeps_what_it_was_given():
    said_to_redis = SERVICES["redis"]["command"][-1].split("<<SETTINGS")[1].splitlines()
    lines = [line.split() for line in said_to_redis if " " in line.strip()]
    settings = {line[0]: line[1] for line in lines}
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "always"
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["requirepass"].startswith("$$")


def optional_dependencies() -> dict[str, list[str]]:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return told["project"]["optional-dependencies"]


def test_every_password_stands_empty_in_the_example():
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    asked = set(ASKED.findall(text))
    assert asked
    assert asked == set(re.findall(r"^(\w+)=$", example, re.M))
    assert not re.search(r"^\w+=.+$", example, re.M)
    assert ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()


def test_settings_in_the_containers_are_ones_that_there_are():
    known = {f"EARMARK_{name.upper()}" for name in Settings.__dataclass_fields__}
    known |= {f"EARMARK_SERVE_{name.upper()}" for name in ServeSettings.__dataclass_fields__}
    named = {*environment(last_stage())}.union(*(said(SERVICES[name]) for name in OURS))
    assert {name for name in named if name.startswith("EARMARK_")} <= known
    assert environment(last_stage())["EARMARK_LIBRARY"].startswith("/data/")


def test_the_image_is_pinned_in_two_stages_and_not_root():
    bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    image, _, tag = bases[0].partition(":")
    assert image == "python"
    assert re.fullmatch(r"3\.\d+\.\d+-slim-\w+", tag)
    stage = dict(last_stage())
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", stage["USER"])
    assert stage["VOLUME"] == "/data"
    assert stage["ENTRYPOINT"] == '["earmark"]'
    assert stage["CMD"] == '["serve"]'
    words = [word for word, _ in last_stage()]
    assert words.index("USER") < words.index("ENTRYPOINT")


def test_the_check_of_health_is_the_python_that_is_there():
    stage = dict(last_stage())
    code = re.search(r'CMD \["python", "-c", "([^"]+)"\]', stage["HEALTHCHECK"])
    assert code is not None
    compile(code[1], "HEALTHCHECK", "exec")
    assert "/readyz" in code[1]
    for name in ASKED_BY_PORT:
        compile(SERVICES[name]["healthcheck"]["test"][3], name, "exec")


def test_no_secret_is_built_in():
    for word, rest in instructions():
        if word in {"ENV", "ARG"}:
            assert not SECRET.search(rest)
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert "*" in ignored  # nothing goes to the builder but what is named
    named = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        name
        for word, rest in instructions()
        if word == "COPY" and not rest.startswith("--from")
        for name in rest.split()[:-1]
    }
    assert copied == named
    assert all((ROOT / name).exists() for name in named)
