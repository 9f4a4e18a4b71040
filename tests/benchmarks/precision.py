"""How often lint is wrong on real code: makes the table of docs/lint-precision.md.

    python -m tests.benchmarks.precision CHECKOUTS             the table, in Markdown
    python -m tests.benchmarks.precision CHECKOUTS --read 20   a sample of each rule's findings, to be judged

CHECKOUTS holds one folder for each of `REPOSITORIES`, named OWNER+NAME, checked out at its commit. Only what a push
would release is linted: the `.py` files under the folders named, tests left out.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import random
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.graph import build_graph
from dagwarden.lint.import_rules import check_part
from dagwarden.lint.imports import ROOTS
from dagwarden.lint.lint import lint_files
from dagwarden.names import ReleasePath

SEED = 3


class Repository(msgspec.Struct, frozen=True):
    """Where real DAG files come from."""

    name: str
    commit: str
    folders: tuple[str, ...]


REPOSITORIES = (
    Repository("mozilla/telemetry-airflow", "a5be2ecbbf7f894e52d414573090fe2d1b93898d", ("dags", "plugins")),
    Repository("cal-itp/data-infra", "f20856f3f4cfe37f9e36f42bfe3ea22f6d4a2cfa", ("airflow/dags", "airflow/plugins")),
    Repository("GoogleCloudPlatform/python-docs-samples", "683bf45f8f608cf0248d485d2c60de22e356b2db", ("composer",)),
    Repository(
        "sul-dlss/libsys-airflow",
        "1432b3e08906df0593a81e7a22d4714c7b86f382",
        ("libsys_airflow/dags", "libsys_airflow/plugins", "plugins"),
    ),
    Repository("elifesciences/data-hub-core-airflow-dags", "14cedacd615399360414b170f2a3762f77949a35", ("dags",)),
    Repository("stellar/stellar-etl-airflow", "c23b34e1514c3152456e2460fb4a2ecc0bdb413b", ("dags",)),
    Repository(
        "Amsterdam/dataservices-airflow", "54606a638626a26bec24e5fafb4242488638e4d9", ("src/dags", "src/plugins")
    ),
    Repository("gip-inclusion/pilotage-airflow", "4f69095f997e8019362230753b33f4ee8108cf62", ("dags",)),
    Repository("blockchain-etl/ethereum-etl-airflow", "27d0fb037cbe8b9ba62880f99c155823ab2e4a35", ("dags",)),
    Repository("oss-know/airflow-jobs", "66b7f2a357a89990eb30d4fbdf409b88c21bbcbd", ("dags", "plugins")),
    Repository("TogetherCrew/airflow-dags", "441bea13c04152e72972427294cf2a3dbe20f7fd", ("dags",)),
    Repository("cityofaustin/atd-airflow", "16c7a0823f56e7e661d43a423e2b662c9e8833d7", ("dags",)),
    Repository("Just-Call-039/Airflow", "0482bac0f0ca6d4591c14281a1f6f2e8d154b07e", ("dags",)),
    Repository("vinayvaddiparthi/airflow-on-kubernetes", "ea523b558421d88ed2000ddb4d985589852492e7", ("dags",)),
    Repository("akanowhere/git_plataforma_dados_alloha_airflow", "9d0828ce634d5bfad0e36109357706ae4b24513b", ("dags",)),
    Repository("doridang001-lab/doridang_airflow", "066a854852a9efe5f2befabf400915e14a2b7a3d", ("dags",)),
    Repository("Yanan-Gao/airflow-dags", "6038f7a3eeb6fb6d75ab1c480d0f3fd7ba34244c", ("src/dags", "plugins")),
    Repository("snowsky/kube-dags-test", "0e38f34f6b0d3d65581aaa5d05758172f2dd85ff", ("dags",)),
    Repository("smu-chile/airflow-bi-ecommerce", "b872993ddcc80b143385dd7015a2182985ee25cf", ("dags", "plugins")),
    Repository("MrMaksimize/docker-airflow", "5ae44437de6f73e3a33b12a11565af99660ae758", ("poseidon/dags",)),
    Repository("Ferlab-Ste-Justine/clin-pipelines-dags", "fee8a79d1abe140150179cc7770491fc3cc4a8ce", ("dags",)),
    Repository("RockFlow-AI/airflow-dags", "3242e74ed295be23e4855cdfa947edc8d1ad779a", ("dags",)),
    Repository("wangxia514/dea-airflow", "9aaa84386a3560f1ba6f3e9d6a666fddbe367045", ("dags", "plugins")),
    Repository("Randers-Kommune-Digitalisering/airflow", "5a9bbce58232a6188e2dd825694c67ec9097e393", ("dags",)),
    Repository("superdao-inc/airflow-dags", "ed38a0f5cb7fb1584b4e7a633de816a5e102a56b", ("dags",)),
    Repository("allenren97/rrap-gcp-dags", "66c36ed314b4700302a503302269adcde3a28276", ("rrap-gcp-dags/dags",)),
    Repository("lappis-unb/airflow-dags", "7597c51ef0749df37f686c536c60b815b02c17b4", ("dags", "plugins")),
    Repository("NASA-IMPACT/veda-data-airflow", "61a797d5e8035369447cfbb65618d4c8be4ce617", ("dags",)),
    Repository("eft-library/eft-library-airflow", "d399fb4c54e40d79148f1e73478d62525b9ea463", ("dags", "plugins")),
    Repository("claude89757/wechat-on-airflow", "9bc4dc0a1466eed07684e8f9c9e3ec80b0390f38", ("dags",)),
    Repository("USF-IMARS/airflow-dag", "f3a74c23cfb5114326d5fa4da08aaaa4af4d2244", ("imars_dags/dags",)),
    Repository("lowtouch-ai/agent_dags", "387c821147f32396894b8fa8e224787962c3d9df", (".",)),
    Repository("alozur/airflow-dags", "16b87dd1d3dda0bc4b8658b60ea294ceb8a39794", (".",)),
    Repository("Dilipsinghal66/airflow-gitsync-testing", "43fb6148517591186de0c7dd598a84b7389de9bb", (".",)),
    Repository("yih5025/investment-assistant-dags", "334d3360683ede54590a11b7ee025fb4841b6295", (".",)),
    Repository("fleekfashion/fleek_airflow", "363b20653d1db9616f45f336812b9b114d216675", ("src",)),
    Repository("sbv239/airflow_examples", "ec5580c6261b5ddac9b3d6ccbdbafa70f3ada155", ("dags",)),
)


class Hit(msgspec.Struct, frozen=True):
    """One finding and its line."""

    repository: str
    finding: Finding
    source: str


def lint_repository(checkouts: Path, repository: Repository) -> tuple[int, list[Hit]]:
    """How many files were linted, and what was found."""
    root = checkouts / repository.name.replace("/", "+")
    tree = dict(_read(root, repository))
    files = {path: content for path, content in tree.items() if not _is_test(path)}
    whole: dict[str, bytes] = {str(path): content for path, content in tree.items()}
    graph = build_graph(whole, roots=_find_roots(whole))
    findings = [*lint_files(files, load_catalogue()), *check_part(graph, files)]
    lines = {path: content.decode("utf-8", "replace").split("\n") for path, content in files.items()}
    hits = [
        Hit(repository.name, found, lines[ReleasePath(found.path)][found.line - 1].strip() if found.line else "")
        for found in findings
        if found.path in lines
    ]
    return len(files), hits


def _find_roots(paths: Iterable[str]) -> tuple[str, ...]:
    """The roots among the folders of a checkout: each `dags` and `plugins` that lies in no other; "" without any.

    >>> _find_roots(["etl/dags/a/plugins/b.py", "etl/plugins/c.py"])
    ('etl/dags', 'etl/plugins')
    """
    found = set()
    for path in paths:
        folders = path.split("/")[:-1]
        places = [at for at, folder in enumerate(folders) if folder in ROOTS]
        if places:
            found.add("/".join(folders[: places[0] + 1]))
    return tuple(sorted(found)) or ("",)


def _read(root: Path, repository: Repository) -> Iterator[tuple[ReleasePath, bytes]]:
    for folder in repository.folders:
        for file in sorted((root / folder).rglob("*.py")):
            if file.is_file():
                yield ReleasePath(file.relative_to(root).as_posix()), file.read_bytes()


def _is_test(path: str) -> bool:
    *folders, name = path.split("/")
    return "tests" in folders or name.startswith(("test_", "conftest")) or "_test." in name


def make_table(hits: Mapping[str, list[Hit]], judged: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    """Rows of rule, default severity, hits, read and false; rules without a hit are left out."""
    yield "| rule | code | by default | hits | read | false |"
    yield "| --- | --- | --- | ---: | ---: | ---: |"
    pages = load_catalogue().pages
    for rule in sorted(hits, key=lambda rule: (list(Severity).index(pages[rule].severity), -len(hits[rule]), rule)):
        page = pages[rule]
        read, false = judged.get(rule, (0, 0))
        yield f"| `{rule}` | {page.code} | {page.severity} | {len(hits[rule])} | {read} | {false} |"


def main() -> None:
    """Print the table or the samples."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", type=Path)
    parser.add_argument("--read", type=int, metavar="COUNT", help="show that many findings of each rule")
    parser.add_argument("--rule", action="append", help="only this rule; may be given again")
    parser.add_argument("--judged", type=Path, help="JSON: rule -> [read, false]")
    options = parser.parse_args()
    hits: dict[str, list[Hit]] = collections.defaultdict(list)
    count = 0
    for repository in REPOSITORIES:
        files, found = lint_repository(options.checkouts, repository)
        count += files
        for hit in found:
            if not options.rule or hit.finding.rule in options.rule:
                hits[hit.finding.rule].append(hit)
    sys.stdout.write(f"{count} files, {sum(map(len, hits.values()))} findings\n\n")
    if options.read:
        for rule, of_rule in sorted(hits.items()):
            _show(rule, of_rule, options.read)
        return
    judged = msgspec.json.decode(options.judged.read_bytes(), type=dict[str, tuple[int, int]]) if options.judged else {}
    sys.stdout.write("\n".join(make_table(hits, judged)) + "\n")


def take_sample(hits: Sequence[Hit], count: int) -> list[Hit]:
    """That many hits on lines of different text, the repositories taking turns: none speaks for all."""
    mixed = random.Random(SEED).sample(hits, len(hits))
    distinct = {(hit.finding.message, hit.source): hit for hit in mixed}.values()
    by_repository: dict[str, list[Hit]] = {}
    for hit in distinct:
        by_repository.setdefault(hit.repository, []).append(hit)
    rounds = itertools.chain.from_iterable(itertools.zip_longest(*by_repository.values()))
    return [hit for hit in rounds if hit is not None][:count]


def _show(rule: str, hits: list[Hit], count: int) -> None:
    sample = take_sample(hits, count)
    sys.stdout.write(f"== {rule}: {len(hits)} hits, {len(sample)} shown\n")
    for hit in sample:
        found = hit.finding
        place = f"{hit.repository}:{found.path}:{found.line}"
        sys.stdout.write(f"{found.severity:8}{place}\n    {found.message[:160]}\n    {hit.source[:160]}\n")


if __name__ == "__main__":
    main()
