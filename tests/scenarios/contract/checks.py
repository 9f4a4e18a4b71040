"""What the contract says, asked of a pipeline in which nothing is under way."""

from __future__ import annotations

from dagwarden.audit.entry import Kind
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.state import tree_digest
from dagwarden.ledger.verify import compare_bucket, list_bucket, read_bucket, verify_chain
from dagwarden.names import PushId, ReleaseNumber
from dagwarden.sync.check import find_damage
from tests.scenarios.contract.pipeline import Pipeline


def check_contract(pipeline: Pipeline, pushes: set[PushId]) -> None:
    """No push is lost or released twice, all show the head, and each effect is on record."""
    assert not pipeline.refused
    check_pushes(pipeline, pushes)
    check_instances(pipeline)
    check_bucket(pipeline)
    check_audit(pipeline)


def check_pushes(pipeline: Pipeline, pushes: set[PushId]) -> None:
    """Each push has one verdict and each allowed one its release, once; the chain is whole."""
    assert set(pipeline.desk.verdicts()) >= pushes, "a push was lost"
    pipeline.desk.check()


def check_instances(pipeline: Pipeline) -> None:
    """Each instance shows the head, and never showed anything but whole releases, in order."""
    seen = pipeline.seen
    numbers = {ReleaseNumber(number) for shown in seen.values() for number, _ in shown}
    calm = pipeline.plant.calm
    chain = verify_chain(calm, Ledger(calm), pipeline.environment, numbers)
    assert chain.head is not None
    for component, agent in pipeline.agents.items():
        folders = agent.instance.held_folders()
        for number, held in seen[component]:
            assert held == tree_digest(chain.states[ReleaseNumber(number)].files, folders), "a tree of no release"
        order = [number for number, _ in seen[component]]
        assert order == sorted(order), "went back without a release that says so"
        tree = agent.root.current_tree()
        assert tree is not None
        assert (tree.number, tree.held_digest) == (chain.head.number, tree_digest(chain.head.files, folders))
        assert not find_damage(agent.root.trees / tree.name, tree, reads_bytes=True)


def check_bucket(pipeline: Pipeline) -> None:
    """The environment's bucket holds the head and nothing else, byte for byte; before release 1 it is nobody's."""
    cloud, state = pipeline.plant.calm, pipeline.desk.state()
    if not state.number:
        return
    live = list_bucket(cloud, pipeline.bucket)
    for check in (
        compare_bucket(pipeline.bucket, live, state),
        read_bucket(cloud, pipeline.bucket, live, state),
    ):
        assert str(check.result) == "holds", check.detail


def check_audit(pipeline: Pipeline) -> None:
    """Each release was told of and each arrival of the head is on record; verdicts and releases: see `check_pushes`."""
    desk, head = pipeline.desk, pipeline.desk.head()
    noticed = {entry.release for entry in desk.audit(Kind.RELEASE_NOTIFIED)}
    assert noticed == set(range(1, head + 1))
    if head:
        assert head in {entry.release for entry in desk.audit(Kind.RELEASE_MIRRORED)}
        synced = [entry for entry in desk.audit(Kind.RELEASE_SYNCED) if entry.release == head]
        assert {entry.who.name.split("/")[1] for entry in synced} >= {str(each) for each in pipeline.agents}
