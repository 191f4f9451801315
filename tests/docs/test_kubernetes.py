"""deploy/kubernetes: every resource fits Kubernetes' own schemas, and the pieces fit each other.

Read, not run: neither kubectl nor kustomize need be where the tests are. What kustomize would do is
done here for the few things that these files use, and everything else in them is refused.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

import earmark
from earmark.config import ServeSettings, Settings
from earmark.stores.redis_address import redis_address

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
LAYERS = [FOLDER / "base", *sorted((FOLDER / "overlays").iterdir())]
OVERLAYS = LAYERS[1:]
EXAMPLE = FOLDER / "secret.example.yaml"
VERSIONS = ("1.29.0", "1.37.0")
KINDS_OF_PODS = ("Deployment", "StatefulSet")
COMPONENT = "app.kubernetes.io/component"
UNDERSTOOD = {"apiVersion", "kind", "namespace", "labels", "resources", "patches", "images"}


def read(path: Path) -> dict:
    """The one document of a file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def kustomization(folder: Path) -> dict:
    told = read(folder / "kustomization.yaml")
    assert set(told) <= UNDERSTOOD, f"{folder.name}: the test does not know what that does"
    return told


def merged(into: dict, patch: dict) -> dict:
    """A strategic merge of maps; lists have rules of their own and stand in no patch here."""
    for key, value in patch.items():
        assert not isinstance(value, list), f"{key}: a patch of a list is beyond this test"
        into[key] = merged(into.get(key, {}), value) if isinstance(value, dict) else value
    return into


def identity(resource: dict) -> tuple[str, str]:
    return resource["kind"], resource["metadata"]["name"]


def built(folder: Path) -> dict[tuple[str, str], dict]:
    """What `kustomize build` makes of a layer, namespace and common labels aside."""
    told, found = kustomization(folder), {}
    for name in told["resources"]:
        path = (folder / name).resolve()
        inner = built(path) if path.is_dir() else {identity(read(path)): read(path)}
        assert not found.keys() & inner.keys(), f"{name} is there twice"
        found |= copy.deepcopy(inner)
    for patch in told.get("patches", ()):
        change = read(folder / patch["path"])
        assert identity(change) in found, f"{patch['path']} changes what is not there"
        merged(found[identity(change)], change)
    for image in told.get("images", ()):
        used = [one for one in containers(found) if one["image"] == image["name"]]
        assert used, f"the image {image['name']} is used nowhere"
        for one in used:
            one["image"] = f"{image['newName']}:{image['newTag']}"
    return found


def pods(found: dict) -> Iterator[tuple[tuple[str, str], dict]]:
    for key, resource in found.items():
        if key[0] in KINDS_OF_PODS:
            yield key, resource["spec"]["template"]


def containers(found: dict) -> Iterator[dict]:
    for _, template in pods(found):
        yield from template["spec"]["containers"]


