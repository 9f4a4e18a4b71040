"""Whatever is taken out: it is one member of one binding, and somebody can still set the policy."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dagwarden.iam.finding import RemoveMember
from dagwarden.iam.remedy import explain_refusal, remove_member, stands, undone
from dagwarden.iam.snapshot import Binding, Condition, Grant, ResourcePolicy, list_grants

from .facts import on, take, write_policy

ROLES = ("roles/owner", "roles/storage.admin", "roles/browser", "roles/resourcemanager.projectIamAdmin")
MEMBERS = ("user:a@x.com", "user:b@x.com", "allUsers", "deleted:user:c@x.com?uid=1", "projectOwner:p")
RESOURCES = ("projects/p", "buckets/inbox")

bindings = st.builds(
    Binding,
    role=st.sampled_from(ROLES),
    members=st.lists(st.sampled_from(MEMBERS), min_size=1, unique=True).map(tuple),
    condition=st.sampled_from((None, None, Condition(expression="x", title="t"))),
)
policies = st.builds(
    lambda resource, found: ResourcePolicy(resource=resource, bindings=tuple(found)),
    st.sampled_from(RESOURCES),
    st.lists(bindings, min_size=1, max_size=5),
)
POLICY = write_policy()


def undo(grant: Grant) -> RemoveMember:
    return RemoveMember(resource=grant.resource, role=grant.role, member=grant.member, condition=grant.condition)


@given(policies, st.data())
def test_exactly_one_grant_goes(policy: ResourcePolicy, data: st.DataObject) -> None:
    before = list(list_grants((policy,)))
    fix = undo(data.draw(st.sampled_from(before)))
    changed = remove_member(policy, fix)
    assert changed is not None
    assert set(before) - set(list_grants((changed,))) == {undone(fix)}
    assert set(list_grants((changed,))) <= set(before)
    assert changed.etag == policy.etag
    assert remove_member(changed, fix) is None


@given(policies, st.data())
def test_a_project_that_somebody_could_set_stays_so(policy: ResourcePolicy, data: st.DataObject) -> None:
    policy = ResourcePolicy(resource="projects/p", bindings=policy.bindings)
    fix = undo(data.draw(st.sampled_from(list(list_grants((policy,))))))
    setters = {"roles/owner", "roles/resourcemanager.projectIamAdmin"}

    def can_set(held: ResourcePolicy) -> bool:
        return any(
            grant.role in setters and grant.member in ("user:a@x.com", "user:b@x.com") and grant.condition is None
            for grant in list_grants((held,))
        )

    if not explain_refusal(fix, POLICY, take(policy), frozenset()) and can_set(policy):
        changed = remove_member(policy, fix)
        assert changed is not None
        assert can_set(changed)


def test_a_binding_under_another_condition_is_another_binding() -> None:
    policy = on("buckets/inbox", ("roles/browser", "allUsers", "x"))
    bare = RemoveMember(resource="buckets/inbox", role="roles/browser", member="allUsers")
    assert remove_member(policy, bare) is None
    assert not stands((policy,), undone(bare))
    titled = RemoveMember(
        resource="buckets/inbox",
        role="roles/browser",
        member="allUsers",
        condition=Condition(expression="x", title="told otherwise"),
    )
    assert remove_member(policy, titled) == ResourcePolicy(resource="buckets/inbox", bindings=(), etag="e1")


def test_the_last_admin_of_a_bucket_goes_only_if_the_project_has_one() -> None:
    bucket = on("buckets/inbox", ("roles/storage.admin", "user:a@x.com"))
    fix = undo(next(iter(list_grants((bucket,)))))
    assert "nobody could set" in explain_refusal(fix, POLICY, take(bucket, on("projects/p")), frozenset())
    owned = take(bucket, on("projects/p", ("roles/owner", "user:b@x.com")))
    assert explain_refusal(fix, POLICY, owned, frozenset()) == ""
    assert "stop working" in explain_refusal(fix, POLICY, owned, frozenset({"a@x.com"}))
