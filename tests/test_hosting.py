"""What hosts read agrees with the project: addresses, versions, Pythons, pinned actions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import slimdc

ROOT = Path(slimdc.__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SITE, SOURCE = PROJECT["urls"]["Documentation"], PROJECT["urls"]["Source"]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_addresses_are_the_same_everywhere() -> None:
    assert all(url.startswith((SITE, SOURCE)) for url in PROJECT["urls"].values())
    assert f'"{SITE}"]' in text("mkdocs.yml")
    assert f"      link: {SOURCE}\n" in text("mkdocs.yml")
    # Its number of stars would be fetched from elsewhere by each page.
    assert "\nrepo_url:" not in text("mkdocs.yml")
    assert f"repository-code: {SOURCE}\nurl: {SITE}\n" in text("CITATION.cff")


def test_the_version_is_the_same_everywhere() -> None:
    assert f"\nversion: {PROJECT['version']}\n" in text("CITATION.cff")
    assert slimdc.__version__ == PROJECT["version"]


def test_every_declared_python_is_tested_on_three_systems() -> None:
    declared = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    quoted = ", ".join(f'"{version}"' for version in declared)
    for name in ("tests", "release"):
        workflow = text(f".github/workflows/{name}.yml")
        assert f"python: [{quoted}]" in workflow
        systems = re.search(r"system: \[(.*)\]", workflow)
        assert systems
        assert [name.partition("-")[0] for name in systems[1].split(", ")] == [
            "ubuntu",
            "macos",
            "windows",
        ]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_and_permissions_are_given_job_by_job(path: Path) -> None:
    workflow = path.read_text(encoding="utf-8")
    used = re.findall(r"uses: (.*)", workflow)
    assert used
    for action in used:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    assert "\npermissions: {}\n" in workflow
    assert workflow.count("persist-credentials: false") == workflow.count("actions/checkout@")
    jobs = workflow.partition("\njobs:\n")[2]
    assert len(re.findall(r"^  \w+:$", jobs, re.M)) == jobs.count("    permissions:")


def test_one_job_alone_can_publish() -> None:
    everything = "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    assert everything.count("id-token: write") == 1
    publish = text(".github/workflows/release.yml").partition("\n  publish:\n")[2]
    assert "id-token: write" in publish
    assert "environment:" in publish
    assert "needs: [check]" in publish
    assert "run:" not in publish


def test_the_index_shows_a_readme_whose_links_lead_somewhere() -> None:
    hook = tomllib.loads(text("pyproject.toml"))["tool"]["hatch"]["metadata"]["hooks"]
    shown = text("README.md")
    for change in hook["fancy-pypi-readme"]["substitutions"]:
        assert SOURCE.partition("github.com")[2] in change["replacement"]
        shown = re.sub(change["pattern"], change["replacement"], shown)
    for target in re.findall(r"\]\(([^)]+)\)", shown):
        assert target.startswith(("https://", "#")), target
        file = target.partition("/slimdc/slimdc/")[2].removeprefix("blob/").removeprefix("main/")
        assert (ROOT / file.partition("#")[0]).exists(), target


def test_what_the_parts_of_ci_are_called_is_what_is_run() -> None:
    parts = re.search(r"^parts=\((.*)\)$", text(".ci/run"), re.M)
    asked = re.search(r"part: \[(.*)\]", text(".github/workflows/tests.yml"))
    assert parts
    assert asked
    # The declared Pythons are a matrix of their own there.
    assert set(parts[1].split()) - set(asked[1].split(", ")) == {"newest"}