FILES = [path for path in sorted(FOLDER.rglob("*.yaml")) if path.name != "kustomization.yaml"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_resource_fits_the_schema(path, version):
    kubernetes_validate.validate(read(path), version, strict=True)


def test_a_wrong_resource_does_not_fit():
    wrong = read(FOLDER / "base" / "service.yaml")
    wrong["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda folder: folder.name)
def test_what_is_built_fits_too(folder):
    for resource in built(folder).values():
        kubernetes_validate.validate(resource, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("folder", LAYERS, ids=lambda folder: folder.name)
def test_every_file_is_named_and_every_name_is_a_file(folder):
    told = kustomization(folder)
    assert told["apiVersion"] == "kustomize.config.k8s.io/v1beta1"
    named = [*told["resources"], *(patch["path"] for patch in told.get("patches", ()))]
    assert len(named) == len(set(named))
    assert all((folder / name).exists() for name in named)
    here = {path.name for path in folder.iterdir()} - {"kustomization.yaml"}
    assert here == {name for name in named if not name.startswith("..")}
    assert folder.name == "base" or "../../base" in named


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda folder: folder.name)
def test_labels_selectors_ports_and_names_agree(folder):
    found = built(folder)
    labels = {key: template["metadata"]["labels"] for key, template in pods(found)}
    assert len({one[COMPONENT] for one in labels.values()}) == len(labels)
    for key, resource in found.items():
        spec = resource.get("spec", {})
        if key[0] in KINDS_OF_PODS:
            assert spec["selector"]["matchLabels"] == labels[key]
            for spread in spec["template"]["spec"].get("topologySpreadConstraints", ()):
                assert spread["labelSelector"]["matchLabels"] == labels[key]
        if key[0] == "StatefulSet":
            assert ("Service", spec["serviceName"]) in found
        if key[0] == "Service":
            behind = [at for at, own in labels.items() if spec["selector"] == own]
            assert len(behind) == 1, f"{key} leads to no pods"
            (container,) = found[behind[0]]["spec"]["template"]["spec"]["containers"]
            offered = {port["name"] for port in container["ports"]}
            assert {port["targetPort"] for port in spec["ports"]} <= offered
        if key[0] == "PodDisruptionBudget":
            assert spec["selector"]["matchLabels"] in labels.values()
        if key[0] == "HorizontalPodAutoscaler":
            target = spec["scaleTargetRef"]
            scaled = found[target["kind"], target["name"]]
            assert scaled["apiVersion"] == target["apiVersion"]
            assert "replicas" not in scaled["spec"]  # an apply would undo the autoscaler
            assert spec["minReplicas"] >= 2
            (container,) = scaled["spec"]["template"]["spec"]["containers"]
            assert "cpu" in container["resources"]["requests"]  # shares are shares of it
        if key[0] == "NetworkPolicy":
            named = set(spec["podSelector"]["matchExpressions"][0]["values"])
            (rule,) = spec["ingress"]
            named |= set(rule["from"][0]["podSelector"]["matchExpressions"][0]["values"])
            assert named == {one[COMPONENT] for one in labels.values()}
            ports = {port["port"] for one in found.values() for port in open_ports(one)}
            assert {port["port"] for port in rule["ports"]} <= ports


def open_ports(resource: dict) -> list[dict]:
    return resource["spec"]["ports"] if resource["kind"] == "Service" else []


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda folder: folder.name)
def test_everything_that_is_referred_to_is_there(folder):
    found, secret = built(folder), read(EXAMPLE)
    for key, template in pods(found):
        spec = template["spec"]
        claims = found[key]["spec"].get("volumeClaimTemplates", ())
        volumes = {one["name"] for one in spec.get("volumes", ())}
        volumes |= {claim["metadata"]["name"] for claim in claims}
        for volume in spec.get("volumes", ()):
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in found
            if "persistentVolumeClaim" in volume:
                name = volume["persistentVolumeClaim"]["claimName"]
                assert ("PersistentVolumeClaim", name) in found
        (container,) = spec["containers"]
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
        for source in container.get("envFrom", ()):
            assert ("ConfigMap", source["configMapRef"]["name"]) in found
        for variable in container.get("env", ()):
            if "valueFrom" in variable:
                asked = variable["valueFrom"]["secretKeyRef"]
                assert asked["name"] == secret["metadata"]["name"]
                assert asked["key"] in secret["stringData"]
        ports = {port["name"] for port in container.get("ports", ())}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if "httpGet" in container.get(probe, {}):
                assert container[probe]["httpGet"]["port"] in ports


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda folder: folder.name)
def test_ours_may_do_no_more_than_they_need_and_share_their_files(folder):
    found = built(folder)
    for name in ("earmark", "earmark-worker"):
        spec = found["Deployment", name]["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.M)
        assert (
            str(spec["securityContext"]["runAsUser"]),
            str(spec["securityContext"]["fsGroup"]),
        ) == user.groups()
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["automountServiceAccountToken"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
        assert container["image"].split(":")[1] == f"{earmark.__version__}-scaled"
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        media = found["ConfigMap", "earmark"]["data"]["EARMARK_SERVE_MEDIA"]
        assert media.startswith(f"{mounts['media']}/")
        assert spec["terminationGracePeriodSeconds"] > ServeSettings().grace_s
    assert found["PersistentVolumeClaim", "media"]["spec"]["accessModes"] == ["ReadWriteMany"]
    service = found["Deployment", "earmark"]["spec"]["template"]["spec"]["containers"][0]
    assert service["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert service["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert {container["args"][0] for container in ours(found)} == {"serve", "worker"}


def ours(found: dict) -> list[dict]:
    return [one for one in containers(found) if "/earmark:" in one["image"]]


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda folder: folder.name)
def test_settings_and_addresses_are_ones_that_earmark_takes(folder):
    found = built(folder)
    known = {f"EARMARK_{name.upper()}" for name in Settings.__dataclass_fields__}
    known |= {f"EARMARK_SERVE_{name.upper()}" for name in ServeSettings.__dataclass_fields__}
    told = found["ConfigMap", "earmark"]["data"]
    named = {*told, *(one["name"] for part in ours(found) for one in part["env"])}
    assert named <= known
    assert all(isinstance(value, str) for value in told.values())
    address = redis_address(told["EARMARK_LIBRARY"])
    assert not address.password
    assert address.vectors
    if folder.name == "small":
        for place in (address.server, address.vectors.removeprefix("http://")):
            name, _, port = place.partition(":")
            assert int(port) in {one["port"] for one in open_ports(found["Service", name])}


def test_no_secret_and_no_loose_image_is_in_any_file():
    assert set(read(EXAMPLE)["stringData"].values()) == {""}
    for folder in OVERLAYS:
        for container in containers(built(folder)):
            assert re.search(r":(v?\d+\.\d+\.\d+)(-\w+)?$", container["image"])
            for variable in container.get("env", ()):
                secret = re.search("PASSWORD|TOKEN|SECRET", variable["name"])
                assert not (secret and "value" in variable)


def test_redis_keeps_what_it_was_given():
    redis = built(FOLDER / "overlays" / "small")["StatefulSet", "redis"]
    (container,) = redis["spec"]["template"]["spec"]["containers"]
    lines = [line.split() for line in container["command"][-1].splitlines()]
    told = {line[0]: line[1] for line in lines if len(line) == 2}
    assert told["appendonly"] == "yes"
    assert told["appendfsync"] == "always"
    assert told["maxmemory-policy"] == "noeviction"
    limit = container["resources"]["limits"]["memory"]
    assert int(told["maxmemory"].removesuffix("gb")) < int(limit.removesuffix("Gi"))
